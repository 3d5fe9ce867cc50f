"""Build the wheel of mmcv-full from its source distribution, in minutes and once for each kind of machine.

No wheel of mmcv-full exists for this version of torch. In an ordinary build each of its 73 C++ files parses torch's
headers again, which takes 21 minutes on 2 cores. Here they are parsed once, into a precompiled header. nvcc takes no
precompiled header, and parses them three times for each of the 55 CUDA files: these are joined into 9 files. The wheel
is kept in the user's cache folder ($XDG_CACHE_HOME or ~/.cache), in a folder named by a hash of everything that the
wheel depends on.

It needs torch, setuptools, wheel and ninja in the Python that runs it, and g++. CUDA operators are built with --cuda,
and without being asked for where torch finds a GPU and there is an nvcc of torch's CUDA. nvcc alone, as on a login
node, is not enough.
"""

import argparse
import contextlib
import hashlib
import json
import os
import platform
import re
import shutil
import stat
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NoReturn

from cuda_files import join_cuda_files
from setup_progress import Percent

import library  # noqa: F401 - lets the library be found
from nuclei.common.files import cache_folder, sha256, whole_file, write_json
from nuclei.common.stage import InputError, run_stage
from nuclei.compute.locks import hold

VERSION = "1.7.2"
SDIST_SHA256 = "aa276a2c68fa84db9bbcdcf6ae941e30f0cb4a7f175bd283516669e00bab3759"
STANDARD = "-std=c++20"  # what torch's headers ask for; the source distribution says c++14 or c++17
HEADER = "pytorch_cpp_helper.hpp"
BUILD_FILE = "build.json"  # beside the wheel: how long the build took, with how many jobs, for which cards
HEADER_FILES = 10  # parsing torch's headers once takes as long as this many files do afterwards
DISK_BYTES = 2_000_000_000  # free space that the build needs

Choice = Literal["auto", "yes", "no"]


def compile_command(arguments: Sequence[str], compiler: str, header: str) -> list[str]:
    """The compiler's command for one call by the build.

    arguments: as the build gave them; those for debug symbols are dropped. header: path of a header that a call which
    compiles a C++ file includes first; g++ takes it from its precompiled form.
    """
    kept = [STANDARD if a.startswith("-std=c++") else a for a in arguments if a != "-g"]
    return [compiler, "-include", header, *kept] if "-c" in arguments else [compiler, *kept]


def header_command(arguments: Sequence[str], compiler: str, header: str) -> list[str]:
    """The command that precompiles `header`, with the flags of a call that compiles a file."""
    flags: list[str] = []
    skip = False
    for argument in compile_command(arguments, compiler, header)[3:]:
        if skip or argument in ("-o", "-MF", "-MT"):
            skip = not skip
        elif argument not in ("-c", "-MMD", "-MD") and not argument.endswith(".cpp"):
            flags.append(argument)
    return [compiler, *flags, "-x", "c++-header", header, "-o", f"{header}.gch.new"]


def compiler_wrapper(folder: str, arguments: Sequence[str]) -> NoReturn:
    """Be the C++ compiler during the build: the file `cxx` that build_environment() writes calls this.

    folder: of the build. The first call that compiles a file makes the precompiled header; the others wait for it.
    """
    compiler, header = os.environ["NUCLEI_CXX"], str(Path(folder) / "first.hpp")
    if "-c" in arguments:
        with hold(Path(folder) / "header.lock"):
            if not Path(f"{header}.gch").exists():
                Path(header).write_text(f'#include "{HEADER}"\n')
                subprocess.run(header_command(arguments, compiler, header), check=True)
                os.replace(f"{header}.gch.new", f"{header}.gch")
    command = compile_command(arguments, compiler, header)
    os.execvp(command[0], command)


def ingredients(cuda: bool, compiler: str) -> dict[str, str]:
    """Everything that the wheel depends on, by name. cuda: whether it holds the CUDA operators."""
    import torch

    version = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    return {
        "mmcv": VERSION,
        "sdist": SDIST_SHA256,
        "torch": torch.__version__,
        "cuda": f"{torch.version.cuda} {architectures()} {nvcc_version()}" if cuda else "none",
        "abi": sysconfig.get_config_var("SOABI"),
        "platform": f"{platform.system()} {platform.machine()} {'-'.join(platform.libc_ver())}",
        "compiler": version,
        "flags": f"{STANDARD} {os.environ.get('CFLAGS', '')} {os.environ.get('CXXFLAGS', '')}",
    }


