"""What runs again: a table of changes and the jobs that each makes run, by running them on a small finished run.

The rows without marker take seconds each; `make test-rerun` runs all of them. docs/rerun.md is made from this table:
PYTHONPATH=scripts:tests:tests/workflow python tests/workflow/test_rerun.py > docs/rerun.md
"""

import base64
import hashlib
import json
import os
import re
import subprocess
import time
from pathlib import Path

import pytest
from conftest import ROOT, checkout
from rerun_changes import mask_file
from rerun_rows import ROWS
from support.damage import UNREADABLE
from support.tiny import interrupted, planned, snakemake, verified
from support.two_cells import (
    CELLS,
    DATA,
    DRAWN,
    FIRST,
    FUSED,
    LAST,
    NEW,
    SEEDS,
    STAGES,
    TRAINED,
    cell_folder,
    stages,
    trained_epochs,
    write_config,
)

from nuclei.data.drawing import draw

HEAD = f"""# What runs again

A job runs again when something changed that it depends on: the content of its inputs, its values of the config, its
code, or the pinned packages of its environment. Changed file times, comments, docstrings or a moved folder make nothing
run again, whatever the size of the files. `snakemake -n` names the reason for each job.

Each stage that reads raw data depends on the content of what it reads: the training images and masks, the test images,
or the test masks. So it does not matter where a run is stopped (Ctrl-C, a failed job, a target): the next run does what
is still to do. Files that are no data, such as `.DS_Store`, count for nothing.

A change of code or pins makes the job `train` run again, but trains nothing: the job finds its trained epochs in
`work/` and ends at once, and the jobs after it use the same weights. For this keep `work/<run>/cells/`; without it the
training starts over. With another recipe, other data or other COCO weights it is another training, which starts from
the beginning. The recipe does not contain the place of the data, nor what does not reach the weights: how validation
and test look at images, and the cap of their detections. The end of [config/README.md](../config/README.md) says how to
train a cell again under new code.

Each epoch is saved first and validated then, so a stop during validation loses no training: the next start validates
the epoch before it trains on. The predictions of each validation are kept in `work/`. Under changed code of the scores
they are scored again, and nothing is trained. If the config looks at validation images in another way, the epochs whose
weights are still there are validated again.

The outputs of a training are those of its present config, as if there had been no other: with fewer epochs they are cut
to these, with more the training goes on, and scores are shown of the epochs that `training.validate_every` asks for
alone. Where fewer epochs need weights that are no longer there, so many epochs are trained anew, in a folder of their
own inside the work folder; the longer training stays for later. One thing is not as from the start: weights that were
removed under another `training.validate_every` or other `checkpoints` do not come back. The training warns of them,
`checkpoint.json` says where a better epoch could not be chosen, and the end of config/README.md how to train it again.

To go on elsewhere, copy `results/`, `work/` and `.snakemake/`. A profile of your own needs `max-checksum-file-size` and
`rerun-triggers` of `profiles/default/config.yaml`.

`make test-rerun` tests the table. It takes a copy of a finished run (`mask_r50` and `pointrend_r50`, setting 1, seed
0, 1 epoch, raw data in a folder, `scoring.instances: false`), makes each change in it, runs Snakemake, and compares
the jobs that ran with the table. (The scores beyond AP, on by default, add their rules: `predict_validation`,
`score_instances` and what follows.) After that nothing may run in a second call. In a second copy it stops Snakemake
(Ctrl-C) as soon as the first job has finished, or, where nothing is to run, while it still looks for that, and starts
it again: the same cells are trained, and the results are equal byte for byte. That is tested on a CPU; on a GPU the
weights of two trainings differ.
In the table, "a to b" means all stages from a to b in this order:

- {", ".join(FIRST[:5])},
  {", ".join(FIRST[5:])};
- {", ".join(STAGES)} of each cell;
- {", ".join(LAST)}.

| change | what runs | what is trained | note |
|---|---|---|---|
"""


def records(project):
    """{output: (job, what Snakemake noted of it)}; a job: its rule and its cell, ensemble or part, by its log."""
    found = {}
    for path in (project / ".snakemake/metadata").rglob("*"):
        if path.is_file():
            text = path.read_text()
            record = json.loads(text)
            rule, name = record["rule"], Path(record["log"][0]).stem
            cell = re.match(r"setting\d\.\w+\.\w+(?=\.)", name)
            part = cell[0] if cell else name.removeprefix(rule).lstrip("._")
            found[base64.b64decode(path.name.replace("@", "")).decode()] = (f"{rule} {part}".strip(), text)
    return found


