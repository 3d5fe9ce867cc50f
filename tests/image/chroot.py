"""Builds the Dockerfile's stages in folders, by debootstrap and chroot: what a container builder does, without one.

Needs root, debootstrap, and mount and process namespaces of its own (`make test-image` makes them: `unshare --mount
--pid`), so that no mount outlives the process whatever happens.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

from conftest import ROOT
from definitions import copied, docker_stages
from support.tiny import CONFIG

CACHE = os.environ.get("MMCV_CACHE")
SMALL = {**CONFIG, "run": "image", "models": ["mask_r50"], "settings": [1], "model_options": {}}
NO_NETWORK = ("unshare", "--net")
LOOPBACK_ALONE = (*NO_NETWORK, "sh", "-c", 'ip link set lo up && exec "$@"', "sh")

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
BUILDER = Path("/builder")  # inside: what belongs to whoever builds, not to the image


def call(*command, **options):
    subprocess.run([str(part) for part in command], check=True, **options)


def bind(source, root, inside, mode="ro"):
    """Show a file or folder of this machine in a chroot, at the path `inside`."""
    target = root / Path(inside).relative_to("/")
    target.mkdir(parents=True, exist_ok=True)
    call("mount", "--bind", source, target)
    call("mount", "-o", f"remount,bind,{mode}", target)


def debian_mirror():
    """This machine's own mirror of Debian, which has all its releases."""
    form = ["--format", "$(REPO_URI) $(ORIGIN) $(CODENAME)", "Created-By: Packages"]
    listed = subprocess.run(["apt-get", "indextargets", *form], capture_output=True, text=True, check=True).stdout
    found = [line.split() for line in listed.splitlines()]
    mirrors = [address for address, origin, codename in found if origin == "Debian" and "-" not in codename]
    assert mirrors, "apt here knows no mirror of Debian, wanted for the base system"
    return mirrors[0]


def plain_debian(folder, codename="bookworm"):
    """A Debian 12 as in the base image debian:12-slim, which cannot be had without a registry; or another release."""
    call("debootstrap", "--variant=minbase", codename, folder, debian_mirror(), stdout=subprocess.DEVNULL)
    settings = subprocess.run(["apt-config", "dump", "Acquire"], capture_output=True, text=True, check=True).stdout
    (folder / "etc/apt/apt.conf.d/00builder").write_text(settings)
    call("cp", "/etc/resolv.conf", folder / "etc/resolv.conf")
    return folder


def builders_settings(root):
    """Environment variables that let a chroot reach what this machine reaches: proxies, pip's settings.

    Folders that pip's settings name are shown inside at their own path, files copied to BUILDER.
    """
    home = root / BUILDER.relative_to("/")
    home.mkdir(exist_ok=True)
    listed = subprocess.run(["pip", "config", "list"], capture_output=True, text=True, check=True).stdout
    found = dict(re.findall(r"^(?:global|install|:env:)\.([a-z-]+)='(.*)'$", listed, re.MULTILINE))
    values = {f"PIP_{name.upper().replace('-', '_')}": value for name, value in found.items()}
    values |= {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
    for name, value in values.items():
        for path in map(Path, re.findall(r"(?:file://|(?<![:/\w]))(/[\w./-]+)", value)):
            if path.is_dir():
                shown = path.parent if path.name == "simple" else path  # an index's files may lie beside it
                bind(shown, root, shown)
            elif path.is_file():
                shutil.copy(path, home / path.name)
                values[name] = values[name].replace(str(path), str(BUILDER / path.name))
    return values


class Machine:
    """A folder to run commands in, as a container."""

    def __init__(self, base, root, cache=None):
        call("cp", "-a", base, root)
        self.root, self.user, self.folder, self.variables = root, "0:0", "/", {"PATH": SYSTEM_PATH}
        self.builder = builders_settings(root)
        if cache:
            bind(cache, root, BUILDER / "cache", "rw")
            self.builder["XDG_CACHE_HOME"] = str(BUILDER / "cache")
        call("mount", "-t", "proc", "proc", root / "proc")
        call("mount", "--rbind", "/dev", root / "dev")

    def run(self, command, building=False, wrapper=(), **options):
        """Run a shell command as the image's user; returns the finished process. building: by its builder."""
        variables = self.variables | (self.builder if building else {})
        inside = ["env", "-i", *(f"{name}={value}" for name, value in variables.items())]
        inside += ["sh", "-c", f"cd {self.folder} && {command}"]
        return subprocess.run([*wrapper, "chroot", f"--userspec={self.user}", self.root, *inside], text=True, **options)

    def path(self, inside):
        return self.root / Path(inside).relative_to("/")

    def copy(self, argument, stages):
        """COPY: from the project, or from another stage (by hard links, which save the time and the disk)."""
        origin, pairs = copied(argument)
        for source, target in pairs:
            self.path(target).parent.mkdir(parents=True, exist_ok=True)
            call("cp", "-al" if origin else "-a", stages[origin].path(source) if origin else ROOT / source,
                 self.path(target))  # fmt: skip

    def do(self, instruction, argument, stages):
        """One instruction of a Dockerfile."""
        if instruction == "RUN":
            done = self.run(argument, building=True)
            assert done.returncode == 0, f"RUN {argument}: exit {done.returncode}"
        elif instruction == "COPY":
            self.copy(argument, stages)
        elif instruction in ("ARG", "ENV"):
            for word in argument.split():
                name, value = word.split("=", 1)
                self.variables[name] = value.replace("$PATH", self.variables["PATH"])
        elif instruction == "USER":
            self.user = argument
        elif instruction == "WORKDIR":
            self.folder = argument
            self.path(argument).mkdir(parents=True, exist_ok=True)
        else:
            assert instruction == "LABEL", f"{instruction}: unknown here"


def build(folder, cache=None):
    """Build every stage of the Dockerfile below `folder`; returns the last one's machine. cache: of built wheels."""
    base, stages, machine = plain_debian(folder / "debian"), {}, None
    for number, stage in enumerate(docker_stages()):
        assert stage["from"] == "debian:12-slim"
        machine = Machine(base, folder / f"stage{number}", cache)
        for instruction, argument in stage["steps"]:
            print(f"==> {instruction} {argument}", flush=True)
            machine.do(instruction, argument, stages)
        stages[stage["name"]] = machine
    return machine
