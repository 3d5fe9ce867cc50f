"""Build the mmcv-full wheel for the installed torch, once: it is kept in the user's cache folder and found again there.

mmcv-full has no wheel for this torch. A plain build of its source distribution takes 21 minutes on 2 cores, nearly all
of it parsing torch's headers 73 times. Here the compiler is called through this script, which parses them once into a
precompiled header, leaves debug information out, and asks for the C++ standard that this torch needs.

Prints the wheel's path. Needs torch, setuptools, wheel, ninja, a C++ compiler and Python's headers.
"""

import argparse
import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

from nuclei.command import last_words, run_logged
from nuclei.stage import InputError, run_stage, sha256, write_json, write_text

PIN = Path(__file__).resolve().parent.parent / "requirements-mmcv-full.txt"
STANDARD = "c++20"
HEADER = "pytorch_cpp_helper.hpp"  # what nearly every source file of mmcv includes first
ARCHITECTURES = "7.5;8.0;8.6;8.9;9.0+PTX"  # of the CUDA operators, where no GPU tells
ROOM = 2e9  # bytes: 0.5 GB of precompiled header, objects, the compilers' temporary files
FLAG_VARIABLES = ("CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS", "MMCV_CUDA_ARGS")


# ---- what is built, from what, with what


def read_pin(path=PIN):
    """(version, sha256) of the mmcv-full source distribution."""
    found = re.search(r"^mmcv-full==(\S+) --hash=sha256:([0-9a-f]{64})$", Path(path).read_text(), re.MULTILINE)
    if not found:
        raise InputError(f"{path}: no pin found, wanted `mmcv-full==VERSION --hash=sha256:HEX`; restore the file")
    return found.groups()


def torch_version():
    """(version, CUDA version or None) of the installed torch, without the seconds that importing it takes."""
    spec = importlib.util.find_spec("torch")
    if spec is None:
        raise InputError(
            f"torch: not installed for {sys.executable}, wanted the version in requirements.txt;"
            " run: pip install --no-deps -r requirements.txt"
        )
    values = {}
    exec(Path(spec.origin).with_name("version.py").read_text(), values)
    return values["__version__"], values.get("cuda")


def find_compiler():
    """(command, description) of the C++ compiler: $CXX, else g++."""
    command = shlex.split(os.environ.get("CXX") or "g++")
    if not shutil.which(command[0]):
        raise InputError(f"{command[0]}: not found, wanted a C++ compiler; install g++, or name yours in CXX")
    probe = subprocess.run([*command, f"-std={STANDARD}", "-E", "-x", "c++", os.devnull], capture_output=True)
    described = subprocess.run([*command, "--version"], capture_output=True, text=True).stdout.partition("\n")[0]
    if probe.returncode:
        raise InputError(f"{command[0]}: found {described}, wanted one that knows {STANDARD}; install g++ 11 or newer")
    return command, described


def check_build_tools():
    """InputError where something that a build needs is missing; all of it at once."""
    problems = []
    for module in ("pkg_resources", "wheel", "ninja"):
        if importlib.util.find_spec(module) is None:
            name = "setuptools before 82 (pkg_resources)" if module == "pkg_resources" else module
            problems.append(f"{name}: not installed, wanted it; run: pip install --no-deps -r requirements.txt")
    header = Path(sysconfig.get_path("include"), "Python.h")
    if not header.exists():
        problems.append(f"{header}: not found, wanted Python's headers; install python3.11-dev (or python3-devel)")
    if problems:
        raise InputError(*problems)


def gpu_architectures():
    """Compute capabilities of the GPUs here, for example "8.6;9.0", or None without a GPU."""
    if not shutil.which("nvidia-smi"):
        return None
    query = ["nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader"]
    answer = subprocess.run(query, capture_output=True, text=True)
    return ";".join(sorted(set(re.findall(r"^\d+\.\d+$", answer.stdout, re.MULTILINE)))) or None


def nvcc_version():
    """Version of nvcc, for example "13.0", or None without it."""
    home = os.environ.get("CUDA_HOME")
    nvcc = shutil.which("nvcc", path=str(Path(home, "bin"))) if home else shutil.which("nvcc")
    if not nvcc:
        return None
    text = subprocess.run([nvcc, "--version"], capture_output=True, text=True).stdout
    return (re.findall(r"release (\d+\.\d+)", text) or [None])[0]


