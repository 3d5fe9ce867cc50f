"""Every command of README and docs, run as it stands, where the pages say; only what takes long is a dry run."""

import json
import os
import re
import shutil
import subprocess
import tarfile

import pytest
from conftest import ROOT, checkout

from nuclei.data.conversion import convert
from nuclei.data.raw_layout import read_layout

PAGES = ["README.md", "CONTRIBUTING.md", "config/README.md", "results/README.md"]
PAGES += sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/*.md"))
STARTS = re.compile(r"(?:\w+=\S+ )*(snakemake|make|python3?|[\w.-]+)\b")
OURS = ("snakemake", "make", "python", "python3")
# Commands of other programs and of other places, and which folder of tests runs them, or why none does.
ELSEWHERE = {
    "git clone <address of the repository> nuclei && cd nuclei": "the address is nobody's yet",
    "source .venv/bin/activate": "the tests run in it",
    "pip install pre-commit && pre-commit install": "a download; test_pages.py holds its hooks",
    "conda env create -f environment.yaml": "conda",
    "conda activate nuclei": "conda",
    "snakemake --cores 8 --use-conda": "conda",
    "MMCV_CUDA=1 snakemake --cores 8 --use-conda --conda-create-envs-only": "conda",
    "docker build -f containers/Dockerfile -t nuclei .": "image",
    'docker run --rm --network none --user "$(id -u):$(id -g)" -v "$PWD":/nuclei nuclei snakemake --cores 8': "image",
    "apptainer build containers/nuclei.sif containers/nuclei.def": "image",
    "apptainer exec containers/nuclei.sif snakemake --cores 8": "image",
    "snakemake --cores 8 --sdm apptainer": "image",
    "sacctmgr show associations user=$USER": "slurm",
    "snakemake --cores 2 --configfile config/demo.yaml -- results/demo/data/nuclei.csv": "test_contributing.py",
    "snakemake --cores 2 --configfile config/demo.yaml --config run=mine 'models=[mask_r101_pytorch]' -n": "the same",
    "PYTHONPATH=scripts:tests python -m bench --parts scoring": "tests/bench",
    "python -m pytest tests/unit/data/test_splits.py": "it is one of the tests",
}
NOT_LONG = {"make help", "make status"}  # run as they stand; of the other targets make only says what they would do


def commands_of(text):
    """Commands of a page: lines of its code blocks without a language or in bash, and code in its text."""
    found = []
    for language, block in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        if language in ("", "bash"):
            found += [re.split(r"\s+# |^# ", line)[0].strip() for line in block.splitlines()]
    found += re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL))
    words = {*OURS, *(re.sub(r"^(\w+=\S+ )*", "", command).split()[0] for command in ELSEWHERE)}
    return [one for one in found if " " in one and (match := STARTS.match(one)) and match[1] in words]


COMMANDS = dict.fromkeys(one for page in PAGES for one in commands_of((ROOT / page).read_text(encoding="utf-8")))


def as_run(command):
    """What is run of a command: the same, as a dry run where it would train, fetch or build."""
    command = command.replace("results/<run>", "results/r")
    program = STARTS.match(command)[1]
    if program == "make" and not any(command.startswith(one) for one in NOT_LONG):
        return command.replace("make ", "make -n ", 1)
    if program == "snakemake" and not {"-n", "--unlock"} & set(command.split()):
        return f"{command} -n"
    return command


def test_commands_are_found_and_the_long_ones_are_dry_runs():
    page = "```\nsnakemake -c1 a  # x\n# no\n```\n`make demo`, `make`, `b c`\n```python\nmake x\n```\n`make\nit`"
    assert commands_of(page) == ["snakemake -c1 a", "make demo"]
    assert (
        as_run("A=1 snakemake -c1 published --config 'a={b: c}'")
        == "A=1 snakemake -c1 published --config 'a={b: c}' -n"
    )
    assert as_run("snakemake -n -c1") == "snakemake -n -c1"
    assert [as_run(one) for one in ("make demo", "make status RUN=a")] == ["make -n demo", "make status RUN=a"]
    assert [one for one in ELSEWHERE if one not in COMMANDS] == []
    assert len(COMMANDS) > 50


@pytest.fixture(scope="module")
def project(tmp_path_factory, drawn, made_run):
    """A clone where the pages' files are: raw data under their known names, a finished run, another one that began."""
    folder = checkout(tmp_path_factory.mktemp("commands") / "project")
    (folder / "data").mkdir()
    for part, name in (("dataset", "vrdl-raw"), ("test_masks", "vrdl-test-masks")):
        with tarfile.open(folder / f"data/{name}.tar.xz", "w:xz") as archive:
            archive.add(drawn / part, part)
    (folder / "zips").mkdir()
    for run in ("r", "report", "demo"):
        shutil.copytree(made_run, folder / "results" / run)
    (folder / ".venv").mkdir()
    (folder / ".venv/.ready").touch()
    images, _, _ = read_layout(drawn / "dataset", drawn / "test_masks")
    truth = convert([image for image in images if image.set == "test"], "exact")
    (folder / "coco.json").write_text(json.dumps(truth))
    (folder / "results.json").write_text(json.dumps([{**row, "score": 0.5} for row in truth["annotations"]]))
    return folder


@pytest.mark.commands
@pytest.mark.parametrize("command", [one for one in COMMANDS if one not in ELSEWHERE])
def test_a_command_works(project, command):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        ["bash", "-c", as_run(command)], cwd=project, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-3000:]


@pytest.mark.commands
def test_the_published_predictions_are_scored_with_masks_of_the_known_name_alone(project):
    masks = project / "data/vrdl-test-masks.tar.xz"
    command = ["bash", "-c", as_run("snakemake --cores 2 published --config 'published={submissions: zips}'")]
    masks.rename(project / "elsewhere")
    try:
        done = subprocess.run(command, cwd=project, capture_output=True, text=True)
    finally:
        (project / "elsewhere").rename(masks)
    assert done.returncode == 1
    assert "error: config: published.submissions zips found without test masks" in done.stderr + done.stdout
