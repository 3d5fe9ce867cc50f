"""Every package has one version: requirements.txt, the conda environments and the post-deploy scripts agree."""

import importlib.metadata
import re

import bench_peers
import build_mmcv
import install_packages
import pytest
import yaml
from conftest import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PIN = re.compile(r"^([A-Za-z0-9_.-]+)==([A-Za-z0-9.]+)(; platform_machine == \"x86_64\")?$")
HASHES = re.compile(r"( --hash=sha256:[0-9a-f]{64})+$")


def plain(name):
    return name.lower().replace("_", "-")


def pins_with_hashes(file):
    """Matches of PIN in a requirements file, each of whose pins must have the hash of its file."""
    lines = re.sub(r" \\\n *", " ", (ROOT / file).read_text()).splitlines()
    lines = [line for line in lines if line and not line.startswith("#")]
    assert [line for line in lines if not HASHES.search(line)] == [], f"{file}: without hash"
    pins = [PIN.match(HASHES.sub("", line)) for line in lines]
    assert all(pins), f"a line of {file} is no exact pin"
    return pins


@pytest.fixture(scope="module")
def requirements():
    pins = pins_with_hashes("requirements.txt")
    names = [plain(pin[1]) for pin in pins]
    assert len(names) == len(set(names))
    return {plain(pin[1]): pin[2] for pin in pins}


@pytest.mark.parametrize("file", ["environment.yaml", *(f"envs/{path.name}" for path in ROOT.glob("envs/*.yaml"))])
def test_environment_agrees(requirements, file):
    content = yaml.safe_load((ROOT / file).read_text())
    assert set(content) <= {"name", "channels", "dependencies"}
    assert content["channels"] == ["conda-forge"]
    *packages, pip = content["dependencies"]
    assert packages[:2] == ["python=3.11", "pip"]
    for line in pip["pip"]:
        pin = PIN.match(line)
        assert pin, f"{file}: {line} is no exact pin"
        assert requirements[plain(pin[1])] == pin[2], f"{file}: {line}"


@pytest.mark.parametrize("file", ["tests/requirements.txt", "containers/cuda.txt"])
def test_what_stands_elsewhere_is_pinned_once(requirements, file):
    pins = pins_with_hashes(file)
    assert not {plain(pin[1]) for pin in pins} & set(requirements)


@pytest.mark.parametrize("peer", bench_peers.PEERS)
def test_environments_of_peers_have_the_versions_of_ours(requirements, peer):
    pins = {plain(pin[1]): pin[2] for pin in pins_with_hashes(f"tools/peers/{peer}.txt")}
    assert {name: pins[name] for name in set(pins) & set(requirements)}.items() <= requirements.items()
    assert {"stardist": "tensorflow-cpu", "cellpose": "torch", "instanseg": "instanseg-torch"}[peer] in pins


def test_whatever_the_pinned_packages_need_is_pinned(requirements):
    """They are installed with --no-deps, so pip would not bring it along. requirements.txt says why triton is not."""
    replaced = {"opencv-python": "opencv-python-headless"}
    lacking = []
    for name in requirements:
        try:
            texts = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:  # on another kind of machine
            continue
        for needed in map(Requirement, texts):
            if not needed.marker or needed.marker.evaluate({"extra": ""}):
                one = canonicalize_name(needed.name)
                if one != "triton" and replaced.get(one, one) not in requirements:
                    lacking.append(f"{name} needs {one}")
    assert lacking == []


def test_post_deploy_agrees(requirements):
    (found,) = re.findall(r"^([a-z-]+)==(.*)$", (ROOT / "envs/data.post-deploy.sh").read_text(), re.MULTILINE)
    listed = re.sub(r" \\\n *", " ", (ROOT / "requirements.txt").read_text()).splitlines()
    assert "==".join(found) in listed
    assert "build_mmcv.py --install" in (ROOT / "envs/mmdet.post-deploy.sh").read_text()


INSTALL = re.compile(r"\bpip (?:install|download)\b[^\n]*(?:\\\n[^\n]*)*")


def test_whatever_is_installed_is_compared_with_its_hash():
    files = ["Makefile", "containers/build.sh", *ROOT.glob("envs/*.sh")]
    calls = [call for file in files for call in INSTALL.findall((ROOT / file).read_text())]
    assert len(calls) == 4
    calls += [" ".join(install_packages.PIP), " ".join(bench_peers.PIP)]
    assert [call for call in calls if "--require-hashes" not in call] == []


def test_mmcv_has_one_place(requirements):
    assert "mmcv-full" not in requirements
    places = ("envs/*", "scripts/**/*.py", "tools/*.py", "Makefile")
    others = [path for place in places for path in ROOT.glob(place) if "1.7.2" in path.read_text()]
    assert [p.name for p in others if 'VERSION = "1.7.2"' in p.read_text()] == ["build_mmcv.py"]
    assert build_mmcv.VERSION == "1.7.2"


def test_what_the_project_asks_for(requirements):
    assert requirements["torch"] == "2.14.1"
    assert requirements["torchvision"] == "0.29.1"
    assert requirements["mmdet"] == "2.28.2"
    assert requirements["imantics"] == "0.1.12"
    assert tuple(map(int, requirements["snakemake"].split("."))) >= (9, 27, 1)
    assert "opencv-python" not in requirements