def choose_cuda(asked, torch_cuda):
    """{"nvcc", "architectures"} of the CUDA operators to build, or None for a CPU; says so where that may surprise.

    asked: True, False, or None = where both a GPU and an nvcc that fits torch are found.
    """
    if asked is False:
        return None
    nvcc, architectures = nvcc_version(), gpu_architectures()
    fits = bool(nvcc and torch_cuda and nvcc.split(".")[0] == torch_cuda.split(".")[0])
    if fits and (asked or architectures):
        return {
            "nvcc": nvcc,
            "architectures": os.environ.get("TORCH_CUDA_ARCH_LIST") or architectures or ARCHITECTURES,
        }
    wanted = f"nvcc {torch_cuda.split('.')[0]}.x" if torch_cuda else "a torch with CUDA"
    found = f"nvcc {nvcc}" if nvcc else "no nvcc"
    if asked:
        raise InputError(f"CUDA operators: found {found}, wanted {wanted}; install it, or leave --cuda out")
    if architectures:
        say(f"GPU found, but {found} where {wanted} is needed: building for the CPU only")
    elif fits:
        say("nvcc found, but no GPU: building for the CPU only (--cuda builds the CUDA operators too)")
    return None


def ingredients(version, digest, torch, cuda, compiler):
    """Everything that decides what is in the wheel. Paths of this environment are left out of the flags."""
    configured = [f"{name}={sysconfig.get_config_var(name)}" for name in ("OPT", "CFLAGS", "CCSHARED", "LDCXXSHARED")]
    flags = [*configured, *(f"{name}={os.environ[name]}" for name in FLAG_VARIABLES if os.environ.get(name))]
    return {
        "mmcv-full": version,
        "source": digest,
        "torch": torch,
        "cuda": cuda or "cpu",
        "python": sysconfig.get_config_var("SOABI"),
        "platform": sysconfig.get_platform(),
        "libc": " ".join(platform.libc_ver()),
        "compiler": compiler,
        "standard": STANDARD,
        "flags": [flag.replace(sys.prefix, "PREFIX") for flag in flags],
    }


def cache_key(values):
    """16 hex digits that change with any of the values."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def cache_folder():
    """Where wheels are kept: nuclei/mmcv-full under $XDG_CACHE_HOME or ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "nuclei", "mmcv-full")


