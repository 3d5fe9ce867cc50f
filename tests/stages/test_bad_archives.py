"""Bad archives, and a full disk: how each is made, the command that meets it, and the exact lines."""
# ruff: noqa: F403, F405 (the table is easiest to read in the plain names of damage.py)

import errno
import shutil
import tarfile
from pathlib import Path
from types import SimpleNamespace

from support.archives import link, tar_of
from support.bad_input import catalogue
from support.damage import *

# fmt: off
TABLE = [
    # archives
    ("archive that climbs", lambda: archive(**{"../evil": b"x", "a/../../evil": b"x"}), FETCH,
     "raw.tar: member ../evil leaves the target folder, wanted none; do not use it",
     "raw.tar: member a/../../evil leaves the target folder, wanted none; do not use it"),
    ("archive with absolute paths", lambda: archive(**{"/evil": b"x"}), FETCH,
     "raw.tar: member /evil leaves the target folder, wanted none; do not use it"),
    ("archive with links that point out",
     lambda: archive(a=link("a", "/etc/passwd"), b=link("b", "../../x"), c=link("c", "../x", tarfile.LNKTYPE)), FETCH,
     "raw.tar: member a -> /etc/passwd leaves the target folder, wanted none; do not use it",
     "raw.tar: member b -> ../../x leaves the target folder, wanted none; do not use it",
     "raw.tar: member c -> ../x leaves the target folder, wanted none; do not use it"),
    ("archive with devices",
     lambda: archive(a=link("a", "", tarfile.FIFOTYPE), b=link("b", "", tarfile.CHRTYPE)), FETCH,
     "raw.tar: member a is a device or pipe, wanted files and folders; do not use it",
     "raw.tar: member b is a device or pipe, wanted files and folders; do not use it"),
    ("archive with a hard link to nothing", lambda: archive(a=link("a", "nothing", tarfile.LNKTYPE)), FETCH,
     "raw.tar: damaged (\"linkname 'nothing' not found\"), wanted a whole archive; download it again"),
    ("archive with a file that is also a folder", lambda: archive(**{"a": b"x", "a/b": b"x"}), FETCH,
     "raw.tar: damaged (Not a directory), wanted a whole archive; download it again"),
    ("archive with a name that is too long", lambda: archive(**{"x" * 300: b"x"}), FETCH,
     "raw.tar: damaged (File name too long), wanted a whole archive; download it again"),
    ("zip that climbs", lambda: zipped("raw.tar", **{"../evil": "x", "C:/evil": "x"}), FETCH,
     "raw.tar: member ../evil leaves the target folder, wanted none that does; do not use it",
     "raw.tar: member C:/evil leaves the target folder, wanted none that does; do not use it"),
    ("encrypted zip", lambda: [zipped("raw.tar", a="x"), lock("raw.tar")], FETCH,
     "raw.tar: member a is encrypted, wanted none; pack it again without a password"),
    ("truncated archive", lambda: [archive(**{"top/x": bytes(10**5)}), cut("raw.tar", 0.5)], FETCH,
     "raw.tar: damaged (unexpected end of data), wanted a whole archive; download it again"),
    ("archive of unknown format", lambda: text("raw.tar", "Rar!"), FETCH,
     "raw.tar: neither tar nor zip, wanted an archive or a folder; check the file"),
    ("archive without the data", lambda: tar_of(Path("raw.tar"), {"readme.txt": b"x"}), FETCH,
     "raw.tar: holds readme.txt, wanted a folder with train/ and test_img_ids.json; name another archive"),
    ("wrong hash of an archive", lambda: text("raw.tar", "x"), FETCH + f" --sha256 {'0' * 64}",
     f"raw.tar: SHA-256 is 2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881, wanted {'0' * 64}; "
       "check raw.dataset.sha256 and the archive"),
    ("hash of the wrong form", None, FETCH + " --sha256 12ab",
     "raw.dataset.sha256: 12ab found, wanted 64 hex digits; correct it"),
    ("address without a hash", None, FETCH.replace("raw.tar", "http://127.0.0.1:9/raw.tar"),
     "raw.dataset.path: http://127.0.0.1:9/raw.tar has no SHA-256, wanted one for a download; set raw.dataset.sha256"),
    ("archive missing", None, FETCH, "raw.tar: not found, wanted an archive or a URL; set raw.dataset.path"),
    ("folder in the place of an archive", lambda: Path("raw.tar").mkdir(), FETCH,
     "raw.tar: is no file, wanted an archive or a URL; set raw.dataset.path"),
    ("target in use", lambda: [archive(), Path("deep/out/mine").mkdir(parents=True)], FETCH,
     "deep/out: exists, wanted none; remove it or give another --out"),
    ("file in the place of the target's folder", lambda: [archive(), text("deep", "x")], FETCH,
     "deep: File exists; check the path and run again"),
]
# fmt: on

test_bad_input = catalogue(TABLE)


def test_full_disk(raw, capsys, monkeypatch):
    def fail(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")  # as write() does: without the file's name

    monkeypatch.chdir(raw)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", fail)
        found = answered(capsys, monkeypatch, CHECK_ONE)
    assert found == (2, ["error: o.json: no space left on the disk; free some and run again"])
    archive()
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1))
    assert answered(capsys, monkeypatch, FETCH) == (
        2,
        ["error: raw.tar: unpacks to 0 MB, 0 MB are free at deep/.out.new; free some"],
    )
    assert not any(Path("deep").iterdir())
