"""Archives of raw data: unpacked below any folder, fetched on where a download broke off."""

import hashlib
import shutil
import zipfile

import pytest
from support.archives import GOOD, Breaking, server, tar_of

from nuclei.data.raw_sources import fetch


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


def test_broken_download_goes_on(tmp_path):
    members = {**GOOD, "top/train/big": bytes(range(256)) * 30}
    archive = tar_of(tmp_path / "raw.tar", members, "w")
    with server(tmp_path, breaks=2) as address:
        fetch(f"{address}/raw.tar", "dataset", tmp_path / "out", hashlib.sha256(archive.read_bytes()).hexdigest())
    assert Breaking.ranges == [0, 1000, 2000]
    assert (tmp_path / "out/train/big").read_bytes() == members["top/train/big"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "raw.tar"]


def test_start_of_another_archive_is_not_gone_on_with(tmp_path):
    archive = tar_of(tmp_path / "raw.tar", GOOD, "w")
    (tmp_path / ".out.000000000000.part").write_bytes(b"the start of another one")
    with server(tmp_path) as address:
        fetch(f"{address}/raw.tar", "dataset", tmp_path / "out", hashlib.sha256(archive.read_bytes()).hexdigest())
    assert Breaking.ranges == [0]


def pack(path, *folders):
    """A zip file of all files below the folders, each under its own name."""
    with zipfile.ZipFile(path, "w") as file:
        for folder in folders:
            for source in sorted(p for p in folder.rglob("*") if p.is_file()):
                file.write(source, source.relative_to(folder.parent))
                file.writestr(f"__MACOSX/{source.relative_to(folder.parent).parent}/._{source.name}", "")
    return path


def test_one_archive_may_hold_both_parts(drawn, tmp_path):
    archive = pack(tmp_path / "all.zip", drawn / "dataset", drawn / "test_masks")
    for part in ("dataset", "test_masks"):
        fetch(str(archive), part, tmp_path / "out" / part)
        found = {str(p.relative_to(tmp_path / "out" / part)) for p in (tmp_path / "out" / part).rglob("*.png")}
        assert found == {str(p.relative_to(drawn / part)) for p in (drawn / part).rglob("*.png")}


def test_left_overs_of_a_mac_are_not_taken_for_the_data(drawn, tmp_path):
    shutil.copytree(drawn / "test_masks", tmp_path / "truth")
    fetch(str(pack(tmp_path / "m.zip", tmp_path / "truth")), "test_masks", tmp_path / "out")
    assert not list((tmp_path / "out").rglob("._*"))
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["DEMO-04", "DEMO-05"]
