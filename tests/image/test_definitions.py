"""Dockerfile and nuclei.def build the same image, from the project's pins, by one script."""

import re
import shlex
import subprocess

from build_mmcv import VERSION
from conftest import ROOT
from definitions import APPTAINER, DOCKERFILE, apptainer_stages, copied, docker_stages

from nuclei.workflow.code_hash import local_modules

BUILD = ROOT / "containers/build.sh"


def of(stage, instruction):
    """Arguments of a Docker stage's instructions of one kind."""
    return [argument for name, argument in stage["steps"] if name == instruction]


def from_context(stage):
    """(source, destination) of what a Docker stage copies from the project."""
    found = [copied(argument) for argument in of(stage, "COPY")]
    return [pair for origin, pairs in found if origin is None for pair in pairs]


def test_apptainer_has_sections_that_apptainer_knows():
    assert [stage["header"]["Bootstrap"] for stage in apptainer_stages()] == ["docker", "docker"]
    assert [sorted(stage["header"]) for stage in apptainer_stages()] == [["Bootstrap", "From", "Stage"]] * 2
    assert [list(stage["sections"]) for stage in apptainer_stages()] == [
        ["arguments", "files", "post"],
        ["files", "files from packages", "post", "environment", "labels"],
    ]


def test_both_definitions_do_the_same():
    for docker, apptainer in zip(docker_stages(), apptainer_stages(), strict=True):
        sections = apptainer["sections"]
        assert docker["from"] == apptainer["header"]["From"]
        assert docker["name"] in (apptainer["header"]["Stage"], None)
        assert from_context(docker) == [tuple(line.split()) for line in sections["files"]]
        assert of(docker, "ARG") == sections.get("arguments", [])
        assert [shlex.split(run.replace("$CUDA", "{{ CUDA }}")) for run in of(docker, "RUN")] == [
            shlex.split(line) for line in sections["post"]
        ]
        labels = [tuple(line.split(maxsplit=1)) for line in sections.get("labels", [])]
        assert labels == [tuple(w.split("=", 1)) for label in of(docker, "LABEL") for w in shlex.split(label)]
    docker, apptainer = docker_stages()[1], apptainer_stages()[1]["sections"]
    assert copied(of(docker, "COPY")[1]) == ("packages", [tuple(apptainer["files from packages"][0].split())])
    assert of(docker, "ENV")[0].split()[0] == apptainer["environment"][0].removeprefix("export ")


def test_what_is_copied_is_there_and_enough():
    first, second = map(from_context, docker_stages())
    assert all(source == target.removeprefix("/build/") for source, target in first + second)
    assert [source for source, _ in first + second if not (ROOT / source).is_file()] == []
    scripts = [str(ROOT / source) for source, _ in first if source.endswith(".py")]
    installs = ("tools/build_mmcv.py", "tools/install_packages.py")
    needed = {path for file in installs for path in local_modules(ROOT / file, ROOT / "tools", ROOT / "scripts")}
    assert sorted(scripts) == sorted(needed)
    ignored = (ROOT / "containers/Dockerfile.dockerignore").read_text().split()
    kept = {line[1:] for line in ignored if line.startswith("!")}
    assert ignored[0] == "*"
    assert {source.split("/")[0] for source, _ in first + second} == kept


def test_pins_stand_in_the_requirements_alone():
    for path in (DOCKERFILE, APPTAINER, BUILD):
        assert "==" not in path.read_text()
        assert VERSION not in path.read_text()
    installs = re.findall(r"pip install .*", BUILD.read_text())
    assert installs == [
        "pip install --no-deps --require-hashes -r containers/cuda.txt",
    ]
    assert BUILD.read_text().count("python tools/install_packages.py\n") == 1


def test_image_runs_as_a_numbered_user_that_is_not_root():
    (user,) = of(docker_stages()[-1], "USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    assert f"useradd --uid {user.split(':')[0]} " in BUILD.read_text()


def test_build_script_is_sound():
    assert BUILD.read_text().startswith("#!/usr/bin/env bash\n")
    assert "set -euo pipefail" in BUILD.read_text().splitlines()
    assert subprocess.run(["bash", "-n", BUILD]).returncode == 0
    assert BUILD.stat().st_mode & 0o111 == 0o111
