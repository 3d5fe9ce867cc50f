"""Published weights: fetched once, checked by hash before they are unpickled, kept as tensors alone."""

import hashlib

import pytest
import torch
from support.published_weights import Runs, make_published


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


def fetched(stage, published, out, *more):
    return stage("fetch_weights", "--url", f"x/{published.name}", "--folder", published.parent, "--out", out, *more)


def test_a_file_that_holds_code_is_refused_without_its_whole_hash(stage, tmp_path):
    ran, out = tmp_path / "ran", tmp_path / "w.pth"
    published = make_published(tmp_path, extra=Runs(ran))
    done = fetched(stage, published, out)
    assert (done.returncode, ran.exists(), out.exists()) == (2, False, False)
    assert done.stderr.count("\n") == 1
    assert "other objects than tensors found" in done.stderr and "state its whole SHA-256" in done.stderr
    whole = hashlib.sha256(published.read_bytes()).hexdigest()
    done = fetched(stage, published, out, "--sha256", whole)
    assert (done.returncode, ran.exists()) == (0, True), done.stderr
    assert torch.load(out, weights_only=True)["state_dict"]["a"].tolist() == [0, 1, 2]


def test_whole_hash_is_compared_whole(published, stage, tmp_path):
    whole = hashlib.sha256(published.read_bytes()).hexdigest()
    other = whole[:8] + whole[8:].translate(str.maketrans("0123456789abcdef", "123456789abcdef0"))
    done = fetched(stage, published, tmp_path / "w.pth", "--sha256", other)
    assert done.returncode == 2
    assert f"SHA-256 is {whole}, wanted {other}" in done.stderr
    done = fetched(stage, published, tmp_path / "w.pth", "--sha256", whole[:8])
    assert done.returncode == 2
    assert f"--sha256: {whole[:8]} found, wanted 64" in done.stderr


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/net.pth", "http://127.0.0.1:9/net-0123.pth", "net", ""])
def test_a_name_without_hash_is_one_line(stage, tmp_path, url):
    done = stage("fetch_weights", "--url", url, "--cache", tmp_path / "cache", "--out", tmp_path / "w.pth")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "no hash found in the name" in done.stderr
