"""`snakemake predict_images` on a real SLURM: a job for each slide, one of them killed, and a slide that is none."""

import csv
import os
import re
import signal
from pathlib import Path

import pytest
from cluster import command, wait
from runs import LONG, finish, jobs, make_project, running_cluster, snakemake
from support.model_run import make_cell
from support.slides import tissue_image, write_slide
from support.tiny import CONFIG

from nuclei.prediction.bundles import make_bundle

pytestmark = pytest.mark.slurm

ASKED = ("--config", "images=new", "model=bundle.zip")
SKIP = (*ASKED, "export={on_bad_image: skip}", "--", "predict_images")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with running_cluster(tmp_path_factory.mktemp("cluster")) as found:
        yield found


@pytest.fixture(scope="module")
def make(undisturbed, tmp_path_factory):
    """make(name): a checkout beside a bundle and a folder with two slides and a file that is no slide."""
    cell = make_cell(tmp_path_factory.mktemp("model") / "run", *undisturbed)

    def made(name):
        folder = make_project(tmp_path_factory.mktemp(name) / "project", CONFIG | {"compute": {"device": "auto"}})
        make_bundle(cell, folder / "bundle.zip", 0.5, {})
        (folder / "new").mkdir()
        for seed, slide in enumerate(("one", "two")):
            write_slide(folder / f"new/{slide}.svs", tissue_image(1200, 1200, seed), 0.5)
        (folder / "new/bad.svs").write_text("no slide")
        return folder

    return made


@pytest.fixture(scope="module")
def project(cluster, make):
    """A finished run in which the process of the slide `one` was killed after its first row of windows."""
    folder = make("killed")
    process = snakemake(folder, *SKIP)

    def met():
        (job,) = (job for job in jobs(cluster, folder, "predict_slide") if job["Comment"].strip().endswith("_one"))
        if job["JobState"] != "RUNNING":
            return None
        listed = command("scontrol", "listpids", job["JobId"], job["NodeList"], check=False).splitlines()[1:]
        at_work = [int(line.split()[0]) for line in listed if is_prediction(line.split()[0])]
        return at_work[0] if at_work and both_started(folder) else None

    wait(lambda: len(jobs(cluster, folder, "predict_slide")) == 3, LONG, "three slides are submitted")
    os.kill(wait(met, LONG, "the first slide has a row of windows"), signal.SIGKILL)
    return finish(process, folder)


def is_prediction(pid):
    """Whether a process is scripts/predict_images.py itself."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:  # it has ended, or SLURM knows no id yet
        return False
    return b"scripts/predict_images.py" in words and b"bash" not in words[0]


def both_started(folder):
    """Whether each slide has a finished row of windows, or is done."""
    started = {path.parent for path in folder.glob("work/images/*/row_*.json")}
    return len(started) == (1 if (folder / "results/images/two.nuclei.json").is_file() else 2)


def slide_of(job):
    """Name of the slide of a job."""
    return job["Comment"].strip().removeprefix("rule_predict_slide_wildcards_")


def test_each_slide_is_a_job_and_a_killed_one_goes_on_in_a_second(cluster, project):
    found = jobs(cluster, project)
    ends = sorted((slide_of(job), job["JobState"]) for job in found if slide_of(job) in ("one", "two", "bad"))
    assert ends == [("bad", "COMPLETED"), ("one", "COMPLETED"), ("one", "FAILED"), ("two", "COMPLETED")]
    assert [job["JobState"] for job in jobs(cluster, project, "predict_images")] == ["COMPLETED"]
    assert len(found) == 5
    assert all(len(ids) == 1 for job in found for ids in job["gpus"].values()) and all(job["gpus"] for job in found)
    log = (project / "results/images/logs/predict_slide.one.log").read_text()
    done, rows = map(int, re.search(r"one.svs \(1/1\): (\d+) of (\d+) rows of windows are done", log).groups())
    assert 1 <= done < rows


def test_the_list_names_all_slides_and_the_bad_one(project):
    with (project / "results/images/images.tsv").open(encoding="utf-8") as file:
        rows = {row["image"]: row for row in csv.DictReader(file, delimiter="\t")}
    assert {name: row["result"] for name, row in rows.items()} == {
        "one.svs": "done",
        "two.svs": "done",
        "bad.svs": "skipped",
    }
    assert rows["bad.svs"]["problem"].startswith("new/bad.svs: not a readable SVS")
    assert all(int(rows[name]["nuclei"]) > 100 for name in ("one.svs", "two.svs"))


def test_the_files_are_those_of_an_undisturbed_run_without_slurm(project, make):
    folder = make("whole")
    finish(snakemake(folder, "--config", "images=new/one.svs", *SKIP[2:], where=("--cores", "1")), folder)
    for name in ("one.geojson", "one.csv"):
        assert (folder / "results/images" / name).read_bytes() == (project / "results/images" / name).read_bytes(), name


def test_a_bad_slide_stops_before_any_other_is_looked_at(cluster, make):
    folder = make("stopped")
    assert snakemake(folder, "--retries", "0", *ASKED, "--", "predict_images").wait(LONG) != 0
    assert [job["JobState"] for job in jobs(cluster, folder)] == ["FAILED"] * 3
    assert "error: new/bad.svs: not a readable SVS" in (folder / "snakemake.log").read_text()
    assert not list(folder.glob("work/images/*/row_*.json")) and not list(folder.glob("results/images/*.geojson"))
