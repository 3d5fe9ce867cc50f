"""Which version of the project's code runs."""

import subprocess
from pathlib import Path


def project_version(folder):
    """{"commit", "dirty"} of the git checkout that holds `folder`; both None outside git."""
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        found = subprocess.run(command, capture_output=True, text=True).stdout.strip()
    except FileNotFoundError:  # no git
        found = ""
    return {"commit": found.removesuffix("-dirty") or None, "dirty": found.endswith("-dirty") if found else None}


def code_version():
    """Commit of the project, `-dirty` with uncommitted changes; `unknown` outside git."""
    here = Path(__file__).parent
    done = subprocess.run(
        ["git", "-C", here, "describe", "--always", "--dirty", "--abbrev=12"], capture_output=True, text=True
    )
    return done.stdout.strip() or "unknown"
