"""The kit for a machine without network: what is in it, and that its data come out again."""

import importlib.metadata
import json
import re
import sys
from pathlib import Path

import build_mmcv
import gpu_kit
import pytest
from conftest import ROOT
from gpu_kit import NEEDED, USUAL, canonical, missing, names_in
from install_packages import REQUIREMENTS
from packaging.requirements import Requirement

from nuclei.common.files import sha256
from nuclei.common.stage import InputError
from nuclei.data.raw_layout import read_layout
from nuclei.workflow.code_hash import imports_and_hash, local_modules

# Of torch and torchvision, which the machine has. opencv-python is served by opencv-python-headless.
WITH_TORCH = {"torch", "torchvision", "typing-extensions", "fsspec", "sympy", "networkx", "opencv-python"}


def test_the_lists_of_pip_are_read(tmp_path):
    file = tmp_path / "has.txt"
    file.write_text("Package    Version\n---------- -------\nJinja2     3.1.6\nimportlib-metadata 8.0\n")
    assert names_in(file) == {"jinja2", "importlib-metadata"}
    file.write_text("Jinja2==3.1.6\nimportlib_metadata @ file:///x\n# a comment\n\nsix\n")
    assert names_in(file) == {"jinja2", "importlib-metadata", "six"}
    with pytest.raises(InputError, match="none.txt: cannot be read .*check --has"):
        names_in(tmp_path / "none.txt")


def test_the_pins_are_those_of_the_project(tmp_path):
    listed = re.sub(r" \\\n *", " ", REQUIREMENTS.read_text()).splitlines()
    lines = missing({canonical(name) for name in USUAL})
    assert all(line in listed and "--hash=sha256:" in line for line in lines)
    assert [line.split("==")[0] for line in lines] == [name for name in NEEDED if name not in USUAL]
    assert len(missing(set())) == len(NEEDED) == len(set(NEEDED))
    assert set(USUAL) < set(NEEDED)
    assert not missing({canonical(name) for name in NEEDED})


@pytest.mark.parametrize("name", NEEDED)
def test_what_a_package_needs_is_in_the_kit_too(name):
    known = set(map(canonical, NEEDED)) | WITH_TORCH
    for text in importlib.metadata.requires(name) or []:
        need = Requirement(text)
        if not need.marker or need.marker.evaluate({"extra": "", "python_version": "3.12"}):
            assert canonical(need.name) in known, text


def test_whatever_the_check_imports_is_in_the_kit():
    called = re.findall(r'"(\w+) --', (ROOT / "tools/train_on_gpu.py").read_text())
    files = [file for name in called if (file := ROOT / f"scripts/{name}.py").is_file()]
    assert {"convert_train", "resolve_config", "train", "predict"} <= {file.stem for file in files}
    tools = ("check_gpu", "gpu_machine", "gpu_kit", "build_mmcv", "train_on_gpu", "write_gpu_page")
    files += [*ROOT.glob("tests/gpu/*.py"), ROOT / "tests/conftest.py", *(ROOT / f"tools/{name}.py" for name in tools)]
    roots = [ROOT / name for name in ("scripts", "tests", "tools")]
    modules = {Path(path) for file in files for path in local_modules(file, *roots)}
    names = {name.split(".")[0] for path in modules for name in imports_and_hash(path.read_text())[0]}
    ours = {path.stem for root in roots for path in root.iterdir()}
    known, origin = set(map(canonical, NEEDED)) | WITH_TORCH, importlib.metadata.packages_distributions()
    lacking = {name for name in names - ours if not known & set(map(canonical, origin.get(name, [])))}
    # mmcv comes as source; imantics is for a conversion that the check does not make
    assert lacking - sys.stdlib_module_names == {"imantics", "mmcv", "pip"}


