"""Downloads: what is not there is asked for once, what never ends well is an error."""

import http.server

import pytest
from support.archives import server

from nuclei.common.archives import download
from nuclei.common.stage import InputError


def test_missing_file_is_asked_for_once(tmp_path):
    asked = []

    class Counting(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            asked.append(self.path)

    with server(tmp_path, handler=Counting) as address, pytest.raises(InputError, match="404"):
        download(f"{address}/none.tar", tmp_path / "part")
    assert set(asked) == {"/none.tar"} and len(asked) == 2  # the error's line and the request's


def test_download_that_never_ends_well_is_an_error(tmp_path):
    (tmp_path / "x").write_bytes(bytes(100_000))
    with server(tmp_path, breaks=99) as address, pytest.raises(InputError, match="of 100000 bytes came"):
        download(f"{address}/x", tmp_path / "part", pause=0)
