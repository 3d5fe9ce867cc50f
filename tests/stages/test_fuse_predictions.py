"""fuse_predictions.py: what errs apart scores higher together; bad predictions are named."""

import json

from support.squares import IMAGES, square

from nuclei.scoring.average_precision import score


def test_two_that_err_apart_score_higher_together(stage, tmp_path):
    nuclei = [(x, y) for x in (2, 18, 34, 50) for y in (2, 18, 34, 50)]
    truth = {"images": IMAGES[:1], "categories": [{"id": 1, "name": "nucleus"}], "annotations": []}
    for at, (x, y) in enumerate(nuclei):
        row = square(1, x, y)
        truth["annotations"].append({**row, "id": at + 1, "iscrowd": 0, "area": 100})
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    right = [square(0.8, x, y) for x, y in nuclei]
    first = right + [square(0.9, x + 6, y + 6) for x, y in nuclei[:5]]  # surer than what is right, each alone
    second = right + [square(0.9, x - 2, y + 7) for x, y in nuclei[5:10]]
    for name, rows in (("a", first), ("b", second)):
        (tmp_path / f"{name}.json").write_text(json.dumps(rows))
    command = ["fuse_predictions", "--predictions", tmp_path / "a.json", tmp_path / "b.json"]
    command += ["--test-images", tmp_path / "truth.json", "--out", tmp_path / "fused.json"]
    done = stage(*command, "--label", "two/setting1")
    assert done.returncode == 0, done.stderr
    assert "two/setting1 1/1 images in" in done.stderr
    fused = json.loads((tmp_path / "fused.json").read_text())
    assert stage(*command, "--soft-nms").returncode == 0
    softer = json.loads((tmp_path / "fused.json").read_text())
    assert sum(row["score"] for row in softer) < sum(row["score"] for row in fused)
    alone = [score(truth, rows)["ap50_100"] for rows in (first, second)]
    assert max(alone) < 0.8
    assert score(truth, fused)["ap50_100"] == 1


def test_bad_predictions_are_named(stage, tmp_path):
    (tmp_path / "truth.json").write_text(json.dumps({"images": IMAGES, "categories": [], "annotations": []}))
    (tmp_path / "a.json").write_text(json.dumps([square(0.5, 1, 1)]))
    (tmp_path / "b.json").write_text(json.dumps([square(0.5, 1, 1, image=3)]))
    done = stage(
        *(
            "fuse_predictions",
            "--predictions",
            tmp_path / "a.json",
            tmp_path / "b.json",
            "--test-images",
            tmp_path / "truth.json",
        ),
        *("--out", tmp_path / "fused.json"),
    )
    assert done.returncode == 2 and done.stderr.startswith(f"error: {tmp_path / 'b.json'}: ")
    assert "image_id" in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "fused.json").exists()
