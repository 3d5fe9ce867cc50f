"""score_instances.py and compare_cells.py with its tables and figures: the keys of their files, as docs/files.md has
them; the threshold and what it was chosen on; cells without masks; bad input."""

import csv
import json
from xml.etree import ElementTree

import cv2
import pytest
from conftest import ROOT
from support.pages import key_paths, unknown_key_paths
from support.score_cases import random_case

from nuclei.report.instance_rows import TABLES
from nuclei.scoring.image_statistics import NAMES

FORMS = ("csv", "md", "tex", "html")
NAMED = {"--out": "instance_scores.json", "--out-statistics": "image_statistics.json", "--out-errors": "errors.csv"}


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """Folder with a ground truth, two sets of predictions, and a validation set of three images with its split."""
    folder = tmp_path_factory.mktemp("case")
    content, rows = random_case(3, images=4)
    validation, validated = random_case(7)
    validation["info"] = {"converter": "exact", "dropped": []}
    for image in validation["images"]:
        image["file_name"] = f"v{image['id']}/images/v{image['id']}.png"
    content["images"][0]["file_name"] = "TCGA-A7-A13E-01Z-00-DX1.png"
    split = {"train": ["v1"], "validation": ["v2", "v3"]}
    kept = [row for row in validated if row["image_id"] != 1]
    files = {"truth": content, "p0": rows, "p1": rows[::2], "validation": validation, "validated": kept, "split": split}
    files["empty"] = {**content, "annotations": []}
    for name, value in files.items():
        (folder / f"{name}.json").write_text(json.dumps(value))
    return folder


def score(stage, case, out, truth="truth", predictions="p0", **options):
    """Run score_instances.py with the case's files; options: file of the case for each further option."""
    given = ["--ground-truth", case / f"{truth}.json", "--predictions", case / f"{predictions}.json"]
    for name, file in options.items():
        given += [f"--{name.replace('_', '-')}", case / f"{file}.json" if name != "chosen_on" else file]
    outs = [word for option, name in NAMED.items() for word in (option, out / name)]
    return stage("score_instances", *given, "--organs", ROOT / "config/organs.tsv", *outs)


VALIDATED = {"validation_predictions": "validated", "validation_truth": "validation", "split": "split"}


def test_the_files_of_a_cell(stage, case, tmp_path):
    done = score(stage, case, tmp_path, chosen_on="these", **VALIDATED)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    found = json.loads((tmp_path / "instance_scores.json").read_text())
    assert found["threshold"]["chosen_on"].startswith("these: 2 images, ")
    assert 0 < found["threshold"]["value"] <= 1
    assert set(found["scores"]) == set(found["per_image"][0]["scores"]) == set(NAMES)
    assert list(found["organs"]) == ["breast"]
    assert found["organs"]["breast"]["scores"]["pq"]["pooled"] == found["per_image"][0]["scores"]["pq"]
    assert unknown_key_paths(set(key_paths(found)), "instance_scores.json") == []
    statistics = json.loads((tmp_path / "image_statistics.json").read_text())
    assert unknown_key_paths(set(key_paths(statistics, "")), "image_statistics.json") == []
    assert [row["image_id"] for row in statistics] == [1, 2, 3, 4]
    with (tmp_path / "errors.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert unknown_key_paths(set(rows[0]), "errors.csv") == []
    assert sum(row["what"] == "nucleus" for row in rows) == found["nuclei"]
    kept = sum(row["score"] >= found["threshold"]["value"] for row in json.loads((case / "p0.json").read_text()))
    assert sum(row["what"] == "detection" for row in rows) == kept < found["predictions"]


def test_without_validation_images_all_detections_count(stage, case, tmp_path):
    assert score(stage, case, tmp_path).returncode == 0
    found = json.loads((tmp_path / "instance_scores.json").read_text())
    assert found["threshold"] == {"value": None, "chosen_on": "nothing: every detection counts", "pq": None}


def test_bad_input_is_told_in_one_line(stage, case, tmp_path):
    done = score(stage, case, tmp_path, validation_predictions="validated")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "--validation-truth" in done.stderr
    done = score(stage, case, tmp_path, validation_predictions="p0", validation_truth="validation", split="split")
    assert done.returncode == 2
    assert "p0.json: row 0: image_id is 1, wanted one of [2, 3]" in done.stderr
    done = score(stage, case, tmp_path, **(VALIDATED | {"split": "truth"}))
    assert done.returncode == 2
    assert "wanted what make_split.py writes" in done.stderr


def test_bad_organs_are_told(stage, case, tmp_path):
    for text, said in (("image\torgan\na\n", "line 2"), ("a\tb\n", "columns a, b"), ("", "cannot be read")):
        (tmp_path / "organs.tsv").write_text(text)
        given = ["--ground-truth", case / "truth.json", "--predictions", case / "p0.json"]
        outs = ["--out", "a", "--out-statistics", "b", "--out-errors", "c"]
        done = stage("score_instances", *given, "--organs", tmp_path / "organs.tsv", *outs)
        assert done.returncode == 2, text
        assert said in done.stderr


@pytest.fixture(scope="module")
def compared(stage_of_module, case, tmp_path_factory):
    """Folder with the files of two models in one setting, compared, as tables and figures."""
    out = tmp_path_factory.mktemp("compared")
    for number in (0, 1):
        done = score(stage_of_module, case, out / str(number), predictions=f"p{number}", **VALIDATED)
        assert done.returncode == 0, done.stderr
    tables(stage_of_module, out)
    return out


@pytest.fixture(scope="module")
def stage_of_module():
    """The fixture `stage`, for fixtures of the module."""
    from conftest import stage

    return stage.__wrapped__()


def tables(stage, out):
    """Compare the cells 0 and 1 of a folder, and make tables and figures."""
    cells = ["--settings", 1, "--models", "mask_r50", "cascade_r50", "--seeds", 0]
    files = {name: [out / str(number) / name for number in (0, 1)] for name in NAMED.values()}
    compared = out / "comparisons.json"
    runs = [
        ["compare_cells", *cells, "--statistics", *files["image_statistics.json"], "--out", compared],
        ["make_instance_tables", *cells, "--scores", *files["instance_scores.json"], "--comparisons", compared,
         "--models-file", ROOT / "config/models.yaml", "--board", ROOT / "config/board.tsv", "--out-dir", out,
         "--data-note", "a note"],
        ["judge_findings", "--comparisons", compared, "--published", compared, "--out-dir", out],
        ["draw_comparisons", "--comparisons", compared, "--out-dir", out],
        ["draw_scores", "--settings", 1, "--models", "mask_r50", "cascade_r50", "--seed", 0, "--comparisons", compared,
         "--statistics", *files["image_statistics.json"], "--errors", *files["errors.csv"], "--out-dir", out],
    ]  # fmt: skip
    for command in runs:
        done = stage(*command)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), done.stderr