def is_wheel(path):
    """Whether the file is a whole wheel with the compiled operators in it."""
    try:
        with zipfile.ZipFile(path) as wheel:
            return wheel.testzip() is None and any(re.match(r"mmcv/_ext\..*so$", name) for name in wheel.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


# ---- in place of the compiler


def edit_flags(arguments):
    """A compiler's arguments with the C++ standard replaced and debug information left out."""
    kept = [argument for argument in arguments if not re.fullmatch(r"-g(gdb)?\d?", argument)]
    return [f"-std={STANDARD}" if argument.startswith("-std=") else argument for argument in kept]


def header_flags(arguments):
    """What of a compile command decides the precompiled header: all but source, outputs and dependency files."""
    flags, skip = [], False
    for argument in arguments:
        if not skip and argument not in ("-c", "-MD", "-MMD", "-o", "-MF") and not argument.endswith(".cpp"):
            flags.append(argument)
        skip = argument in ("-o", "-MF")
    return flags


def precompile(compiler, flags, folder):
    """Path of the header that g++ replaces by its precompiled form beside it; made by the first caller."""
    header = Path(folder, hashlib.sha256("\0".join(flags).encode()).hexdigest()[:16], HEADER.replace(".", "_all."))
    precompiled = header.with_name(header.name + ".gch")
    header.parent.mkdir(parents=True, exist_ok=True)
    with open(header.parent / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not precompiled.exists():
            write_text(header, f"#include <{HEADER}>\n")
            part = precompiled.with_suffix(".part")
            subprocess.run([*compiler, *flags, "-x", "c++-header", str(header), "-o", str(part)], check=True)
            part.replace(precompiled)
    return header


def as_compiler(folder, compiler, arguments):
    """Run the compiler on edited arguments, with the precompiled header where a source file is compiled."""
    arguments = edit_flags(arguments)
    if "-c" in arguments:
        header = precompile(compiler, header_flags(arguments), folder)
        arguments = ["-include", str(header), "-Winvalid-pch", *arguments]
    os.execvp(compiler[0], [*compiler, *arguments])


# ---- the build


def say(text):
    """One line for a person; stdout is for the wheel's path."""
    print(f"mmcv-full: {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def locked(folder):
    """Hold the folder for this process and the build that it starts; wait, saying so, while another one has it."""
    with open(folder / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another build of the same wheel is running; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock


def fetch_source(folder, version, digest):
    """The source distribution, in `folder`; downloaded by pip, which checks its sha256, if it is not there."""
    archive = folder / f"mmcv-full-{version}.tar.gz"
    if archive.exists() and sha256(archive) == digest:
        return archive
    say("downloading the source distribution")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", ":all:", "--no-build-isolation"]
    log = folder / "download.log"
    log.unlink(missing_ok=True)
    try:
        run_logged([*command, "-d", str(folder), "-r", str(PIN)], log, "a download")
    except InputError:
        raise InputError(
            f"mmcv-full {version}: download failed, wanted its source distribution; check the network and"
            f" `pip config list`, or put mmcv-full-{version}.tar.gz into {folder}; {last_words(log)}"
        ) from None
    if not archive.exists() or sha256(archive) != digest:
        raise InputError(f"{archive}: found another file than wanted (sha256 {digest}); remove it and run again")
    return archive


def unpack(archive, folder):
    """The unpacked source; an interrupted build's is taken up again, with the objects that it made."""
    source = folder / "source"
    if not source.exists():
        part = folder / "source.part"
        shutil.rmtree(part, ignore_errors=True)
        with tarfile.open(archive) as tar:
            tar.extractall(part, filter="data")
        (part / archive.name.removesuffix(".tar.gz")).rename(source)
    return source


def jobs():
    """Compilers at once: one a core, as far as memory goes (1.5 GB each, 2.2 GB at most)."""
    memory = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(1, min(len(os.sched_getaffinity(0)), int(memory / 1.5e9)))


def nvidia_folders(pattern):
    """Folders of the nvidia packages beside torch, for example */include."""
    spec = importlib.util.find_spec("nvidia")
    return [
        path for root in (spec.submodule_search_locations if spec else []) for path in sorted(Path(root).glob(pattern))
    ]


def build_environment(build, compiler, cuda):
    """Environment variables for setup.py: this script in the compiler's place, and where CUDA is, if wanted."""
    environment = {name: value for name, value in os.environ.items() if not re.match(r"FORCE_|MMCV_WITH_", name)}
    scratch, programs = build / "tmp", build / "bin"
    scratch.mkdir(exist_ok=True)
    programs.mkdir(exist_ok=True)
    command = [sys.executable, "-S", __file__, "--as-compiler", str(build / "header"), json.dumps(compiler)]
    write_text(programs / "mmcv-c++", f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
    (programs / "mmcv-c++").chmod(0o755)
    environment |= {
        "CXX": "mmcv-c++",
        "PATH": os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "TMPDIR": str(scratch),
        "MAX_JOBS": os.environ.get("MAX_JOBS") or str(jobs()),
        "MMCV_WITH_OPS": "1",
        "TORCH_NO_COMPILER_WRAPPER": "1",  # ccache would not know this script for a compiler
    }
    if cuda is None:
        # setup.py builds for CUDA wherever torch sees a GPU.
        return environment | {"CUDA_VISIBLE_DEVICES": ""}
    libraries = build / "lib"
    libraries.mkdir(exist_ok=True)
    for runtime in nvidia_folders("*/lib/libcudart.so.*"):
        with contextlib.suppress(FileExistsError):
            (libraries / "libcudart.so").symlink_to(runtime)
    environment |= {"FORCE_CUDA": "1", "TORCH_CUDA_ARCH_LIST": cuda["architectures"]}
    # nvcc takes the last -std; setup.py's own would win over NVCC_PREPEND_FLAGS.
    environment["NVCC_APPEND_FLAGS"] = f"{os.environ.get('NVCC_APPEND_FLAGS', '')} -std={STANDARD}".strip()
    for name, folders in (("CPATH", nvidia_folders("*/include")), ("LIBRARY_PATH", [libraries])):
        environment[name] = os.pathsep.join([*map(str, folders), *filter(None, [os.environ.get(name)])])
    return environment


def compiled(source, log):
    """("built", done, total, "files") of a running build, or None before the first file."""
    plans = list(source.glob("build/temp*/build.ninja"))
    lines = re.findall(rb"^\[(\d+)/(\d+)\]", log.read_bytes(), re.MULTILINE)
    if not plans or not lines:
        return None
    total = len(re.findall(r"^build .*: (?:cuda_)?compile ", plans[0].read_text(), re.MULTILINE))
    done, left = map(int, lines[-1])
    return "mmcv-full: built", total - left + done, total, "files"


def build_wheel(folder, archive, compiler, cuda):
    """Compile and leave the wheel in `folder`, whole or not at all; returns its path."""
    room = shutil.disk_usage(folder).free
    if room < ROOM:
        raise InputError(f"{folder}: found {room / 1e9:.1f} GB free, wanted {ROOM / 1e9:.0f} GB to build; free some")
    build, log = folder / "build", folder / "build.log"
    build.mkdir(exist_ok=True)
    source = unpack(archive, build)
    # Headers of another installation of the same torch would clash with the new ones.
    shutil.rmtree(build / "header", ignore_errors=True)
    shutil.rmtree(build / "dist", ignore_errors=True)
    log.unlink(missing_ok=True)
    environment = build_environment(build, compiler, cuda)
    kind = f"CUDA {cuda['architectures']}" if cuda else "CPU"
    say(f"building for {kind}, {environment['MAX_JOBS']} at once; first torch's headers, half a minute (log: {log})")
    with locked(build) as lock:
        command = [sys.executable, "setup.py", "bdist_wheel", "--dist-dir", str(build / "dist")]
        # The lock goes along: if this process is killed, the next one waits for what it left running.
        run_logged(
            command,
            log,
            "a wheel",
            lambda: compiled(source, log),
            cwd=source,
            env=environment,
            pass_fds=[lock.fileno()],
        )
    if b"[-Winvalid-pch]" in log.read_bytes():
        say(f"the precompiled header was not usable, so the build was slow; {log} says why")
    made = list((build / "dist").glob("*.whl"))
    if len(made) != 1 or not is_wheel(made[0]):
        raise InputError(f"{build / 'dist'}: found no whole wheel, wanted one; see {log}, remove {folder}, run again")
    wheel = folder / made[0].name
    made[0].replace(wheel)
    shutil.rmtree(build)
    return wheel


def get_wheel(asked):
    """Path of the wheel for this environment; built if the cache does not have it. asked: see choose_cuda."""
    version, digest = read_pin()
    torch, torch_cuda = torch_version()
    compiler, described = find_compiler()
    cuda = choose_cuda(asked, torch_cuda)
    values = ingredients(version, digest, torch, cuda, described)
    folder = cache_folder() / cache_key(values)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: {error.strerror}, wanted a folder to write to; set XDG_CACHE_HOME") from None
    with locked(folder):
        kept = [path for path in folder.glob("*.whl") if is_wheel(path)]
        if kept:
            return kept[0]
        check_build_tools()
        write_json(folder / "key.json", values)
        return build_wheel(folder, fetch_source(folder.parent, version, digest), compiler, cuda)


def main():
    if sys.argv[1:2] == ["--as-compiler"]:
        return as_compiler(sys.argv[2], json.loads(sys.argv[3]), sys.argv[4:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--cuda", action="store_true", help="with the CUDA operators (MMCV_CUDA=1 in the environment)")
    kind.add_argument("--cpu", action="store_true", help="without them (MMCV_CUDA=0); default: where GPU and nvcc are")
    parser.add_argument("--install", action="store_true", help="install the wheel into this Python's environment")
    arguments = parser.parse_args()
    asked = {"1": True, "0": False}.get(os.environ.get("MMCV_CUDA", ""))
    wheel = get_wheel(True if arguments.cuda else False if arguments.cpu else asked)
    if arguments.install:
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--force-reinstall", str(wheel)]
        if subprocess.run(install, stdout=sys.stderr).returncode:
            raise InputError(f"{wheel}: pip could not install it; see its words above")
    print(wheel)
    return None


if __name__ == "__main__":
    run_stage(main)
