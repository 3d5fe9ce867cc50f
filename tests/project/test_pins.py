"""Every package has one version: requirements.txt, the conda environments and the post-deploy scripts agree."""

import re

import build_mmcv
import pytest
import yaml
from conftest import ROOT

PIN = re.compile(r"^([A-Za-z0-9_.-]+)==([A-Za-z0-9.]+)(; platform_machine == \"x86_64\")?$")


def plain(name):
    return name.lower().replace("_", "-")


@pytest.fixture(scope="module")
def requirements():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    pins = [PIN.match(line) for line in lines if line and not line.startswith("#")]
    assert all(pins), "a line of requirements.txt is no exact pin"
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
    pins = [PIN.match(line) for line in (ROOT / file).read_text().splitlines() if not line.startswith("#")]
    assert all(pins), f"a line of {file} is no exact pin"
    assert not {plain(pin[1]) for pin in pins} & set(requirements)


def test_post_deploy_agrees(requirements):
    found = re.findall(r"([a-z-]+)==([0-9.]+)", (ROOT / "envs/data.post-deploy.sh").read_text())
    assert found == [("imantics", requirements["imantics"])]
    assert "build_mmcv.py --install" in (ROOT / "envs/mmdet.post-deploy.sh").read_text()


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
