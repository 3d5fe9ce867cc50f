"""Published submissions re-scored: on drawn answers by value, and on the author's own against the report's tables."""

import csv
import json

import numpy as np
import pytest
from conftest import ROOT, SHARED
from support.score_cases import SIDE
from support.submissions import AP_100, ground_truth, needs_submissions

from nuclei.prediction.answers import write_zip


@pytest.fixture
def drawn_submissions(tmp_path):
    """Four true squares; submission 111 finds one of them, 222 two, 999 is in no row."""
    squares = []
    for k in range(4):
        mask = np.zeros((SIDE, SIDE), bool)
        mask[9 * k + 1 : 9 * k + 8, 5:12] = True
        squares.append(mask)
    truth = ground_truth([(1, "a.png", mask) for mask in squares])
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    (tmp_path / "submissions").mkdir()
    for name, found in (("111", 1), ("222", 2), ("999", 4)):
        rows = [
            {"image_id": 1, "category_id": 1, "score": 0.5, "bbox": [0, 0, 1, 1], "segmentation": row["segmentation"]}
            for row in truth["annotations"][:found]
        ]
        (tmp_path / "answer.json").write_text(json.dumps(rows))
        write_zip(tmp_path / f"submissions/answer_{name}.zip", tmp_path / "answer.json")
    lines = [
        "table\tmodel\tepoch\tmap\tsubmission",
        "1\tmask_r50\t7\t0.2574\t111",
        "1\tmask_x101\t8\t0.3\t",
        "2\tcascade_r50\t9\t0.4000\t222",
        "2\tms_rcnn_x101\t9\t0.1\t333",
    ]
    (tmp_path / "published.tsv").write_text("\n".join(lines) + "\n")
    return tmp_path


def score_published(stage, folder, threads=1):
    command = ["--submissions", folder / "submissions", "--ground-truth", folder / "truth.json", "--threads", threads]
    command += ["--published", folder / "published.tsv", "--models-file", ROOT / "config/models.yaml"]
    return stage("score_published", *command, "--out-dir", folder / "out")


def test_rows_differences_and_files(stage, drawn_submissions):
    done = score_published(stage, drawn_submissions, threads=2)
    assert done.returncode == 0, done.stderr
    out = drawn_submissions / "out"
    one = list(csv.DictReader((out / "table1.csv").open()))
    two = list(csv.DictReader((out / "table2.csv").open()))
    # recall 1/4 reaches 26 of the 101 thresholds, 2/4 reaches 51
    assert float(one[0]["re-scored mAP"]) == pytest.approx(26 / 101)
    assert float(one[0]["difference"]) == pytest.approx(26 / 101 - 0.2574)
    for cap in (100, 1000):
        assert float(two[0][f"AP 0.50:0.95, {cap} detections an image"]) == pytest.approx(51 / 101)
    assert [row["file"] for row in one + two] == [
        "answer_111.zip",
        "no file published",
        "answer_222.zip",
        "answer_333.zip not in the folder",
    ]
    assert (one[1]["re-scored mAP"], one[1]["difference"], one[1]["published mAP"]) == ("", "", "0.3")
    assert [(row["model"], row["backbone"], row["published epoch"]) for row in two] == [
        ("cascade", "r50", "9"),
        ("ms rcnn", "x101", "9"),
    ]
    text = (out / "table1.md").read_text()
    assert "files of no row, with their re-scored mAP: answer_999.zip (1.0000)" in text
    assert "| 0.2574          | 0.2574          | 0.0000       |" in text
    assert json.loads((out / "scores/222.json").read_text())["map_report"] == pytest.approx(51 / 101)


def test_all_bad_files_are_named(stage, drawn_submissions):
    (drawn_submissions / "submissions/answer_111.zip").write_bytes(b"none")
    (drawn_submissions / "answer.json").write_text("[{}]")
    write_zip(drawn_submissions / "submissions/answer_222.zip", drawn_submissions / "answer.json")
    done = score_published(stage, drawn_submissions)
    assert done.returncode == 2
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 2
    assert "answer_111.zip: damaged" in errors[0]
    assert "answer_222.zip: row 0: image_id is None" in errors[1]
    assert not (drawn_submissions / "out").exists()


def test_without_nuclei_or_files_it_says_so(stage, drawn_submissions):
    truth = json.loads((drawn_submissions / "truth.json").read_text())
    (drawn_submissions / "truth.json").write_text(json.dumps({**truth, "annotations": []}))
    assert "no nuclei, wanted the test masks' annotations" in score_published(stage, drawn_submissions).stderr
    (drawn_submissions / "truth.json").write_text(json.dumps(truth))
    for path in (drawn_submissions / "submissions").iterdir():
        path.unlink()
    assert "no answer_*.zip found" in score_published(stage, drawn_submissions).stderr


@needs_submissions
def test_the_reports_tables_from_the_authors_files(stage, real_truth, tmp_path):
    (tmp_path / "truth.json").write_text(json.dumps(real_truth))
    (tmp_path / "submissions").symlink_to(SHARED / "submissions")
    (tmp_path / "published.tsv").write_text((ROOT / "config/published.tsv").read_text())
    done = score_published(stage, tmp_path)
    assert done.returncode == 0, done.stderr
    rows = [row for table in (1, 2) for row in csv.DictReader((tmp_path / f"out/table{table}.csv").open())]
    found = [row for row in rows if row["re-scored mAP"]]
    assert (len(rows), len(found)) == (12, 11)
    for row in found:
        assert f"{float(row['re-scored mAP']):.4f}" == f"{float(row['published mAP']):.4f}"
        submission = row["file"].removeprefix("answer_").removesuffix(".zip")
        # the number in the file's name is what the server said, with more digits than the report; one is mistyped
        said = 0.230362 if submission == "23062" else float(f"0.{submission}")
        assert float(row["re-scored mAP"]) == pytest.approx(said, abs=2e-6)
        assert f"{float(row['AP 0.50:0.95, 100 detections an image']):.4f}" == f"{AP_100[submission]:.4f}"
    (missing,) = [row for row in rows if not row["re-scored mAP"]]
    assert (missing["model"], missing["backbone"], missing["published mAP"]) == ("mask", "x101", "0.2316")
    assert missing["file"] == "no file published"
    assert "no model can exceed 0.2574" in (tmp_path / "out/table1.md").read_text()