def key_of(parts: dict[str, str]) -> str:
    """Name of the cache folder for a set of ingredients."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:20]


def architectures() -> str:
    """GPU architectures to build for: $TORCH_CUDA_ARCH_LIST, or those of the GPUs here, or those of common cards."""
    import torch

    given = os.environ.get("TORCH_CUDA_ARCH_LIST")
    if given:
        return given
    found = {"{}.{}".format(*torch.cuda.get_device_capability(i)) for i in range(torch.cuda.device_count())}
    return ";".join(sorted(found)) or "7.5;8.0;8.6;8.9;9.0+PTX"


def cuda_home() -> Path:
    """The CUDA toolkit's folder: $CUDA_HOME, or what nvcc says, because nvcc on PATH may be a script or a link."""
    if os.environ.get("CUDA_HOME"):
        return Path(os.environ["CUDA_HOME"])
    said = subprocess.run(["nvcc", "--dryrun", "-c", "any.cu"], capture_output=True, text=True).stderr
    for line in said.splitlines():
        if line.startswith("#$ TOP="):
            return Path(line.removeprefix("#$ TOP=").strip()).resolve()
    raise InputError("nvcc: does not say where its toolkit is (nvcc --dryrun); set CUDA_HOME to the toolkit's folder")


def find_nvcc() -> str | None:
    """Path of the nvcc that torch builds with: that of $CUDA_HOME, or else the one on PATH; None for none."""
    given = os.environ.get("CUDA_HOME")
    return (shutil.which("nvcc", path=str(Path(given) / "bin")) if given else None) or shutil.which("nvcc")


def nvcc_version() -> str:
    """Last line of `nvcc --version`."""
    command = [find_nvcc() or "nvcc", "--version"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1]


def nvcc_problem() -> str | None:
    """What is wrong with nvcc for this torch, or None: torch builds nothing with one of another major version."""
    import torch

    nvcc = find_nvcc()
    if not nvcc:
        return "not found on PATH"
    if not torch.version.cuda:
        return f"{nvcc} found, but torch {torch.__version__} was built without CUDA"
    said = subprocess.run([nvcc, "--version"], capture_output=True, text=True)
    release = re.search(r"release (\d+)\.\d+", said.stdout)
    if said.returncode or not release:
        return f"{nvcc} does not say its version (nvcc --version)"
    if release[1] != torch.version.cuda.split(".")[0]:
        return f"{nvcc} is of CUDA {release[0].removeprefix('release ')}"
    return None


def wants_cuda(choice: Choice) -> bool:
    """Whether to build the CUDA operators. InputError where they are asked for and no nvcc fits torch.

    auto: where there are a GPU and an nvcc that fits; where one of the two is there, a line says what is missing.
    """
    import torch

    problem, gpu = nvcc_problem(), torch.cuda.is_available()
    wanted = f"wanted nvcc of CUDA {torch.version.cuda}, for which torch was built"
    if choice == "yes" and problem:
        raise InputError(f"nvcc: {problem}, {wanted}, for --cuda; install that CUDA toolkit or build without --cuda")
    if choice == "auto" and gpu and problem:
        print(
            f"mmcv-full: nvcc: {problem}, {wanted}: building without CUDA operators, so that this GPU cannot train. "
            "Install that CUDA toolkit, then run make mmcv-cuda (docs/environments.md)",
            file=sys.stderr,
        )
    if choice == "auto" and not gpu and not problem:
        print("mmcv-full: nvcc found but no GPU: building without CUDA operators (--cuda builds them)", file=sys.stderr)
    return choice == "yes" or (choice == "auto" and gpu and not problem)


