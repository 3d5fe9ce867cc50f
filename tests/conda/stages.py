"""Which scripts run in which conda environment, and what they import."""

import ast
import re
import sys
from pathlib import Path

from conftest import ROOT

from nuclei.workflow.code_hash import local_modules

ENVIRONMENTS = sorted(path.stem for path in ROOT.glob("envs/*.yaml"))


def rules():
    """(rule, environment or None, scripts of its command) of every rule that runs a command."""
    found = []
    for path in sorted(ROOT.glob("rules/*.smk")):
        for text in re.split(r"^ *rule +", path.read_text(), flags=re.MULTILINE)[1:]:
            environment = re.search(r'conda:\s+"\.\./envs/(\w+)\.yaml"', text)
            scripts = re.findall(r"python scripts/(\w+)\.py", text)
            found.append((text.split(":")[0], environment and environment[1], scripts))
    return found


def scripts_of(environment):
    """Names of the scripts that run in an environment, its post-deploy script's among them."""
    deploy = ROOT / f"envs/{environment}.post-deploy.sh"
    after = re.findall(r"scripts/(\w+)\.py", deploy.read_text()) if deploy.exists() else []
    return sorted({script for _, used, scripts in rules() if used == environment for script in scripts} | {*after})


def imported(text):
    """Top-level names that Python source imports, late imports too."""
    names = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module.split(".")[0])
    local = {path.stem for path in (ROOT / "scripts").iterdir()}
    return names - local - sys.stdlib_module_names


def third_party(scripts):
    """What these scripts (paths below scripts/, no suffix) and the local modules that they import take from others."""
    paths = {path for one in scripts for path in local_modules(ROOT / f"scripts/{one}.py", ROOT / "scripts")}
    return set().union(*(imported(Path(path).read_text(encoding="utf-8")) for path in paths))


def of_the_workflow():
    """What rules/common.smk, the only rules file with Python in it, takes from others, directly or not."""
    text = (ROOT / "rules/common.smk").read_text()
    modules = re.findall(r"^from nuclei\.(\w+)", text, re.MULTILINE)
    return imported(text) | third_party(f"nuclei/{module}" for module in modules)
