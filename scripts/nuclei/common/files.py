"""Files that appear whole or not at all, JSON, hashes."""

import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nuclei.common.stage import InputError


@contextlib.contextmanager
def whole_file(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` only if the block succeeds.

    So `path` is absent, old or complete at any time, also after a kill or on a full disk. Missing folders above it are
    made. Who may read and write the file is for the umask to say. An OSError about the temporary file names `path`
    instead.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # not by tempfile.mkstemp, which lets the owner alone read its file
    name = str(path.parent / f".{path.name}.{secrets.token_hex(4)}{path.suffix}")
    try:
        os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
        yield Path(name)
        os.replace(name, path)
    except OSError as error:
        if error.errno and error.filename in (None, name):  # nobody knows the file by its temporary name
            error.filename = str(path)
        raise
    finally:
        Path(name).unlink(missing_ok=True)


def write_text(path: Path | str, text: str) -> None:
    """Write `text` to `path` in UTF-8, complete or not at all (see whole_file)."""
    with whole_file(path) as temporary:
        # In a file name Python represents each byte that is not UTF-8 by a lone surrogate, which UTF-8 cannot encode.
        # backslashreplace writes it as an escape such as \udc80, and JSON reads this as the same character.
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_json(path: Path | str, value: object, indent: int | None = 1) -> None:
    """Write `value` as JSON (UTF-8, sorted keys, so that equal values give equal bytes), complete or not at all.

    indent: spaces for each level; None writes everything in one line, for large files.
    """
    write_text(path, json_text(value, indent))


def json_text(value: object, indent: int | None = 1) -> str:
    """The text that write_json writes."""
    return json.dumps(value, indent=indent, sort_keys=True, ensure_ascii=False) + "\n"


def read_json(path: Path | str, wanted: str = "JSON") -> Any:
    """Content of a JSON file. Raises InputError, which names the file, where it is missing or not JSON.

    wanted: what the file should hold, for the error line.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}), wanted {wanted}; check the path") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON ({str(error)[:80]}), wanted {wanted}; make the file again") from None


def cache_folder(name: str) -> Path:
    """Folder `name` in this user's cache, for what is made or downloaded once and used by every copy of the project.

    It lies in $XDG_CACHE_HOME/nuclei, or in ~/.cache/nuclei without that variable. The folder is not created here.
    """
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nuclei" / name


def sha256(path: Path | str) -> str:
    """SHA-256 of a file's content, as 64 hexadecimal digits. Raises OSError where the file cannot be read."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
