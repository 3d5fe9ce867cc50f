"""Files of published weights: right by their hash, or not there."""

import functools
import hashlib
import http.server
import threading

import numpy
import pytest
import torch

from nuclei.common.stage import InputError
from nuclei.models.weight_files import check_hash, fetch


@pytest.fixture
def published(tmp_path):
    """A checkpoint in mmdet's published form (numpy numbers in its meta data), named after its hash."""
    path = tmp_path / "published.pth"
    torch.save({"state_dict": {"a": torch.arange(3.0)}, "meta": {"mAP": numpy.float64(0.4)}}, path)
    name = f"net-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}.pth"
    (tmp_path / "server").mkdir()
    return path.rename(tmp_path / "server" / name)


@pytest.fixture
def address(published):
    """Serves the published file on loopback; counts the requests."""
    requests = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            requests.append(arguments)

    handler = functools.partial(Handler, directory=published.parent)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", requests
        server.shutdown()
        thread.join()


def test_wrong_download_leaves_nothing(address, published, tmp_path):
    published.write_bytes(b"not the weights")
    with pytest.raises(InputError, match="SHA-256 is"):
        fetch(f"{address[0]}/{published.name}", tmp_path / "cache" / published.name)
    assert list((tmp_path / "cache").iterdir()) == []


def test_no_server_is_one_line(tmp_path):
    with pytest.raises(InputError, match="cannot be downloaded"):
        fetch("http://127.0.0.1:9/net-00000000.pth", tmp_path / "net-00000000.pth")


def test_hash_of_a_right_file(published):
    check_hash(published, published.name)