@pytest.fixture
def collect(raw, tmp_path, monkeypatch):
    """A function: run the command; wheels and source are of one byte each, the data are drawn."""

    def download(lines, python, out):
        out.mkdir(parents=True)
        (out / f"{len(lines)}-{python}.whl").write_bytes(b"w")

    def add_mmcv(out, wheel):
        out.mkdir(parents=True)
        (out / "mmcv.tar.gz").write_bytes(b"s")

    monkeypatch.setattr(gpu_kit, "download", download)
    monkeypatch.setattr(gpu_kit, "add_mmcv", add_mmcv)

    def run(*more):
        data = ["--dataset", str(raw / "dataset"), "--test-masks", str(raw / "test_masks"), "--threads", "2"]
        monkeypatch.setattr(sys, "argv", ["gpu_kit.py", "--out", str(tmp_path / "kit"), *data, *more])
        gpu_kit.main()
        return tmp_path / "kit"

    return run


def test_a_kit_holds_all_parts_and_its_data_come_out_again(collect, raw, tmp_path, monkeypatch, capsys):
    (tmp_path / "has.txt").write_text("\n".join(NEEDED[2:]))
    kit = collect("--python", "3.13", "--has", str(tmp_path / "has.txt"))
    assert sorted(path.name for path in kit.iterdir()) == ["data", "kit.json", "source", "wheels"]
    content = json.loads((kit / "kit.json").read_text())
    assert content["python"] == "3.13"
    assert content["bytes"]["wheels/2-3.13.whl"] == 1
    assert content["bytes"]["data/dataset/test_img_ids.json"] == (raw / "dataset/test_img_ids.json").stat().st_size
    assert f"{kit}: 0." in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["gpu_kit.py", "--expand", str(kit / "data"), "--out", str(tmp_path / "again")])
    gpu_kit.main()
    before, after = (read_layout(folder / "dataset", folder / "test_masks") for folder in (raw, tmp_path / "again"))
    assert not after[2]
    assert [(i.set, i.id, len(i.masks)) for i in after[0]] == [(i.set, i.id, len(i.masks)) for i in before[0]]


def test_too_large_a_kit_is_refused_and_the_old_one_stays(collect, tmp_path):
    kit = collect()
    (kit / "mark").touch()
    with pytest.raises(InputError, match="kit: 0.. MB found .data 0.*wheels 0.0 MB., wanted at most 0; name in --has"):
        collect("--most", "0.001")
    assert (kit / "mark").exists()
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".kit")) == []
    collect()
    assert not (kit / "mark").exists()


def test_a_folder_that_is_no_kit_is_left_alone(collect, tmp_path):
    (tmp_path / "kit").mkdir()
    (tmp_path / "kit/thesis.tex").touch()
    with pytest.raises(InputError, match="kit: exists and is no kit, wanted a new folder"):
        collect()
    assert (tmp_path / "kit/thesis.tex").exists()


def test_a_wheel_of_another_kind_is_refused_and_a_right_one_comes_beside_the_source(tmp_path, monkeypatch):
    (tmp_path / "torch-2.11.0.whl").touch()
    with pytest.raises(InputError, match="torch-2.11.0.whl: found, wanted a wheel mmcv_full-1.7.2-"):
        gpu_kit.add_mmcv(tmp_path / "source", tmp_path / "torch-2.11.0.whl")
    (tmp_path / "mmcv_full-1.7.2-cp312.whl").write_bytes(b"built")
    monkeypatch.setattr(build_mmcv, "download", lambda archive: archive.write_bytes(b"source"))
    with pytest.raises(InputError, match="mmcv-full-1.7.2.tar.gz: SHA-256 is .*, wanted .*; use another package index"):
        gpu_kit.add_mmcv(tmp_path / "damaged", None)
    monkeypatch.setattr(build_mmcv, "SDIST_SHA256", sha256(tmp_path / "damaged/mmcv-full-1.7.2.tar.gz"))
    gpu_kit.add_mmcv(tmp_path / "other", tmp_path / "mmcv_full-1.7.2-cp312.whl")
    assert (tmp_path / "other/mmcv-full-1.7.2.tar.gz").read_bytes() == b"source"
    assert (tmp_path / "other/mmcv_full-1.7.2-cp312.whl").read_bytes() == b"built"
