"""The build of mmcv-full: its parts; the whole is `make test-build`."""

import json
import os
import subprocess
import sys
import tarfile
import threading

import build_mmcv
import pytest
import torch
from build_mmcv import cached_wheel, compile_command, header_command, key_of
from conftest import ROOT
from cuda_files import join_cuda_files

from nuclei.common.files import sha256
from nuclei.common.stage import InputError

PARTS = {"mmcv": "1.7.2", "torch": "2.14.1", "cuda": "none", "abi": "x", "platform": "p", "compiler": "c", "flags": "f"}


def test_key_follows_every_ingredient():
    keys = {key_of({**PARTS, name: "other"}) for name in PARTS} | {key_of(PARTS)}
    assert len(keys) == len(PARTS) + 1
    assert key_of(dict(reversed(PARTS.items()))) == key_of(PARTS)


def test_compile_command_takes_the_header_and_the_standard():
    call = ["-g", "-O3", "-std=c++17", "-c", "a.cpp", "-o", "a.o"]
    assert compile_command(call, "g++", "h.hpp") == [
        "g++",
        "-include",
        "h.hpp",
        "-O3",
        "-std=c++20",
        "-c",
        "a.cpp",
        "-o",
        "a.o",
    ]
    assert compile_command(["-shared", "a.o", "-g"], "g++", "h.hpp") == ["g++", "-shared", "a.o"]


def test_header_is_compiled_with_the_same_flags():
    call = ["-MMD", "-MF", "a.d", "-g", "-O3", "-I", "x", "-std=c++17", "-c", "a.cpp", "-o", "a.o", "-DX=1"]
    assert header_command(call, "g++", "h.hpp") == [
        "g++",
        "-O3",
        "-I",
        "x",
        "-std=c++20",
        "-DX=1",
        "-x",
        "c++-header",
        "h.hpp",
        "-o",
        "h.hpp.gch.new",
    ]


def test_precompiled_header_is_used_by_the_real_compiler(tmp_path, monkeypatch):
    (tmp_path / "pytorch_cpp_helper.hpp").write_text("int twice(int x);\n")
    (tmp_path / "a.cpp").write_text("int f() { return twice(2); }\n")
    command = [
        sys.executable,
        str(ROOT / "tools/build_mmcv.py"),
        "--wrap",
        str(tmp_path),
        "-Winvalid-pch",
        "-Werror",
        "-H",
        "-std=c++17",
        f"-I{tmp_path}",
        "-c",
        str(tmp_path / "a.cpp"),
        "-o",
        str(tmp_path / "a.o"),
    ]
    monkeypatch.setenv("NUCLEI_CXX", "g++")
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.o").exists()
    assert f"! {tmp_path}/first.hpp.gch" in done.stderr  # g++ -H marks a precompiled header that it uses by "!"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(build_mmcv, "ingredients", lambda cuda, compiler: PARTS)
    return tmp_path / "cache"


def test_second_call_builds_nothing(cache, monkeypatch):
    calls = []

    def build(folder, *_):
        calls.append(folder)
        (folder / "mmcv.whl").write_bytes(b"wheel")
        return folder / "mmcv.whl"

    monkeypatch.setattr(build_mmcv, "build", build)
    wheels = [cached_wheel(cache, False, "g++", 1) for _ in range(2)]
    assert wheels[0] == wheels[1] == cache / key_of(PARTS) / "mmcv.whl"
    assert len(calls) == 1
    assert sorted(p.name for p in wheels[0].parent.iterdir()) == ["build.json", "lock", "mmcv.whl"]


def test_broken_build_leaves_no_wheel(cache, monkeypatch):
    def build(folder, *_):
        (folder / "half.whl").write_bytes(b"w")
        raise InputError("broken")

    monkeypatch.setattr(build_mmcv, "build", build)
    with pytest.raises(InputError):
        cached_wheel(cache, False, "g++", 1)
    assert not list(cache.rglob("*.whl"))


def test_the_log_of_a_failed_build_is_kept_in_the_cache(cache, monkeypatch):
    def fetch_source(folder, _given):
        (folder / "setup.py").write_text("raise SystemExit('fatal error: no such file')\n")
        return folder

    monkeypatch.setattr(build_mmcv, "fetch_source", fetch_source)
    with pytest.raises(InputError, match="build failed .fatal error: no such file") as error:
        cached_wheel(cache, False, "g++", 1)
    kept = cache / key_of(PARTS) / "failed.log"
    assert str(error.value).endswith(f"whole log in {kept}")
    assert "fatal error: no such file" in kept.read_text()


