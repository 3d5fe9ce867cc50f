"""The two commands' parts in a clean Debian 13, with its Python 3.13: set-up, a small run, and the unit tests.

Beside the packages that README.md names there is nothing. Nothing after the set-up has a network; the unit tests have
their own servers, on loopback. $MMCV_CACHE: as in test_image.py.
"""

import re
import shutil
import subprocess

import pytest
import yaml
from chroot import CACHE, LOOPBACK_ALONE, NO_NETWORK, SMALL, Machine, plain_debian
from conftest import ROOT

pytestmark = pytest.mark.image
FOLDER = "/project"


def named_packages():
    """The Debian packages that README.md asks for."""
    (listed,) = re.findall(r"\(Debian: `apt-get install ([a-z0-9 +-]+)`\)", (ROOT / "README.md").read_text())
    return listed


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """A Debian 13 with the project, set up by `make setup`."""
    folder = tmp_path_factory.mktemp("debian")
    found = Machine(plain_debian(folder / "debian", "trixie"), folder / "machine", CACHE)
    project = found.path(FOLDER)
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    for name in filter(lambda name: (ROOT / name).is_file(), listed.stdout.splitlines()):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, project / name)
    (project / "small.yaml").write_text(yaml.safe_dump(SMALL))
    found.folder = FOLDER
    install = f"apt-get update && apt-get install -y --no-install-recommends {named_packages()}"
    commit = "git init -q && git add -A && git -c user.name=t -c user.email=t@localhost commit -qm all"
    for command in (install, commit, "make setup"):
        done = found.run(f"export DEBIAN_FRONTEND=noninteractive && {command}", building=True)
        assert done.returncode == 0, command
    return found


def test_set_up_takes_debians_own_python(machine):
    done = machine.run(".venv/bin/python -V", capture_output=True)
    assert done.stdout.startswith("Python 3.13.")


def test_small_run(machine):
    command = ". .venv/bin/activate && snakemake --cores 2 --configfile config/demo.yaml small.yaml --logger nuclei"
    done = machine.run(command, wrapper=NO_NETWORK, capture_output=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    verified = machine.run(".venv/bin/python tools/verify_run.py results/image", capture_output=True)
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_unit_tests(machine):
    machine.run("rm -rf results/image work")
    command = ". .venv/bin/activate && python -m pytest -q -W ignore tests/unit"
    done = machine.run(command, wrapper=LOOPBACK_ALONE, capture_output=True)
    assert done.returncode == 0, done.stdout[-6000:]
