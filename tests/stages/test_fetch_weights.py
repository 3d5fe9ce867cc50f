"""Published weights: fetched once, checked by hash before they are unpickled, kept as tensors alone."""

import hashlib

import pytest
import torch
from support.published_weights import make_published, serve


@pytest.fixture
def published(tmp_path):
    """See support/published_weights.py."""
    return make_published(tmp_path)


@pytest.fixture
def address(published):
    """(address of the server of the published file, its requests)."""
    with serve(published) as served:
        yield served


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
