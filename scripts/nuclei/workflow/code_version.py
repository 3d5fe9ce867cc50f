"""Which version of the project's code runs."""

import subprocess
from pathlib import Path


def code_version(folder: Path | str = Path(__file__).parent) -> str | None:
    """Version of the git checkout that holds `folder`, as `git describe --always` says it.

    That is the commit (12 hexadecimal digits), or the last annotated tag and the commits since. `-dirty` follows where
    files were changed since the commit. None outside of git, and where git is not installed.
    """
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout.strip() or None
    except OSError:  # git is not installed, or not for this user
        return None
