"""Files of published weights: right by their hash, or not there."""

import hashlib

import numpy
import pytest
import torch

from nuclei.common.stage import InputError
from nuclei.models.weight_files import check_hash, fetch, read_published


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


@pytest.mark.parametrize("new_format", [True, False])
def test_numbers_of_numpy_need_no_hash(tmp_path, new_format):
    meta = [numpy.float64(0.4), numpy.float32(0.4), numpy.int64(3), 4, "text"]
    path = tmp_path / "file.pth"
    torch.save({"state_dict": {"a": torch.ones(2)}, "meta": meta}, path, _use_new_zipfile_serialization=new_format)
    assert read_published(path)["a"].tolist() == [1, 1]


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04", {"meta": {}}, [1], None])
def test_a_file_that_is_no_checkpoint_is_one_line(tmp_path, content, known):
    path = tmp_path / "file.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    whole = hashlib.sha256(path.read_bytes()).hexdigest() if known else None
    with pytest.raises(InputError, match="no checkpoint|other objects than tensors found"):
        read_published(path, whole)


def test_a_file_of_numpy_1_needs_no_hash(tmp_path):
    path = tmp_path / "file.pth"
    torch.save({"state_dict": {}, "meta": numpy.float64(1)}, path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes().replace(b"numpy._core.multiarray\n", b"numpy.core.multiarray\n"))
    assert read_published(path) == {}
