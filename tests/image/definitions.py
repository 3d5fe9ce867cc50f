"""The two container definitions, read into stages."""

import re
import shlex

from conftest import ROOT

DOCKERFILE = ROOT / "containers/Dockerfile"
APPTAINER = ROOT / "containers/nuclei.def"


def docker_stages():
    """[{"name", "from", "steps": [(instruction, argument)]}] of the Dockerfile."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#")]
    stages = []
    for line in filter(None, "\n".join(lines).replace("\\\n", " ").splitlines()):
        instruction, argument = line.split(maxsplit=1)
        if instruction == "FROM":
            base, _, name = re.fullmatch(r"(\S+)( AS (\S+))?", argument).groups()
            stages.append({"name": name, "from": base, "steps": []})
        else:
            stages[-1]["steps"].append((instruction, argument))
    return stages


def copied(argument):
    """(stage or None, [(source, destination)]) of a COPY instruction's argument."""
    *options, rest = re.fullmatch(r"(?:--from=(\S+) )?(.*)", argument).groups()
    *sources, target = shlex.split(rest)
    return options[0], [(one, target + one.rsplit("/", 1)[-1] if target.endswith("/") else target) for one in sources]


def apptainer_stages():
    """[{"header": {key: value}, "sections": {name: [line]}}] of nuclei.def."""
    stages, lines = [], None
    for line in filter(str.strip, APPTAINER.read_text().splitlines()):
        if line.startswith("#"):
            continue
        if line.startswith("Bootstrap:"):
            stages.append({"header": {}, "sections": {}})
            lines = None
        if line.startswith("%"):
            lines = stages[-1]["sections"].setdefault(line[1:].strip(), [])
        elif lines is None:
            key, value = line.split(":", 1)
            stages[-1]["header"][key] = value.strip()
        else:
            lines.append(line.strip())
    return stages
