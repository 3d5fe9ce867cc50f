"""check_leaks.py: leaks.json and its keys, warnings, a bundle's images; what it brings under a table."""

import json
import shutil
import zipfile

import cv2
import pytest
from support.cell_files import MODELS, make_cell, options
from support.pages import key_paths, unknown_key_paths

from nuclei.common.files import sha256


@pytest.fixture
def raw(drawn, tmp_path):
    """The drawn data, in which one test image is a turned training image and the other one a mirrored one."""
    folder = tmp_path / "raw"
    shutil.copytree(drawn, folder)
    image = cv2.imread(str(folder / "dataset/train/DEMO-01/images/DEMO-01.png"))
    other = cv2.imread(str(folder / "dataset/train/DEMO-02/images/DEMO-02.png"))
    first, second = sorted((folder / "dataset/test").glob("*.png"))
    cv2.imwrite(str(first), cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE))
    cv2.imwrite(str(second), cv2.flip(other, 0))
    return folder / "dataset"


def test_a_turned_and_a_mirrored_training_image_among_the_test_images(stage, raw, drawn, tmp_path):
    done = stage("check_leaks", "--dataset", drawn / "dataset", "--out", tmp_path / "none.json")
    assert (done.returncode, "warning" in done.stderr) == (0, False)
    none = json.loads((tmp_path / "none.json").read_text())
    assert none == {"test_images": 2, "compared_with": {"this run": 3}, "leaks": []}
    done = stage("check_leaks", "--dataset", raw, "--out", tmp_path / "leaks.json")
    found = json.loads((tmp_path / "leaks.json").read_text())
    leaks = found["leaks"]
    assert [leak["seen"] for leak in leaks] == ["DEMO-01", "DEMO-02"]
    assert {(leak["seen_by"], leak["how"]) for leak in leaks} == {("this run", "same tissue")}
    for leak in leaks:
        assert f"warning: test image {leak['test']}: same tissue as {leak['seen']}" in done.stderr
    assert unknown_key_paths(set(key_paths(found)) - {"compared_with.this run"}, "data/leaks.json") == []


def test_the_images_of_a_bundle_are_compared_by_name_and_hash(stage, drawn, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    first, second = sorted((drawn / "dataset/test").glob("*.png"))
    files = {name: name.encode() for name in ("config.py", "weights.pth", "README.md")}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    images = [
        {"file_name": f"elsewhere/{first.name}", "sha256": "0" * 64},
        {"file_name": "x.png", "sha256": sha256(second)},
    ]
    content = {"format": 1, "training_images": images, "files": {name: sha256(tmp_path / name) for name in files}}
    with zipfile.ZipFile(tmp_path / "bundle.zip", "w") as archive:
        archive.writestr("bundle.json", json.dumps(content))
        for name, data in files.items():
            archive.writestr(name, data)
    out = tmp_path / "leaks.json"
    done = stage("check_leaks", "--dataset", drawn / "dataset", "--bundle", tmp_path / "bundle.zip", "--out", out)
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text())
    assert found["compared_with"] == {"this run": 3, "the model of bundle.zip": 2}
    assert [(leak["test"], leak["seen"], leak["how"]) for leak in found["leaks"]] == [
        (first.stem, first.stem, "same name"),
        (second.stem, "x", "same file"),
    ]


def test_leaks_and_near_steps_stand_under_the_table(stage, tmp_path):
    for at, model in enumerate(MODELS):
        make_cell(tmp_path, 1, model, 0, 0.2 + at / 1000, 10 + at)
    leak = {"test": "t", "seen": "s", "seen_by": "this run", "how": "same pixels", "points": None}
    (tmp_path / "leaks.json").write_text(json.dumps({"leaks": [leak]}))
    groups = {
        f"setting1/{model}": {"pooled": {"ap50_100": {"value": 0.2 + at / 1000, "high": high}}}
        for at, (model, high) in enumerate(zip(MODELS, (0.207, 0.208, None, 0.21, 0.2, 0.21), strict=True))
    }
    groups["setting2/mask_r50"] = groups["setting1/mask_x101"]
    (tmp_path / "comparisons.json").write_text(json.dumps({"groups": groups}))
    command = ["--setting", 1, "--models-file", "config/models.yaml", "--models", *MODELS, "--seeds", 0]
    command += options(tmp_path, [1], MODELS, (0,), "--scores", "--choices", "--trainings")
    command += ["--leaks", tmp_path / "leaks.json", "--comparisons", tmp_path / "comparisons.json"]
    done = stage("make_table", *command, "--out-dir", tmp_path / "tables")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "tables/table1.md").read_text()
    assert "LEAK: test image t: same pixels as s, a training image of this run" in text.replace("\\", "")
    assert "LEAK" in (tmp_path / "tables/table1_full.md").read_text()
    shown = [line.split("|")[6].replace("\\", "").strip() for line in text.splitlines() if line.startswith("| ")][1:]
    # 21/101 = 0.2079 is the next step of all
    assert shown == ["0.2000", "0.2010 *", "0.2020", "0.2030 *", "0.2040", "0.2050 *"]
    assert "the distance to the next step" in text
    assert "*" not in (tmp_path / "tables/table1.csv").read_text()
    (tmp_path / "leaks.json").write_text("[]")
    done = stage("make_table", *command, "--out-dir", tmp_path / "tables")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
