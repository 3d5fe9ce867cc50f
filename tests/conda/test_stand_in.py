"""`snakemake --use-conda` from nothing, with a stand-in for conda itself (conda.py) and a local channel (channel.py).

Real: Snakemake, the solve and the installation of conda packages (py-rattler), pip and its packages, post-deploy
scripts, activation, every stage. Not real: the conda program, conda-forge's packages; the compiler is this machine's.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, checkout
from packaging.utils import canonicalize_name
from stages import ENVIRONMENTS, scripts_of, third_party
from support.foreign import write_set
from support.tiny import CONFIG, planned

pytestmark = pytest.mark.conda
HERE = Path(__file__).parent
TOOLS = ROOT / ".venv/tools"  # see Makefile
SMALL = {**CONFIG, "run": "conda", "models": ["mask_r50"], "settings": [1], "model_options": {}}


def with_tools(code, folder):
    """Run Python code that uses the test tools, with `folder` as the stand-in's; returns what it prints."""
    environment = {**os.environ, "PYTHONPATH": str(TOOLS), "STAND_IN_CONDA": str(folder)}
    done = subprocess.run([sys.executable, "-c", code], cwd=HERE, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def conda(tmp_path_factory):
    """Folder of a stand-in conda with its channel."""
    folder = tmp_path_factory.mktemp("conda")
    code = "import channel, conda; channel.make_channel(conda.BASE, {!r}); conda.write_commands({!r})"
    with_tools(code.format(str(TOOLS / "bin/patchelf"), str(TOOLS)), folder)
    return folder


@pytest.fixture(scope="module")
def project(conda, tmp_path_factory):
    """The project after a whole run, and an import of label images, in conda environments."""
    folder = checkout(tmp_path_factory.mktemp("project"))
    (folder / "small.yaml").write_text(yaml.safe_dump(SMALL))
    write_set("labels png", folder / "given")
    raw = {"draw": None, "dataset": {"path": "given"}, "test_masks": {"path": None}, "expected": None}
    (folder / "given.yaml").write_text(yaml.safe_dump({"run": "given", "raw": raw}))
    (folder / "run.log").write_text("")
    for more in ((), ("given.yaml", "--", "results/given/data/imported.json")):
        done = snakemake(folder, conda, *more)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-9000:]
        with (folder / "run.log").open("a") as log:
            log.write(done.stderr)
    return folder


def snakemake(folder, conda, *arguments):
    command = ["snakemake", "--cores", "2", "--use-conda", "--configfile", "config/demo.yaml", "small.yaml", *arguments]
    environment = {**os.environ, "PATH": f"{conda / 'bin'}:{os.environ['PATH']}", "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.fixture(params=ENVIRONMENTS)
def environment(request, project):
    """(name, folder) of an environment that Snakemake made."""
    content = (ROOT / f"envs/{request.param}.yaml").read_text()
    (made,) = [p for p in (project / ".snakemake/conda").glob("*.yaml") if p.read_text() == content]
    return request.param, made.with_suffix("")


def in_environment(folder, *arguments, **options):
    return subprocess.run([folder / "bin/python", *arguments], capture_output=True, text=True, **options)


def test_conda_specs_are_valid():
    specs = []
    for path in [*ROOT.glob("envs/*.yaml"), ROOT / "environment.yaml"]:
        specs += [spec for spec in yaml.safe_load(path.read_text())["dependencies"] if isinstance(spec, str)]
    assert len(specs) >= 8
    printed = with_tools(f"from rattler import MatchSpec\nfor s in {specs}: print(MatchSpec(s, strict=True))", HERE)
    assert len(printed.splitlines()) == len(specs)


def test_whole_run_with_stand_in_conda(project):
    results = project / "results/conda"
    assert json.loads((results / "cells/setting1/mask_r50/seed0/scores.json").read_text())["images"] == 2
    assert (results / "report.html").is_file()
    verified = subprocess.run([sys.executable, "tools/verify_run.py", results], cwd=project, capture_output=True)
    assert verified.returncode == 0
    jobs = re.findall(r"^Activating conda environment: (.*)$", (project / "run.log").read_text(), re.MULTILINE)
    assert len(set(jobs)) == len(ENVIRONMENTS)
    assert len(jobs) > 15


def test_environment_holds_its_pins_with_stand_in_conda(environment):
    name, folder = environment
    listed = json.loads(in_environment(folder, "-m", "pip", "list", "--format", "json").stdout)
    found = {canonicalize_name(package["name"]): package["version"] for package in listed}
    lines = yaml.safe_load((ROOT / f"envs/{name}.yaml").read_text())["dependencies"][-1]["pip"]
    for line in lines:
        package, version = line.split("==")
        assert found[canonicalize_name(package)] == version
    assert ("mmcv-full" in found) is (name == "mmdet")
    assert ("imantics" in found) is (name == "data")
    assert not {"snakemake", "opencv-python"} & {*found}
    complaints = in_environment(folder, "-m", "pip", "check").stdout.splitlines()
    known = "requires opencv-python, which is not installed"  # opencv-python-headless serves
    assert [line for line in complaints if known not in line and not line.startswith("No broken")] == []


def test_stages_import_in_their_environment_with_stand_in_conda(environment):
    name, folder = environment
    scripts = scripts_of(name)
    modules = [".".join(Path(one).with_suffix("").parts[1:]) for one in scripts]  # below scripts/ or tools/
    code = "\n".join(f"import {module}" for module in [*third_party(scripts), *modules])
    variables = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT / "tools")}
    done = in_environment(folder, "-c", code, cwd=ROOT / "scripts", env=variables)
    assert done.returncode == 0, done.stderr
    outside = "import sys; print([p for p in sys.path if p and not p.startswith(sys.prefix)])"
    assert in_environment(folder, "-c", outside, env={}).stdout == "[]\n"


def test_second_run_does_nothing_with_stand_in_conda(project, conda):
    assert planned(snakemake(project, conda, "-n")) == {}


def test_a_changed_pin_reruns_its_stages_and_a_comment_none_with_stand_in_conda(project, conda):
    path = project / "envs/report.yaml"
    found = path.read_text()
    path.write_text(found + "# changed\n")
    assert planned(snakemake(project, conda, "-n")) == {}
    path.write_text(re.sub(r"tabulate==.*", "tabulate==0.9.0", found))
    rerun = planned(snakemake(project, conda, "-n"))
    assert {"score_predictions", "make_table", "make_report"} <= set(rerun)
    assert not {"train", "predict", "convert_train"} & set(rerun)
