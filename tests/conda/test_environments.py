"""What the conda environments hold, against what their stages import. Reads files alone; test_stand_in.py runs."""

import functools
import importlib.metadata
import re
import subprocess

import pytest
import yaml
from conftest import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from stages import ENVIRONMENTS, of_the_workflow, rules, scripts_of, third_party

# what no import in our code and no package's metadata shows
UNSEEN = {
    "import": {"imagecodecs"},
    "mmdet": {"torchvision"},  # mmcv.runner.checkpoint imports it
    "report": {"tabulate"},  # pandas.DataFrame.to_markdown imports it
}
BUILD = {"mmdet": {"setuptools", "wheel", "ninja"}}  # of mmcv-full, see tools/build_mmcv.py
NO_DEPS = {"imantics", "mmcv-full"}  # post-deploy scripts install them with --no-deps: pip brings nothing along
REPLACED = {"opencv-python": "opencv-python-headless"}
installed = functools.cache(importlib.metadata.packages_distributions)


def held(environment):
    """Names of all packages that an environment's files ask for by pip."""
    content = yaml.safe_load((ROOT / f"envs/{environment}.yaml").read_text())
    names = {canonicalize_name(line.split("==")[0]) for line in content["dependencies"][-1]["pip"]}
    deploy = ROOT / f"envs/{environment}.post-deploy.sh"
    text = deploy.read_text() if deploy.exists() else ""
    return names | {*re.findall(r"([a-z-]+)==", text)} | ({"mmcv-full"} if "build_mmcv.py --install" in text else set())


def required(name):
    """Names of the packages that a package's metadata asks for, here and without extras."""
    wanted = [Requirement(text) for text in importlib.metadata.requires(name) or []]
    wanted = {canonicalize_name(r.name) for r in wanted if not r.marker or r.marker.evaluate({"extra": ""})}
    return {REPLACED.get(one, one) for one in wanted - {"triton"}}  # which make setup leaves out: requirements.txt


def owners(imports):
    """Names of the packages that imported names belong to."""
    return {canonicalize_name(installed()[name][0]) for name in imports}


def needed(environment):
    """Names of the packages that an environment must name itself."""
    names = owners(third_party(scripts_of(environment))) - {"pip"}  # which every environment has
    names |= UNSEEN.get(environment, set()) | BUILD.get(environment, set())
    return names.union(*map(required, names & NO_DEPS))


def with_dependencies(names):
    """These packages and all that they need, directly or not."""
    found, waiting = set(), set(names)
    while waiting:
        found |= waiting
        waiting = set().union(*map(required, waiting)) - found
    return found


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_nothing_is_missing(environment):
    assert needed(environment) - held(environment) == set()


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_nothing_is_superfluous(environment):
    assert held(environment) - with_dependencies(needed(environment)) == set()


def test_every_command_runs_in_an_environment():
    commands = [(rule, environment) for rule, environment, scripts in rules() if scripts]
    assert len(commands) > 20
    assert [rule for rule, environment in commands if environment not in ENVIRONMENTS] == []
    assert {environment for _, environment in commands} == {*ENVIRONMENTS}


def test_the_users_environment_holds_what_the_workflow_imports():
    content = yaml.safe_load((ROOT / "environment.yaml").read_text())
    names = {canonicalize_name(line.split("==")[0]) for line in content["dependencies"][-1]["pip"]}
    engines = {f"snakemake-executor-plugin-{name}" for name in ("slurm", "slurm-jobstep", "cluster-generic")}
    assert names == {"snakemake", "rich"} | engines | owners(of_the_workflow())  # rich: for the screen, plugins/


def test_no_rule_runs_python_inside_snakemake():
    # `script:` sees Snakemake's own packages, `run:` ignores conda
    texts = {path.name: path.read_text() for path in [*ROOT.glob("rules/*.smk"), ROOT / "Snakefile"]}
    assert [name for name, text in texts.items() if re.search(r"^\s*(script|run):", text, re.MULTILINE)] == []


def test_no_pin_file_hides_the_pip_part():
    assert list(ROOT.glob("envs/*.pin.txt")) == []


@pytest.mark.parametrize("script", sorted(path.name for path in ROOT.glob("envs/*.sh")))
def test_post_deploy_script_is_sound(script):
    path = ROOT / "envs" / script
    assert script.removesuffix(".post-deploy.sh") in ENVIRONMENTS
    first, *lines = path.read_text().splitlines()
    assert first == "#!/usr/bin/env bash"  # without it Snakemake runs it by sh
    assert "set -euo pipefail" in lines
    assert subprocess.run(["bash", "-n", path]).returncode == 0
