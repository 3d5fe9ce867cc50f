"""Files of published weights: right by their hash, or not there."""

import pytest
from support.published_weights import make_published, serve

from nuclei.common.stage import InputError
from nuclei.models.weight_files import check_hash, fetch


@pytest.fixture
def published(tmp_path):
    """See support/published_weights.py."""
    return make_published(tmp_path)


@pytest.fixture
def address(published):
    """(address of the server of the published file, its requests)."""
    with serve(published) as served:
        yield served


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
