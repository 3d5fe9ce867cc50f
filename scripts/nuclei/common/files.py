"""Files that appear whole or not at all, JSON, hashes."""

import contextlib
import hashlib
import json
import os
import tempfile
from pathlib import Path

from nuclei.common.stage import InputError


@contextlib.contextmanager
def whole_file(path):
    """Yield a temporary path beside `path`; rename it to `path` only if the block succeeds."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
    os.close(handle)
    os.chmod(name, 0o644)
    try:
        yield Path(name)
        os.replace(name, path)
    except OSError as error:
        if error.errno and error.filename in (None, name):  # people know the file by its last name
            error.filename = str(path)
        raise
    finally:
        Path(name).unlink(missing_ok=True)


def write_text(path, text):
    """Write `text` to `path` so that `path` is always absent, old or complete."""
    with whole_file(path) as temporary:
        # half a surrogate pair, as in an undecodable file name, becomes its JSON escape
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_json(path, value, indent=1):
    """Write `value` as JSON (sorted keys, UTF-8), complete or not at all."""
    write_text(path, json.dumps(value, indent=indent, sort_keys=True, ensure_ascii=False) + "\n")


def read_json(path, wanted="JSON"):
    """Read a JSON file; InputError names the file where it is missing or no JSON."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}), wanted {wanted}; check the path") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON ({str(error)[:80]}), wanted {wanted}; make the file again") from None


def cache_folder(name):
    """Folder of this user for what is made or fetched once: below $XDG_CACHE_HOME or ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nuclei" / name


def sha256(path):
    """SHA-256 of a file's content, as hex digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
