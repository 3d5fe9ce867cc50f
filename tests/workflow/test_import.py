"""Data of another format go through import_raw, all other data do not; what it makes leads on to annotations."""

import json

import pytest
import yaml
from conftest import checkout
from support.foreign import NUCLEI, write_set
from support.tiny import CONFIG, planned, snakemake


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return checkout(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A data set of COCO JSON with a space in its path."""
    return write_set("coco polygons", tmp_path_factory.mktemp("own") / "my images")[0]


def overlay(project, raw):
    none = {"draw": None, "test_masks": {"path": None}, "expected": None}
    (project / "own.yaml").write_text(yaml.safe_dump(CONFIG | {"run": "own", "raw": none | raw}))
    return "own.yaml"


def test_another_format_is_imported(project, given):
    config = overlay(project, {"dataset": {"path": str(given)}, "test": {"fraction": 0.25}})
    jobs = planned(snakemake(project, "-n", config=config))
    assert jobs["import_raw"] == 1 and jobs["check_part"] == 3
    assert not {"fetch_raw", "draw_raw"} & set(jobs)


def test_test_images_without_known_nuclei_have_no_masks_to_check(project, given):
    config = overlay(project, {"dataset": {"path": str(given)}, "test": {"masks": False}})
    assert planned(snakemake(project, "-n", config=config))["check_part"] == 2


def test_groups_reach_the_random_choices(project, given):
    (project / "it's.csv").write_text("image,patient\n")
    groups = {"file": "it's.csv", "column": "my patient"}
    options = "'--groups=it'\"'\"'s.csv' '--column=my patient'"
    for test, reached in (({"fraction": 0.25}, 2), ({"file": "tiny.yaml"}, 1)):
        (project / "tiny.yaml").write_text("[z]")
        config = overlay(project, {"dataset": {"path": str(given)}, "test": test, "groups": groups})
        said = snakemake(project, "-n", "-p", config=config).stdout
        commands = [line for line in said.splitlines() if "import_raw.py" in line or "make_split.py" in line]
        assert len(commands) == 2 and sum(options in line for line in commands) == reached
        assert any(options in line and "make_split.py" in line for line in commands)


def test_the_layout_of_the_course_is_not_imported(project, drawn):
    config = overlay(project, {"dataset": {"path": str(drawn)}})
    assert not {"import_raw", "fetch_raw", "draw_raw"} & set(planned(snakemake(project, "-n", config=config)))


def test_masks_apart_are_refused_with_another_format(project, given):
    raw = {"dataset": {"path": str(given)}, "test_masks": {"path": str(given)}}
    done = snakemake(project, "-n", config=overlay(project, raw))
    assert done.returncode
    assert (
        f"config: raw.test_masks.path {given} found, wanted null with data in another format"
        in done.stdout + done.stderr
    )


def test_an_import_leads_to_annotations_and_a_second_run_does_nothing(project, given):
    config = overlay(project, {"dataset": {"path": str(given)}, "test": {"fraction": 0.25, "seed": 1}})
    targets = ["results/own/data/annotations/setting1/train.json", "results/own/data/raw.md"]
    done = snakemake(project, "--", *targets, config=config)
    assert done.returncode == 0, done.stderr[-3000:]
    annotations = json.loads((project / "results/own/data/coco/exact/train.json").read_text())["annotations"]
    imported = json.loads((project / "results/own/data/imported.json").read_text())
    training = [row["id"] for row in imported["images"] if row["set"] == "train"]
    assert len(annotations) == sum(len(NUCLEI[id_]) for id_ in training)
    assert "Format: `coco_json` (found by itself)." in (project / "results/own/data/raw.md").read_text()
    assert planned(snakemake(project, "-n", "--", *targets, config=config)) == {}
    content = json.loads((given / "train/_annotations.coco.json").read_text())
    content["categories"][1]["name"] = "renamed"
    (given / "train/_annotations.coco.json").write_text(json.dumps(content))
    assert "import_raw" in planned(snakemake(project, "-n", "--", *targets, config=config))
