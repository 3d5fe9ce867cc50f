"""Every command of README and docs, run as it stands, where the pages say; only what takes long is a dry run."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import tarfile

import pytest
from conftest import ROOT, checkout
from support.foreign import write_set
from support.model_run import make_cell
from support.run_folder import MODELS, SEEDS
from support.run_states import begun, ended
from support.slides import tissue_image, write_slide

from nuclei.data.conversion import convert
from nuclei.data.raw_layout import read_layout
from nuclei.prediction.answers import write_zip
from nuclei.prediction.bundles import make_bundle

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
    "python3 tools/check_gpu.py --kit work/gpu-kit --dry-run": "tests/tools/test_check_gpu.py",
    "python3 tools/check_gpu.py --kit work/gpu-kit --minutes 14": "a machine with a card",
    "python tools/write_gpu_page.py --records work/gpu/records.jsonl --cards config/cards.yaml": "tests/tools",
    "python tools/train_on_gpu.py --device cpu --small": "tests/tools",
    "TORCH_CUDA_ARCH_LIST=9.0 python tools/build_mmcv.py --cuda": "needs nvcc, takes minutes",
    "sacctmgr show associations user=$USER": "slurm",
    "snakemake --cores 2 --configfile config/demo.yaml -- results/demo/data/nuclei.csv": "test_contributing.py",
    "snakemake --cores 2 --configfile config/demo.yaml --config run=mine 'models=[mask_r101_pytorch]' -n": "the same",
    "PYTHONPATH=scripts:tests python -m bench --parts scoring": "tests/bench",
    "python -m pytest tests/unit/data/test_splits.py": "it is one of the tests",
    "snakemake predict_images": "a name in the text; docs/predict.md has the whole command",
    "snakemake published": "a name in the text; README.md has the whole command",
    "python tools/verify_run.py": "a name in the text; README.md has the whole command",
    "make bundle": "a name in the text; docs/predict.md has the whole command",
}
# Run as they stand; of the other targets make only says what they would do, and Snakemake plans.
NOT_LONG = ("make help", "make status", "make new", "make bundle", "snakemake predict_images")
STAND_INS = {"results/<run>": "results/r", "/path/to/folder": "FOLDER"}


def commands_of(text):
    """Commands of a page: lines of its code blocks without a language or in bash, and code in its text."""
    found = []
    for language, block in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        if language in ("", "bash"):
            block = re.sub(r"\\\n\s*", "", block)
            found += [re.split(r"\s+# |^# ", line)[0].strip() for line in block.splitlines()]
    found += re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL))
    words = {*OURS, *(re.sub(r"^(\w+=\S+ )*", "", command).split()[0] for command in ELSEWHERE)}
    return [one for one in found if " " in one and (match := STARTS.match(one)) and match[1] in words]


COMMANDS = dict.fromkeys(one for page in PAGES for one in commands_of((ROOT / page).read_text(encoding="utf-8")))


def as_run(command):
    """What is run of a command: the same, as a dry run where it would train, build or need data of others."""
    for shown, stand_in in STAND_INS.items():
        command = command.replace(shown, stand_in)
    program = STARTS.match(command)[1]
    if command.startswith(NOT_LONG) or " published " in command:
        return command
    if program == "make":
        return command.replace("make ", "make -n ", 1)
    if program == "snakemake" and not {"-n", "--unlock"} & set(command.split()):
        return f"{command} -n"
    return command


def test_commands_are_found_and_the_long_ones_are_dry_runs():
    page = "```\nsnakemake -c1 \\\n  a  # x\n# no\n```\n`make demo`, `make`, `b c`\n```python\nmake x\n```\n`make\nit`"
    assert commands_of(page) == ["snakemake -c1 a", "make demo"]
    assert as_run("A=1 snakemake -c1 --config 'a={b: c}'") == "A=1 snakemake -c1 --config 'a={b: c}' -n"
    assert as_run("snakemake -n -c1") == "snakemake -n -c1"
    assert [as_run(one) for one in ("make demo", "make status RUN=a")] == ["make -n demo", "make status RUN=a"]
    assert [one for one in ELSEWHERE if one not in COMMANDS] == []
    assert len(COMMANDS) > 50


@pytest.fixture(scope="module")
def project(tmp_path_factory, drawn, made_run, undisturbed):
    """A clone where the pages' files are: data under their known names, finished runs, a model, images, a slide."""
    folder = checkout(tmp_path_factory.mktemp("commands") / "project")
    (folder / "tests").mkdir()
    shutil.copy(ROOT / "tests/requirements.txt", folder / "tests")
    put_data(folder, drawn)
    for run in ("r", "report", "demo"):
        shutil.copytree(made_run, folder / "results" / run)
    with contextlib.chdir(folder):
        ended(begun("r", [(1, model, seed) for model in MODELS for seed in SEEDS]), "done")
    shutil.rmtree(folder / "results/demo/cells/setting1/mask_r50/seed0")
    cell = make_cell(folder / "results/demo", *undisturbed)
    make_bundle(cell, folder / "bundle.zip", 0.5, {})
    shutil.copy(folder / "bundle.zip", cell)
    shutil.copytree(drawn / "dataset/test", folder / "my_images")
    write_slide(folder / "slide.svs", tissue_image(256, 256), 0.5)
    (folder / ".venv").mkdir()
    (folder / ".venv/.ready").touch()
    return folder


def put_data(folder, drawn):
    """Raw data of the course and of other programs, and predictions, where the pages have them."""
    (folder / "data").mkdir()
    for part, name in (("dataset", "vrdl-raw"), ("test_masks", "vrdl-test-masks")):
        with tarfile.open(folder / f"data/{name}.tar.xz", "w:xz") as archive:
            archive.add(drawn / part, part)
    write_set("masks", folder / "FOLDER")
    with tarfile.open(folder / "data/dsb2018-part.tar.xz", "w:xz") as archive:
        archive.add(folder / "FOLDER", "stage1_train")
    images, _, _ = read_layout(drawn / "dataset", drawn / "test_masks")
    truth = convert([image for image in images if image.set == "test"], "exact")
    (folder / "coco.json").write_text(json.dumps(truth))
    (folder / "results.json").write_text(json.dumps([{**row, "score": 0.5} for row in truth["annotations"]]))
    (folder / "zips").mkdir()
    write_zip(folder / "zips/answer_23101.zip", folder / "results.json")


@pytest.mark.commands
@pytest.mark.parametrize("command", [one for one in COMMANDS if one not in ELSEWHERE])
def test_a_command_works(project, command):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        ["bash", "-c", as_run(command)], cwd=project, env=environment, capture_output=True, text=True, timeout=300
    )
    if "status" in command:  # its exit status says that these runs are not done
        assert done.stdout.startswith("run ") and "error: " not in done.stderr, done.stderr
    else:
        assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-3000:]


@pytest.mark.commands
def test_the_published_predictions_are_scored_with_masks_of_the_known_name_alone(project):
    masks = project / "data/vrdl-test-masks.tar.xz"
    command = ["bash", "-c", "snakemake --cores 2 published --config 'published={submissions: zips}'"]
    masks.rename(project / "elsewhere")
    try:
        done = subprocess.run(command, cwd=project, capture_output=True, text=True)
    finally:
        (project / "elsewhere").rename(masks)
    assert done.returncode == 1
    assert "error: config: published.submissions zips found without test masks" in done.stderr + done.stdout
