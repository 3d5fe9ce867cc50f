"""Published weights: fetched once, checked by hash before they are unpickled, kept as tensors alone."""

import functools
import hashlib
import http.server
import threading

import numpy
import pytest
import torch


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


def test_fetched_once_and_kept_as_tensors(address, published, stage, tmp_path):
    url, requests = address
    for name in ("one.pth", "two.pth"):
        done = stage(
            "fetch_weights", "--url", f"{url}/{published.name}", "--cache", tmp_path / "cache", "--out", tmp_path / name
        )
        assert done.returncode == 0, done.stderr
    assert len(requests) == 1
    state = torch.load(tmp_path / "two.pth", weights_only=True)
    assert torch.equal(state["state_dict"]["a"], torch.arange(3.0))
    assert (tmp_path / "one.pth").read_bytes() == (tmp_path / "two.pth").read_bytes()


def test_a_folder_needs_no_network(published, stage, tmp_path):
    url = f"http://127.0.0.1:9/{published.name}"
    done = stage("fetch_weights", "--url", url, "--folder", published.parent, "--out", tmp_path / "w.pth")
    assert done.returncode == 0, done.stderr
    missing = stage("fetch_weights", "--url", url, "--folder", tmp_path, "--out", tmp_path / "v.pth")
    assert missing.returncode == 2
    assert "not found, wanted the published weights" in missing.stderr


def test_wrong_file_is_refused_unread(published, stage, tmp_path):
    published.write_bytes(published.read_bytes() + b"x")
    done = stage(
        "fetch_weights", "--url", f"x/{published.name}", "--folder", published.parent, "--out", tmp_path / "w.pth"
    )
    assert done.returncode == 2
    found = hashlib.sha256(published.read_bytes()).hexdigest()
    assert f"{published.name}: SHA-256 is {found}, wanted {published.name[4:12]}" in done.stderr
    assert not (tmp_path / "w.pth").exists()