def test_progress_counts_torchs_headers_and_the_files(tmp_path, monkeypatch, capsys):
    (tmp_path / "build/temp.linux/mmcv").mkdir(parents=True)
    clock, ended = [0.0], threading.Event()

    def wait(_):
        clock[0] += 30
        for number in range(int(clock[0]) // 10 - 9):  # three after 120 s
            (tmp_path / f"build/temp.linux/mmcv/{number}.o").touch()
        return clock[0] > 130

    monkeypatch.setattr(ended, "wait", wait)
    monkeypatch.setattr("setup_progress.time.monotonic", lambda: clock[0])
    build_mmcv.watch(tmp_path, 14, ended)
    assert capsys.readouterr().err.splitlines() == [
        "mmcv-full: parses torch's headers, which all files share",
        "mmcv-full: 54 %, about 2 min left",
    ]


def test_missing_compiler_gets_one_line(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(InputError, match="no-such-compiler: not found on PATH, wanted a C\\+\\+ compiler"):
        build_mmcv.find_compiler()


def test_cuda_without_nvcc_gets_one_line(monkeypatch):
    monkeypatch.setattr(build_mmcv.shutil, "which", lambda name, path=None: None)
    with pytest.raises(
        InputError, match="nvcc: not found on PATH, wanted nvcc of CUDA .*, for --cuda; install that CUDA"
    ):
        build_mmcv.wants_cuda("yes")
    assert build_mmcv.wants_cuda("auto") is False


@pytest.fixture
def nvcc(tmp_path, monkeypatch):
    """A function: put an nvcc on PATH that answers --version as a release does, or by another command."""
    monkeypatch.delenv("CUDA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    def put(release, command=None, folder=tmp_path):
        folder.mkdir(parents=True, exist_ok=True)
        text = f"Cuda compilation tools, release {release}, V{release}.1"
        (folder / "nvcc").write_text(f"#!/bin/sh\n{command or f'echo {text!r}'}\n")
        (folder / "nvcc").chmod(0o755)
        return folder / "nvcc"

    return put


@pytest.fixture(params=[True, False], ids=["GPU", "no GPU"])
def gpu(request, monkeypatch):
    """Whether torch finds a GPU."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: request.param)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    return request.param


@pytest.mark.parametrize(
    ("release", "command", "problem"),
    [
        ("12.4", None, "{nvcc} is of CUDA 12.4"),
        ("14.0", None, "{nvcc} is of CUDA 14.0"),
        ("13.0", "exit 127", "{nvcc} does not say its version (nvcc --version)"),
        ("", "echo no version", "{nvcc} does not say its version (nvcc --version)"),
    ],
)
def test_an_nvcc_that_does_not_fit_torch_gives_the_cpu_build_and_a_line(nvcc, gpu, capsys, release, command, problem):
    problem = problem.format(nvcc=nvcc(release, command))
    assert build_mmcv.wants_cuda("auto") is False
    wanted = (
        f"mmcv-full: nvcc: {problem}, wanted nvcc of CUDA 13.0, for which torch was built: building without CUDA "
        "operators, so that this GPU cannot train. Install that CUDA toolkit, then run make mmcv-cuda "
        "(docs/environments.md)\n"
    )
    assert capsys.readouterr().err == (wanted if gpu else "")
    with pytest.raises(InputError) as error:
        build_mmcv.wants_cuda("yes")
    assert str(error.value).startswith(f"nvcc: {problem}, wanted nvcc of CUDA 13.0")


@pytest.mark.parametrize("release", ["13.0", "13.2"])  # torch takes another minor version
def test_an_nvcc_that_fits_torch_is_used_where_there_is_a_gpu(nvcc, gpu, capsys, release):
    nvcc(release)
    assert build_mmcv.wants_cuda("auto") is gpu
    assert ("nvcc found but no GPU" in capsys.readouterr().err) is not gpu
    assert build_mmcv.wants_cuda("yes") is True


def test_the_nvcc_of_cuda_home_goes_before_that_on_path(nvcc, tmp_path, monkeypatch):
    nvcc("13.0")
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    other = nvcc("12.1", folder=tmp_path / "toolkit/bin")
    monkeypatch.setenv("CUDA_HOME", str(tmp_path / "toolkit"))
    assert build_mmcv.nvcc_problem() == f"{other} is of CUDA 12.1"


def test_a_source_of_another_hash_is_refused_before_its_set_up_script_runs(tmp_path, monkeypatch):
    source, ran = tmp_path / f"mmcv-full-{build_mmcv.VERSION}", tmp_path / "ran"
    source.mkdir()
    (source / "setup.py").write_text(
        f"import pathlib, setuptools\npathlib.Path({str(ran)!r}).touch()\n"
        "setuptools.setup(name='mmcv-full', version=locals()['__version__'])\n"
    )
    (tmp_path / "index").mkdir()
    archive = tmp_path / "index" / f"{source.name}.tar.gz"
    with tarfile.open(archive, "w:gz") as file:
        file.add(source, source.name)
    for name, value in (("NO_INDEX", "1"), ("FIND_LINKS", str(tmp_path / "index")), ("CONFIG_FILE", os.devnull)):
        monkeypatch.setenv(f"PIP_{name}", value)
    (tmp_path / "build").mkdir()
    found = sha256(archive)
    with pytest.raises(InputError, match=f"SHA-256 .*is {found}, wanted {build_mmcv.SDIST_SHA256}"):
        build_mmcv.fetch_source(tmp_path / "build")
    assert not ran.exists()
    monkeypatch.setattr(build_mmcv, "SDIST_SHA256", found)
    text = (build_mmcv.fetch_source(tmp_path / "build") / "setup.py").read_text()
    assert f"version='{build_mmcv.VERSION}')" in text  # for Python 3.13
    assert not ran.exists()


def test_no_disk_gets_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(build_mmcv, "DISK_BYTES", 10**18)
    with pytest.raises(InputError, match="GB free, wanted 1000000000 GB for the build"):
        build_mmcv.build(tmp_path, "g++", False, 1)


# Of the 55 CUDA files of 1.7.2, those of which each two define the same name.
ALIKE = [
    ["box_iou_quadri_cuda", "box_iou_rotated_cuda", "nms_quadri_cuda", "nms_rotated_cuda", "carafe_cuda"],  # divideUP
    *(
        [name, "convex_iou", "iou3d_cuda", "min_area_polygons"]  # Point
        for name in ("box_iou_quadri_cuda", "box_iou_rotated_cuda", "nms_quadri_cuda", "nms_rotated_cuda")
    ),
    ["carafe_cuda", "carafe_naive_cuda"],  # Loc2Index
    ["carafe_cuda", "correlation_cuda"],  # WARP_SIZE
    ["carafe_cuda", "chamfer_distance_cuda"],  # MAX_SHARED_SCALAR_T
    ["points_in_boxes_cuda", "roiaware_pool3d_cuda", "roipoint_pool3d_cuda"],  # check_pt_in_box3d
    ["scatter_points_cuda", "voxelization_cuda"],  # reduce_t
]


def test_joined_cuda_files_hold_each_file_once_and_no_name_twice(tmp_path):
    names = sorted({name for names in ALIKE for name in names} | {f"other_{number}" for number in range(39)})
    csrc = tmp_path / "mmcv/ops/csrc/pytorch"
    (csrc / "cuda").mkdir(parents=True)
    for name in names:
        (csrc / f"cuda/{name}.cu").touch()
    (tmp_path / "setup.py").write_text("glob.glob('./mmcv/ops/csrc/pytorch/cuda/*.cu')")
    join_cuda_files(tmp_path)
    assert (tmp_path / "setup.py").read_text() == "glob.glob('./mmcv/ops/csrc/pytorch/*.cu')"
    files = sorted(csrc.glob("*.cu"))
    assert build_mmcv.count_sources(tmp_path, True) == len(files) == 9
    joined = [[line.split('"')[1] for line in file.read_text().splitlines()] for file in files]
    assert all((csrc / part).is_file() for parts in joined for part in parts)
    assert sorted(part for parts in joined for part in parts) == [f"cuda/{name}.cu" for name in names]
    assert max(map(len, joined)) - min(map(len, joined)) <= 1
    for parts in joined:
        for alike in ALIKE:
            assert sum(f"cuda/{name}.cu" in parts for name in alike) <= 1, (parts, alike)


def test_a_given_source_is_not_downloaded(tmp_path, monkeypatch):
    given = tmp_path / "given.tar.gz"
    given.write_bytes(b"no archive")
    monkeypatch.setattr(build_mmcv, "download", None)
    (tmp_path / "build").mkdir()
    with pytest.raises(InputError, match=f"SHA-256 .*is {sha256(given)}, wanted"):
        build_mmcv.fetch_source(tmp_path / "build", given)
    assert given.exists()


def test_how_the_wheel_was_built_is_written_beside_it(cache, monkeypatch):
    def build(folder, *_):
        csrc = folder / f"mmcv-full-{build_mmcv.VERSION}/mmcv/ops/csrc/pytorch"
        csrc.mkdir(parents=True)
        (csrc / "a.cpp").touch()
        (folder / "mmcv.whl").touch()
        return folder / "mmcv.whl"

    monkeypatch.setattr(build_mmcv, "build", build)
    wheel = cached_wheel(cache, False, "g++", 3)
    figures = json.loads((wheel.parent / "build.json").read_text())
    assert figures.pop("seconds") >= 0
    assert figures == {"jobs": 3, "files": 1, "architectures": "none"}