def download(archive: Path) -> None:
    """Download the source distribution from where pip is told to look, by the classes behind `pip download`.

    That command also runs the set-up script, which fails under Python 3.13.
    """
    from pip._internal.commands import create_command
    from pip._vendor.packaging.specifiers import SpecifierSet

    command: Any = create_command("download")
    options, _ = command.parse_args(["--quiet", "--quiet", "--no-binary", ":all:"])
    try:
        with command.main_context(), command.get_default_session(options) as session:
            finder = command._build_package_finder(options, session)
            found = finder.find_best_candidate("mmcv-full", specifier=SpecifierSet(f"=={VERSION}")).best_candidate
            if not found:
                raise InputError(
                    f"mmcv-full=={VERSION}: pip finds no source distribution; check the network and pip's index"
                )
            answer = session.get(found.link.url_without_fragment, headers={"Accept-Encoding": "identity"})
            answer.raise_for_status()
            content = answer.content
    except OSError as error:  # so are those of pip's requests
        raise InputError(f"mmcv-full=={VERSION}: cannot be downloaded ({error}); check the network") from None
    with whole_file(archive) as path:
        path.write_bytes(content)


def fetch_source(folder: Path, given: Path | None = None) -> Path:
    """Download the source distribution into `folder`, check its SHA-256 and unpack it; returns its folder.

    given: the file, which is then copied in the place of the download.
    """
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folder / f"mmcv-full-{VERSION}")
    archive = folder / f"mmcv-full-{VERSION}.tar.gz"
    if given:
        shutil.copyfile(given, archive)
    elif not archive.exists():
        download(archive)
    found = sha256(archive)
    if found != SDIST_SHA256:
        archive.unlink()
        raise InputError(
            f"mmcv-full=={VERSION}: SHA-256 of the downloaded file is {found}, wanted {SDIST_SHA256}; let pip take it "
            "from another package index"
        )
    with tarfile.open(archive) as file:
        file.extraction_filter = getattr(tarfile, "data_filter", None)  # Python 3.11.0 to 3.11.3 have none
        file.extractall(folder)
    source = folder / f"mmcv-full-{VERSION}"
    setup = source / "setup.py"
    text = setup.read_text().replace("-std=c++17", STANDARD).replace("-std=c++14", STANDARD)
    # since Python 3.13, locals() does not hold what exec() has set
    setup.write_text(text.replace("locals()['__version__']", repr(VERSION)))
    return source


def build_environment(folder: Path, compiler: str, cuda: bool, jobs: int) -> dict[str, str]:
    """Environment variables of the build. Also writes `cxx` below `folder`, which the build takes for the compiler."""
    import torch

    wrapper = folder / "cxx"
    wrapper.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).resolve()}" --wrap "{folder}" "$@"\n')
    wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)
    variables = {
        **os.environ,
        "NUCLEI_CXX": compiler,
        "CXX": str(wrapper),
        "CC": os.environ.get("CC", "gcc"),
        "MMCV_WITH_OPS": "1",
        "MAX_JOBS": str(jobs),
        "TORCH_NO_COMPILER_WRAPPER": "1",  # else torch would put ccache in front of our wrapper
        # setup.py finds ninja on PATH, beside the Python that runs it
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }
    if cuda:
        # beside torch, which need not be in the environment of the Python that runs this
        include = Path(torch.__file__).parents[1] / "nvidia" / "cu13" / "include"
        variables |= {
            "FORCE_CUDA": "1",
            "CUDA_HOME": str(cuda_home()),
            "TORCH_CUDA_ARCH_LIST": architectures(),
            "NVCC_PREPEND_FLAGS": f"-I{include} {os.environ.get('NVCC_PREPEND_FLAGS', '')}".strip(),
            "CPLUS_INCLUDE_PATH": f"{include}{os.pathsep}{os.environ.get('CPLUS_INCLUDE_PATH', '')}".rstrip(os.pathsep),
        }
    else:
        variables |= {"FORCE_CUDA": "0", "CUDA_VISIBLE_DEVICES": ""}
    return variables


def count_sources(source: Path, cuda: bool) -> int:
    """Number of files that the build compiles."""
    csrc = source / "mmcv" / "ops" / "csrc" / "pytorch"
    patterns = ["*.cpp", "cpu/*.cpp"] + (["cuda/*.cpp", "*.cu"] if cuda else [])
    return sum(len(list(csrc.glob(pattern))) for pattern in patterns)


def watch(source: Path, total: int, ended: threading.Event) -> None:
    """Print progress until `ended` is set. total: number of files to compile, after torch's headers."""
    print("mmcv-full: parses torch's headers, which all files share", file=sys.stderr)
    progress = Percent("mmcv-full", HEADER_FILES + total)
    while not ended.wait(1):
        if done := len(list(source.glob("build/temp*/**/*.o"))):
            progress.tell(HEADER_FILES + done)


