"""Names that a shell, Snakemake or Python could misread: of the project's folder, of data, in the config."""

import os
import shutil
import subprocess
import zipfile

import pytest
import yaml
from conftest import ROOT, checkout
from support.tiny import CONFIG, planned, snakemake

from nuclei.data.drawing import draw

HOSTILE = 'it\'s {a} "tést" $x; #'
RESULTS = ["cells/setting1/mask_r50/seed0", "data/coco", "data/annotations", "tables", "published"]


pytestmark = pytest.mark.slow  # two whole runs of one model


def run(folder, name):
    """The project in folder/name with a data set beside it, run whole: {result: its bytes}; and how to run it again."""
    project = checkout(folder / name.replace("{a}", "a"))
    given, models = project / "given" / name, project / f"{name}.models.yaml"
    draw(given, train=3, test=2, size=96, seed=3)
    shutil.copy(ROOT / "config/models.yaml", models)
    split = project / "given" / f"{name}.split.yaml"
    split.write_text("train: [DEMO-01, DEMO-02]\nvalidation: [DEMO-03]\n")
    submissions = project / "given" / f"{name} submissions"
    submissions.mkdir()
    for row in (ROOT / "config/published.tsv").read_text().splitlines()[1:]:
        with zipfile.ZipFile(submissions / f"answer_{row.split()[-1]}.zip", "w") as file:
            file.writestr("answer.json", "[]")
    config = CONFIG | {
        "models_file": models.name,
        "models": ["mask_r50"],
        "settings": [1],
        "raw": {
            "draw": None,
            "dataset": {"path": f"given/{name}/dataset"},
            "test_masks": {"path": str(given / "test_masks")},
        },
        "split": {"file": str(split)},
        "published": {"submissions": str(submissions)},
        "tables": {"note": None},
    }
    # as Windows writes text: a byte order mark, CRLF
    (project / "tiny.yaml").write_text(yaml.safe_dump(config), encoding="utf-8-sig", newline="\r\n")
    done = snakemake(project)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    files = [path for part in RESULTS for path in sorted((project / "results/tiny" / part).rglob("*"))]
    names = {".json", ".tsv", ".csv", ".md", ".zip", ".tex"}
    return project, {path.relative_to(project): path.read_bytes() for path in files if path.suffix in names}


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return run(tmp_path_factory.mktemp("plain"), "plain")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    return run(tmp_path_factory.mktemp("hostile"), HOSTILE)


def without_provenance(files):
    """The files but for what says when, where and from which paths a training came."""
    return {path: content for path, content in files.items() if path.name not in ("training.json", "cells.csv")}


def test_any_name_of_project_and_data_gives_the_same_results(plain, hostile):
    one, other = without_provenance(plain[1]), without_provenance(hostile[1])
    assert len(one) > 30 and one.keys() == other.keys()
    assert {str(path) for path in one if one[path] != other[path]} == set()
    assert planned(snakemake(hostile[0], "-n")) == {}


def test_a_run_may_be_started_from_any_folder(hostile, tmp_path):
    project, _ = hostile
    command = ["snakemake", "--cores", "2", "-n", "-s", project / "Snakefile", "--configfile"]
    command += [project / "config/demo.yaml", project / "tiny.yaml"]
    assert planned(subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)) == {}
    assert not os.listdir(tmp_path)
    elsewhere = subprocess.run([*command, "--directory", tmp_path], capture_output=True, text=True)
    wanted = f"error: --directory: {tmp_path} found, wanted the folder of the project, {project}, in which every stage"
    assert elsewhere.returncode and wanted in elsewhere.stdout + elsewhere.stderr


def test_braces_in_the_path_of_the_project_are_refused(tmp_path):
    done = snakemake(checkout(tmp_path / "{a}"), "-n", config="config/demo.yaml")
    wanted = f"error: {tmp_path}/{{a}}: braces found, wanted none in the path of the project"
    said = done.stdout + done.stderr
    assert done.returncode and wanted in said and "Traceback" not in said