def table(out, name):
    with (out / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_comparisons_have_the_keys_of_the_page(compared):
    found = json.loads((compared / "comparisons.json").read_text())
    assert list(found["groups"]) == ["setting1/cascade_r50", "setting1/mask_r50"]
    found["groups"] = {"label": found["groups"]["setting1/mask_r50"]}
    assert unknown_key_paths(set(key_paths(found)), "comparisons.json") == []


def test_tables_say_what_the_files_say(compared):
    scores = [json.loads((compared / str(number) / "instance_scores.json").read_text()) for number in (0, 1)]
    found = json.loads((compared / "comparisons.json").read_text())
    instances = table(compared, "instances")
    assert [row["over"] for row in instances] == ["all images as one", "mean over images"] * 2
    for at, form in enumerate(("pooled", "mean")):
        assert float(instances[at]["PQ"]) == pytest.approx(scores[0]["scores"]["pq"][form], abs=1e-12)
        assert float(instances[at + 2]["AJI+"]) == pytest.approx(scores[1]["scores"]["aji_plus"][form], abs=1e-12)
    stairs = table(compared, "staircase")
    assert [float(row["mAP"]) for row in stairs] == pytest.approx([one["staircase"]["score"] for one in scores])
    step = float(stairs[0]["next step"])
    assert round(step * 101) == pytest.approx(step * 101)
    assert stairs[0]["step in interval"] == ("yes" if step <= float(stairs[0]["high"]) else "no")
    errors = table(compared, "errors")
    assert int(float(errors[0]["matched"])) == scores[0]["errors"]["nucleus"]["all"]["matched"]
    shares = table(compared, "error_shares")
    for row, one in zip(shares, scores, strict=True):
        assert float(row["AP50"]) == pytest.approx(one["scores"]["ap50_all"]["pooled"], abs=1e-12)
        assert float(row["costs: badly placed"]) == pytest.approx(one["error_shares"]["gains"]["placed"], abs=1e-12)
        assert float(row["number: missed"]) == one["error_shares"]["counts"]["missed"]
        parts = [float(row[kind]) for kind in ("matched", "merged", "split", "missed")]
        assert sum(parts) == float(row["nuclei"]) == one["nuclei"]
        assert float(row["detections false"]) == one["errors"]["detection"]["all"]["false"]
    gain, number = scores[0]["error_shares"]["gains"]["false_positives"], scores[0]["error_shares"]["counts"]
    assert f"{gain:+.4f} ({number['false_positives']})" in (compared / "error_shares.md").read_text()
    (pair,) = table(compared, "comparisons")
    wanted = found["pairs"][0]["scores"]["pooled"]["pq"]
    assert (float(pair["pq difference"]), pair["pq verdict"]) == (wanted["difference"], wanted["verdict"])
    assert table(compared, "organs")[0]["organ"] == "breast"
    for name in TABLES:
        for form in FORMS:
            assert "a note" in (compared / f"{name}.{form}").read_text() or form == "csv"
    text = (compared / "instances.md").read_text()
    assert "chosen for the largest mean PQ of validation images: 2 images" in text


def test_findings_are_judged(compared):
    found = table(compared, "findings")
    assert {row["finding"] for row in found} == {"3.1.1", "3.1.2", "3.1.3", "4.2", "ResNet101"}
    assert {row["measured on"] for row in found} == {"this run", "published submissions"}
    assert {row["judgement"] for row in found} == {"not measured"}  # one setting, two models of one backbone


def test_figures_show_every_row(compared):
    for name in ("forest", "better", "errors", "precision_recall", "ceiling", "sizes"):
        picture = cv2.imread(str(compared / f"{name}.png"))
        assert min(picture.shape[:2]) > 200
        assert picture.std() > 10
        assert ElementTree.parse(compared / f"{name}.svg").getroot().tag.endswith("svg")


def test_cells_without_masks(stage, case, tmp_path):
    for number in (0, 1):
        assert score(stage, case, tmp_path / str(number), truth="empty", **VALIDATED).returncode == 0
    found = json.loads((tmp_path / "0/instance_scores.json").read_text())
    assert (found["scored"], found["images"], found["nuclei"]) == (False, 4, 0)
    assert json.loads((tmp_path / "0/image_statistics.json").read_text()) == []
    assert len((tmp_path / "0/errors.csv").read_text().splitlines()) == 1
    tables(stage, tmp_path)
    for name in TABLES:
        assert "without masks: not scored" in (tmp_path / f"{name}.md").read_text()
    assert not json.loads((tmp_path / "comparisons.json").read_text())["scored"]
