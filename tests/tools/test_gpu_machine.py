"""The first steps of the check on a card: the kit's packages, and mmcv-full that runs on the device."""

import argparse
import json
import os
import sys
from types import SimpleNamespace
from zipfile import ZipFile

import gpu_machine
import pytest
from conftest import ROOT


@pytest.fixture
def kit(tmp_path, monkeypatch):
    """Options of the steps, with a kit that holds a source distribution and no wheel of mmcv-full."""
    for name in ("wheels", "source"):
        (tmp_path / "kit" / name).mkdir(parents=True)
    (tmp_path / "kit/source/mmcv-full-1.7.2.tar.gz").touch()
    monkeypatch.setenv("NUCLEI_GPU_RECORDS", str(tmp_path / "records.jsonl"))
    return argparse.Namespace(kit=tmp_path / "kit", work=tmp_path / "work", device="cpu")


def records(kit):
    """What was recorded."""
    file = kit.kit.parent / "records.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []


def test_wheels_go_to_a_folder_of_their_own_and_other_versions_are_recorded(kit, monkeypatch):
    with ZipFile(kit.kit / "wheels/six-0.0.1-py3-none-any.whl", "w") as wheel:
        name = "six-0.0.1.dist-info"
        wheel.writestr("six.py", "marked = True\n")
        wheel.writestr(f"{name}/METADATA", "Metadata-Version: 2.1\nName: six\nVersion: 0.0.1\n")
        wheel.writestr(f"{name}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{name}/RECORD", "")
    monkeypatch.setattr(sys, "path", list(sys.path))
    gpu_machine.packages(kit)
    assert (kit.work / "site/six.py").read_text() == "marked = True\n"
    assert [(row["package"], row["found"]) for row in records(kit) if row["package"] == "six"] == [("six", "0.0.1")]


@pytest.fixture
def steps(kit, monkeypatch):
    """A function: run the step for mmcv-full; does: whether it runs, each time that it is tried. Returns commands."""
    built = kit.kit.parent / "cache"
    built.mkdir()
    (built / "build.json").write_text('{"seconds": 1.5, "jobs": 2}')

    def call(*does, status=0):
        commands, answers = [], list(does)

        def run(command, **_):
            commands.append(command)
            return SimpleNamespace(returncode=status, stdout=f"said before\n{built / 'mmcv.whl'}\n")

        monkeypatch.setattr(gpu_machine.subprocess, "run", run)
        monkeypatch.setattr(gpu_machine, "runs", lambda device: answers.pop(0))
        gpu_machine.mmcv(kit)
        assert answers == []
        return [command[-1] if "pip" in command else command[1:] for command in commands]

    return call


def test_the_kit_s_wheel_is_taken_where_it_runs(kit, steps):
    wheel = kit.kit / "source/mmcv_full.whl"
    wheel.touch()
    assert steps(True) == [str(wheel)]
    assert records(kit) == []


@pytest.mark.parametrize("wheel", [True, False])
def test_mmcv_is_built_from_the_kit_s_source_where_no_wheel_runs(kit, steps, wheel):
    if wheel:
        (kit.kit / "source/mmcv_full.whl").touch()
    source = str(kit.kit / "source/mmcv-full-1.7.2.tar.gz")
    *others, build, install = steps(*([False] if wheel else []), True)
    assert build == [str(ROOT / "tools/build_mmcv.py"), "--cuda", "no", "--source", source]
    assert (len(others), install) == (wheel, str(kit.kit.parent / "cache/mmcv.whl"))
    assert [(row["kind"], row["seconds"], row["jobs"]) for row in records(kit)] == [("build", 1.5, 2)]


def test_a_build_that_fails_or_does_not_run_ends_the_step(kit, steps):
    with pytest.raises(SystemExit, match="^2$"):
        steps(status=2)
    assert records(kit) == []
    with pytest.raises(SystemExit, match="error: mmcv-full was built and does not run, wanted its operators"):
        steps(False)


@pytest.mark.parametrize(
    ("device", "broken", "says"),
    [
        ("cpu", False, "runs on cpu\n"),
        ("cuda", False, "error: torch: does not run on cuda ("),
        ("cpu", True, "does not run on the CPU (wrong results ([2, 1], "),
    ],
)
def test_operators_are_tried_on_the_device(monkeypatch, capfd, tmp_path, device, broken, says):
    """By running them: an operator that gives wrong values is seen, and one that is there for other cards alone."""
    if broken:
        (tmp_path / "sitecustomize.py").write_text(
            "import mmcv.ops\nreal = mmcv.ops.nms\n"
            "mmcv.ops.nms = lambda *given: (real(*given)[0], real(*given)[1].flip(0))\n"
        )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(ROOT / "scripts")]))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert gpu_machine.runs(device) is (device == "cpu" and not broken)
    said = capfd.readouterr().out
    assert said.startswith("mmcv-full: ") and says in said
