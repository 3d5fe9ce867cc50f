"""The image's build steps in a clean Debian 12 (chroot.py), then a small run in it, as its user, without network.

Real: every step of the Dockerfile, which are those of nuclei.def. Not real: docker and apptainer themselves.
$MMCV_CACHE names a folder that keeps the built mmcv-full; without it every run builds it.
"""

import importlib.metadata
import json
import os
import subprocess
import sys

import pytest
import yaml
from chroot import CACHE, NO_NETWORK, SMALL, build
from conftest import ROOT, checkout
from definitions import DOCKERFILE
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

pytestmark = pytest.mark.image
TOOLS = ROOT / ".venv/tools"  # see Makefile


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """The finished image, with the project where a user would mount it."""
    print(f"\nmmcv-full: {f'kept in {CACHE}' if CACHE else 'built in this test'}", flush=True)
    machine = build(tmp_path_factory.mktemp("image"), CACHE)
    project = checkout(machine.path(machine.folder))
    (project / "small.yaml").write_text(yaml.safe_dump(SMALL))
    subprocess.run(["chown", "-R", machine.user, project], check=True)
    return machine


def said(image, command):
    done = image.run(command, wrapper=NO_NETWORK, capture_output=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_dockerfile_passes_hadolint():
    done = subprocess.run([TOOLS / "bin/hadolint", DOCKERFILE], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_image_holds_the_pins(image):
    listed = json.loads("".join(said(image, "pip list --format json --disable-pip-version-check")))
    found = {canonicalize_name(package["name"]): package["version"] for package in listed}
    lines = [line.split(" \\")[0] for line in (ROOT / "requirements.txt").read_text().splitlines() if "==" in line]
    wanted = {canonicalize_name(r.name): str(r.specifier)[2:] for r in map(Requirement, lines)}
    wanted["mmcv-full"] = importlib.metadata.version("mmcv-full")
    assert {**wanted, "pip": found["pip"]} == found


def test_image_imports_everything_as_a_user_without_network(image):
    assert said(image, "python -W ignore -c 'import mmdet, mmcv.ops; print(mmcv.ops.nms.__name__)'") == ["nms"]
    assert said(image, "id -u") == ["1000"]
    assert [line for line in said(image, "cat /proc/net/dev") if line.endswith(":")] == ["lo:"]
    assert image.run("touch /opt/nuclei/written", capture_output=True).returncode == 1


def test_image_holds_no_compiler(image):
    for program in ("g++", "gcc", "cc", "nvcc"):
        assert image.run(f"command -v {program}", capture_output=True).returncode != 0
    assert not image.path("/usr/include/python3.11").exists()


def test_small_run_in_the_image_without_network(image):
    command = "snakemake --cores 2 --configfile config/demo.yaml small.yaml"
    done = image.run(command, wrapper=NO_NETWORK, capture_output=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    results = image.path(image.folder) / "results/image"
    assert (results / "report.html").stat().st_uid == 1000
    verified = image.run("python tools/verify_run.py results/image", wrapper=NO_NETWORK, capture_output=True)
    print(verified.stdout)
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_every_stage_runs_in_the_image_with_stand_in_apptainer(image, tmp_path):
    project = checkout(tmp_path / "project")
    (project / "small.yaml").write_text(yaml.safe_dump(SMALL))
    (project / "containers/nuclei.sif").symlink_to(image.root)
    (tmp_path / "apptainer").write_text(
        f"#!/bin/sh\nexport PYTHONPATH='{ROOT}/tests:{ROOT}/scripts'\n"
        f"exec '{sys.executable}' '{ROOT}/tests/image/apptainer.py' \"$@\"\n"
    )
    (tmp_path / "apptainer").chmod(0o755)
    variables = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    command = ["snakemake", "--cores", "2", "--sdm", "apptainer", "--configfile", "config/demo.yaml", "small.yaml"]
    done = subprocess.run(command, cwd=project, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    assert done.stderr.count("Activating singularity image containers/nuclei.sif") > 15
    training = json.loads((project / "results/image/cells/setting1/mask_r50/seed0/training.json").read_text())
    assert training["versions"]["python"] == said(image, "python -V")[1]
