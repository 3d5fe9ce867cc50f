"""Which scripts run in which conda environment, and what they import."""

import ast
import re
import sys
from pathlib import Path

from conftest import ROOT

from nuclei.workflow.code_hash import local_modules

IMPORTED_FROM = (ROOT / "scripts", ROOT / "tools")
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
    """Paths of the scripts that run in an environment, the tools of its post-deploy script among them."""
    deploy = ROOT / f"envs/{environment}.post-deploy.sh"
    after = re.findall(r"tools/\w+\.py", deploy.read_text()) if deploy.exists() else []
    found = {f"scripts/{script}.py" for _, used, scripts in rules() if used == environment for script in scripts}
    if "scripts/import_raw.py" in found:  # imports the readers of formats by names that are not written
        found |= {str(path.relative_to(ROOT)) for path in ROOT.glob("scripts/nuclei/formats/*.py")}
    return sorted(found | {*after})


def imported(text):
    """Top-level names that Python source imports, late imports too."""
    names = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module.split(".")[0])
    local = {path.stem for folder in IMPORTED_FROM for path in folder.iterdir()}
    return names - local - sys.stdlib_module_names


def third_party(scripts):
    """What these scripts (paths below the project) and the local modules that they import take from others."""
    paths = {path for script in scripts for path in local_modules(ROOT / script, *IMPORTED_FROM)}
    return set().union(*(imported(Path(path).read_text(encoding="utf-8")) for path in paths))


def of_the_workflow():
    """What rules/common.smk, the only rules file that imports modules, takes from others, directly or not."""
    text = (ROOT / "rules/common.smk").read_text()
    modules = re.findall(r"^from (nuclei[\w.]+) import", text, re.MULTILINE)
    return imported(text) | third_party(f"scripts/{module.replace('.', '/')}.py" for module in modules)