def run(project):
    """Run Snakemake; returns the set of jobs that ran, by its records and, as many of each rule, by its plan."""
    before = records(project)
    done = snakemake(project)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    jobs = {job for output, (job, text) in records(project).items() if before.get(output, ("", ""))[1] != text}
    counts = {}
    for job in jobs:
        counts[job.split()[0]] = counts.get(job.split()[0], 0) + 1
    assert counts == planned(subprocess.CompletedProcess([], 0, done.stderr, ""))
    return jobs


def files(folder):
    """{path: (SHA-256, time in ns)} of the files below a folder."""
    return {
        str(path.relative_to(folder)): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def weights(project, cell):
    """{file: SHA-256} of the weights of a cell, among the results and in the state to resume from."""
    place = "/".join(cell.split("."))
    found = [*project.glob(f"results/tiny/cells/{place}/*/*.pth"), *project.glob(f"work/tiny/cells/{place}/*/*.pth")]
    return {str(path.relative_to(project)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run of two cells on a given raw folder."""
    project = checkout(tmp_path_factory.mktemp("finished") / "project")
    draw(project / "given", train=3, test=2, size=64, seed=3)
    write_config(project)
    jobs = run(project)
    assert jobs == {"check_device"} | DATA | stages(CELLS, "resolve_config") | TRAINED
    assert [trained_epochs(project, cell) for cell in CELLS] == [[1], [1]]
    return project


@pytest.fixture(scope="module")
def finished_drawn(tmp_path_factory):
    """A finished run of the same cells on data that the project draws itself."""
    project = checkout(tmp_path_factory.mktemp("drawn") / "project")
    write_config(project, raw=DRAWN)
    assert run(project) == {"check_device", "draw_raw"} | DATA | stages(CELLS, "resolve_config") | TRAINED
    return project


# what may differ between two runs of equal results: times of the clock, and what shows them
CLOCK = {"log.jsonl", "training.json", "manifest.json", "report.html", "cells.csv", "curves_setting1.png"}


def results(project):
    """{path: SHA-256} of the files of the run folder that hold no times of the clock."""
    found = files(project / "results/tiny")
    return {
        name: digest
        for name, (digest, _) in found.items()
        if not name.startswith("logs/") and Path(name).name not in CLOCK | {".snakemake_timestamp"}
    }


def changed(row, finished, folder):
    """A copy of a finished run with the change of a row."""
    subprocess.run(["cp", "-a", finished, folder / "project"], check=True)
    row.change(folder / "project")
    (project,) = folder.iterdir()
    return project


def trainings(project, jobs):
    """{cell: epochs} that the `train` jobs among these went through; a job that found its work done has none."""
    ran = {job.split()[1] for job in jobs if job.startswith("train ")}
    return {cell: epochs for cell in ran if (epochs := trained_epochs(project, cell))}


ENDED = {}  # {name of a row: results of its change}, so that a row and its twin make them once


@pytest.fixture
def base(request, row):
    """The finished run that a row changes."""
    return request.getfixturevalue(row.base)


TWINS = [pytest.param(row, id=row.name) for row in ROWS]
MARKED = [pytest.param(row, id=row.name, marks=[] if row.seconds else pytest.mark.rerun) for row in ROWS]


@pytest.mark.parametrize("row", MARKED)
def test_exactly_these_jobs_run(row, base, tmp_path):
    project = changed(row, base, tmp_path)
    cells = {cell: (files(cell_folder(project, cell)), weights(project, cell)) for cell in CELLS}
    start = time.monotonic()
    jobs = run(project)
    print(f"\n{row.name}: {len(jobs)} jobs, {time.monotonic() - start:.0f} s", end="", flush=True)
    assert jobs == row.jobs
    assert trainings(project, jobs) == row.trained
    for cell, (before, trained) in cells.items():
        if not any(job.endswith(f" {cell}") for job in jobs):
            assert files(cell_folder(project, cell)) == before
        if cell not in row.trained:
            assert weights(project, cell) == trained
    ENDED[row.name] = results(project)
    row.effect(project, base)
    if jobs:
        assert run(project) == set()


@pytest.mark.rerun
@pytest.mark.parametrize("row", TWINS)
def test_a_run_that_was_stopped_ends_in_the_same(row, base, tmp_path):
    """Stopped after its first job, or, where no job is to run, while it looks for what there is to do."""
    for name in ("whole", "stopped"):
        (tmp_path / name).mkdir()
    if row.name not in ENDED:
        whole = changed(row, base, tmp_path / "whole")
        assert trainings(whole, run(whole)) == row.trained
        ENDED[row.name] = results(whole)
    project = changed(row, base, tmp_path / "stopped")
    before, start = records(project), time.monotonic()
    status, said = interrupted(project, after="Finished jobid" if row.jobs else "Building DAG of jobs")
    assert bool(row.jobs) == ("Finished jobid" in said), said
    assert status or len(row.jobs) <= 1, said
    first = {job for output, (job, text) in records(project).items() if before.get(output, ("", ""))[1] != text}
    left = run(project)
    print(f"\n{row.name}: {', '.join(sorted(first))}; then {len(left)} jobs, {time.monotonic() - start:.0f} s", end="")
    assert trainings(project, first | left) == row.trained
    assert results(project) == ENDED[row.name]
    verified(project / "results/tiny")
    assert run(project) == set()


def test_every_row_has_its_twin():
    """The rows of the page, those that run and those that run again after a stop are the same."""
    shown = re.findall(r"^\| (?!change |---)(.+?) \|", (ROOT / "docs/rerun.md").read_text(), re.MULTILINE)
    for cases in (MARKED, TWINS):
        assert [case.id for case in cases] == [row.name for row in ROWS] == shown
    twin = test_a_run_that_was_stopped_ends_in_the_same
    assert [mark.args[1] for mark in twin.pytestmark if mark.name == "parametrize"] == [TWINS]


def test_files_that_cannot_be_read_end_in_lines_of_the_check_alone(finished, tmp_path):
    """Neither in a traceback nor in a wait as Snakemake starts and hashes the data."""
    project = tmp_path / "project"
    subprocess.run(["cp", "-a", finished, project], check=True)
    masks = project / "given/dataset/train/DEMO-01/masks"
    undecodable = masks / os.fsdecode(b"\xff.png")
    mask_file(project).rename(undecodable)
    (masks / "dangling.png").symlink_to("nowhere")
    os.mkfifo(masks / "pipe.png")
    (masks / "unreadable.png").symlink_to(UNREADABLE)
    folder = "given/dataset/train/DEMO-01/masks"
    assert planned(snakemake(project, "-n"))["check_part"] >= 1
    done = snakemake(project, "--", "results/tiny/data/checked/train.json")
    said = done.stdout + done.stderr
    assert done.returncode and "Traceback" not in said
    assert {line.strip() for line in said.splitlines() if line.strip().startswith("error: ")} == {
        f"error: {folder}/dangling.png: link to nothing found, wanted a file or folder; correct or remove the link",
        f"error: {folder}/pipe.png: neither a file nor a folder found, wanted one of them; remove it",
        f"error: {folder}/unreadable.png: cannot be read (Input/output error), wanted a mask; check the file",
        f"error: {folder}: name '\\udcff.png' found, wanted letters that can be printed (UTF-8); rename it",
    }


ENSEMBLES = [*FUSED, "make_ensembles_table"]


def who(cells):
    """Cells in words: those of the finished run are "every cell", the others their model and seed."""
    names = [" ".join(cell.split(".")[1:]).replace(" seed0", "").replace("seed", "seed ") for cell in cells]
    return "every cell" if cells == CELLS else ", ".join(names)


def span(rules):
    """Rules of ORDER or of a cell in words: their list, or the first and the last of three and more in a row."""
    order = STAGES if rules <= set(STAGES) else FIRST + ENSEMBLES + LAST
    places = sorted(map(order.index, rules))
    if len(places) > 2 and places[-1] - places[0] == len(places) - 1:
        return f"`{order[places[0]]}` to `{order[places[-1]]}`"
    return ", ".join(f"`{order[place]}`" for place in places)


def in_words(row):
    """A row of the page: change, what runs, what is trained, note."""
    rules = {job.split()[0] for job in row.jobs}
    cells = [cell for cell in [*CELLS, *SEEDS, NEW] if any(job.endswith(cell) for job in row.jobs)]
    parts = [span(part) for group in (FIRST, ENSEMBLES, LAST) if (part := rules & set(group))]
    if cells:
        parts.insert(-1, f"{span(rules & set(STAGES))} ({who(cells)})")
    epochs = {", ".join(map(str, trained)) for trained in row.trained.values()}
    trained = f"{who([cell for cell in cells if cell in row.trained])}: epoch {epochs.pop()}" if epochs else "nothing"
    return f"| {row.name} | {'; '.join(parts) or 'nothing'} | {trained} | {row.note} |"


def page():
    """docs/rerun.md."""
    return HEAD + "\n".join(map(in_words, ROWS)) + "\n"


def test_the_page_shows_this_table():
    assert (ROOT / "docs/rerun.md").read_text() == page(), "make it again: see the top of this file"


if __name__ == "__main__":
    print(page(), end="")
