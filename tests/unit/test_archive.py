"""Archives: nothing leaves the target folder, broken downloads go on, wrong files are refused by name."""

import contextlib
import functools
import hashlib
import http.server
import io
import tarfile
import threading
import zipfile
from pathlib import Path

import pytest

from nuclei.common.archives import download
from nuclei.common.stage import InputError
from nuclei.data.raw_sources import fetch


def tar_of(path, members, mode="w:gz"):
    """members: {name: bytes, or a TarInfo}."""
    with tarfile.open(path, mode) as file:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                file.addfile(content)
            else:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                file.addfile(info, io.BytesIO(content))
    return path


def link(name, target, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


GOOD = {"top/train/a/images/a.png": b"1", "top/test/b.png": b"2", "top/test_img_ids.json": b"[]"}


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_tar_is_unpacked_below_any_top_folder(tmp_path, mode):
    fetch(str(tar_of(tmp_path / "raw.tar", GOOD, mode)), "dataset", tmp_path / "out")
    assert (tmp_path / "out/train/a/images/a.png").read_bytes() == b"1"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "raw.tar"]


def test_zip_of_test_masks(tmp_path):
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as file:
        file.writestr("test_masks/b/masks/mask_0001.png", b"3")
    fetch(str(tmp_path / "m.zip"), "test_masks", tmp_path / "out")
    assert (tmp_path / "out/b/masks/mask_0001.png").read_bytes() == b"3"


class Breaking(http.server.SimpleHTTPRequestHandler):
    """Serves a folder with Range, and breaks off the first `breaks` answers after 1000 bytes."""

    ranges, breaks = [], 0

    def do_GET(self):
        content = Path(self.translate_path(self.path)).read_bytes()
        wanted = self.headers.get("Range")
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        type(self).ranges.append(start)
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        rest = content[start:]
        if type(self).breaks:
            type(self).breaks -= 1
            rest = rest[:1000]
        self.wfile.write(rest)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def server(folder, breaks=0, handler=None):
    Breaking.ranges, Breaking.breaks = [], breaks
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(handler or Breaking, directory=folder)
    ) as http_server:
        thread = threading.Thread(target=http_server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{http_server.server_port}"
        finally:
            http_server.shutdown()
            thread.join()


def test_broken_download_goes_on(tmp_path):
    members = {**GOOD, "top/train/big": bytes(range(256)) * 30}
    archive = tar_of(tmp_path / "raw.tar", members, "w")
    with server(tmp_path, breaks=2) as address:
        fetch(f"{address}/raw.tar", "dataset", tmp_path / "out", hashlib.sha256(archive.read_bytes()).hexdigest())
    assert Breaking.ranges == [0, 1000, 2000]
    assert (tmp_path / "out/train/big").read_bytes() == members["top/train/big"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "raw.tar"]


def test_missing_file_is_asked_for_once(tmp_path):
    asked = []

    class Counting(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            asked.append(self.path)

    with server(tmp_path, handler=Counting) as address, pytest.raises(InputError, match="404"):
        download(f"{address}/none.tar", tmp_path / "part")
    assert set(asked) == {"/none.tar"} and len(asked) == 2  # the error's line and the request's


def test_start_of_another_archive_is_not_gone_on_with(tmp_path):
    archive = tar_of(tmp_path / "raw.tar", GOOD, "w")
    (tmp_path / ".out.000000000000.part").write_bytes(b"the start of another one")
    with server(tmp_path) as address:
        fetch(f"{address}/raw.tar", "dataset", tmp_path / "out", hashlib.sha256(archive.read_bytes()).hexdigest())
    assert Breaking.ranges == [0]


def test_download_that_never_ends_well_is_an_error(tmp_path):
    (tmp_path / "x").write_bytes(bytes(100_000))
    with server(tmp_path, breaks=99) as address, pytest.raises(InputError, match="of 100000 bytes came"):
        download(f"{address}/x", tmp_path / "part", pause=0)