def build(folder: Path, compiler: str, cuda: bool, jobs: int, given: Path | None = None) -> Path:
    """Build the wheel below the scratch folder `folder`; returns its path.

    jobs: files compiled at a time. given: the source distribution, where it is not downloaded. Raises InputError, which
    names the log, where the build fails.
    """
    free = shutil.disk_usage(folder).free
    if free < DISK_BYTES:
        raise InputError(
            f"{folder}: {free / 1e9:.1f} GB free, wanted {DISK_BYTES / 1e9:.0f} GB for the build; free some"
        )
    source = fetch_source(folder, given)
    if cuda:
        join_cuda_files(source)
    log, ended = folder / "build.log", threading.Event()
    watcher = threading.Thread(target=watch, args=(source, count_sources(source, cuda), ended))
    watcher.start()
    try:
        with log.open("w") as output:
            done = subprocess.run(
                [sys.executable, "setup.py", "bdist_wheel", "--dist-dir", str(folder / "wheel")],
                cwd=source,
                env=build_environment(folder, compiler, cuda, jobs),
                stdout=output,
                stderr=subprocess.STDOUT,
            )
    finally:
        ended.set()
        watcher.join()
    wheels = list((folder / "wheel").glob("*.whl"))
    if done.returncode or not wheels:
        errors = [line for line in log.read_text(errors="replace").splitlines() if "rror:" in line]
        kept = folder.parent / "failed.log"  # in the user's own cache, and not under a known name in a shared folder
        os.replace(log, kept)
        raise InputError(f"mmcv-full: build failed ({(errors or ['see the log'])[0][:200]}), whole log in {kept}")
    return wheels[0]


def cached_wheel(cache: Path | str, cuda: bool, compiler: str, jobs: int, given: Path | None = None) -> Path:
    """Path of the wheel in the folder `cache`, built first if it is not there. given: as for build()."""
    folder = Path(cache) / key_of(ingredients(cuda, compiler))
    folder.mkdir(parents=True, exist_ok=True)
    with hold(folder / "lock"):  # a second build waits and then finds the wheel
        wheels = list(folder.glob("*.whl"))
        if wheels:
            return wheels[0]
        for left_over in folder.glob("build-*"):  # of a build that was killed
            shutil.rmtree(left_over, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix="build-", ignore_cleanup_errors=True) as scratch:
            start = time.monotonic()
            wheel = build(Path(scratch), compiler, cuda, jobs, given)
            files = count_sources(Path(scratch) / f"mmcv-full-{VERSION}", cuda)
            figures = {"seconds": round(time.monotonic() - start, 1), "jobs": jobs, "files": files}
            write_json(folder / BUILD_FILE, {**figures, "architectures": architectures() if cuda else "none"})
            os.replace(wheel, folder / wheel.name)
        return folder / wheel.name


def find_compiler() -> str:
    """The C++ compiler: $CXX or g++. InputError where it is missing."""
    compiler = os.environ.get("CXX", "g++")
    if not shutil.which(compiler):
        raise InputError(f"{compiler}: not found on PATH, wanted a C++ compiler; install g++ or set CXX")
    return compiler


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--cuda",
        choices=["auto", "yes", "no"],
        nargs="?",
        const="yes",
        default="auto",
        help="whether to build the CUDA operators (auto: where there are a GPU and nvcc)",
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="how many files are compiled at a time")
    parser.add_argument("--source", type=Path, help="its source distribution, where there is no network")
    parser.add_argument("--install", action="store_true", help="install the wheel into the Python that runs this")
    args = parser.parse_args()
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise InputError(f"torch: cannot be imported ({error}), wanted before mmcv-full is built; install it") from None
    choice: Choice = {"1": "yes", "0": "no"}.get(os.environ.get("MMCV_CUDA", ""), args.cuda)
    wheel = cached_wheel(cache_folder("mmcv-full"), wants_cuda(choice), find_compiler(), args.jobs, args.source)
    if args.install:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--force-reinstall", str(wheel)]
        subprocess.run(command, check=True)
    print(wheel)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--wrap"]:
        compiler_wrapper(sys.argv[2], sys.argv[3:])
    run_stage(main)
