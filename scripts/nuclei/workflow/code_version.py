"""Which version of the project's code runs."""

import subprocess
from pathlib import Path


def code_version(folder=Path(__file__).parent):
    """Commit of the git checkout that holds `folder`, with `-dirty` where files were changed; None outside git."""
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout.strip() or None
    except FileNotFoundError:  # git is not installed
        return None
