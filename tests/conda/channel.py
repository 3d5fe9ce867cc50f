"""A local conda channel, made on the spot from the Python that runs this: python, pip and an empty cxx-compiler."""

import asyncio
import io
import json
import shutil
import subprocess
import sys
import tarfile
import time
from importlib import metadata
from pathlib import Path

from rattler import Subdir
from rattler.index import index_fs


def pack(channel, name, version, files, depends=()):
    """Write a conda package. files: {path in the environment: path here}."""
    subdir = str(Subdir.current())
    index = {"name": name, "version": version, "build": "0", "build_number": 0, "subdir": subdir,
             "depends": list(depends), "timestamp": int(time.time() * 1000)}  # fmt: skip
    (channel / subdir).mkdir(parents=True, exist_ok=True)
    with tarfile.open(channel / subdir / f"{name}-{version}-0.tar.bz2", "w:bz2", compresslevel=1) as package:
        for inside, text in [("info/index.json", json.dumps(index)), ("info/files", "\n".join([*files, ""]))]:
            entry = tarfile.TarInfo(inside)
            entry.size = len(text.encode())
            package.addfile(entry, io.BytesIO(text.encode()))
        for inside, path in files.items():
            package.add(path, inside, recursive=False)


def files_below(folder, inside, skip=()):
    """{path in the environment: path here} of a folder's files, without the folders named in `skip`."""
    kept = {}
    for path in sorted(Path(folder).rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and not {*skip, "__pycache__"} & {*parts}:
            kept[str(Path(inside, *parts))] = path
    return kept


def make_channel(folder, patchelf):
    """A channel below `folder`. patchelf: that program; it makes python find its library beside itself."""
    version = "{}.{}".format(*sys.version_info)
    base = Path(sys.base_prefix)
    scratch = folder / "scratch"
    scratch.mkdir(parents=True)
    executable = Path(shutil.copy2(base / f"bin/python{version}", scratch / f"python{version}"))
    subprocess.run([patchelf, "--set-rpath", "$ORIGIN/../lib", executable], check=True)
    for name in ("python", "python3"):
        (scratch / name).symlink_to(executable.name)
    files = {f"bin/{path.name}": path for path in scratch.iterdir()}
    files |= {f"lib/{path.name}": path for path in base.glob("lib/libpython*.so*")}
    files |= files_below(base / f"lib/python{version}", f"lib/python{version}", ("test", "site-packages"))
    files |= files_below(base / f"include/python{version}", f"include/python{version}")
    channel = folder / "conda-forge"
    pack(channel, "python", sys.version.split()[0], files)
    pip = metadata.distribution("pip")
    inside = {f"lib/python{version}/site-packages/{path}": pip.locate_file(path) for path in pip.files or []}
    pip_files = {to: path for to, path in inside.items() if ".." not in to and not to.endswith(".pyc")}
    pack(channel, "pip", pip.version, pip_files, ["python"])
    pack(channel, "cxx-compiler", "0", {})  # the compiler is this machine's
    (channel / "noarch").mkdir()
    asyncio.run(index_fs(channel, force=True))
    shutil.rmtree(scratch)
