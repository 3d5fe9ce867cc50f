"""The content of raw data part by part: each part's hash follows what it is made of, and nothing else."""

import os
import shutil

import cv2
import pytest

from nuclei.data.raw_content import raw_hashes
from nuclei.data.raw_layout import IDS_FILE

MASK = "dataset/train/DEMO-01/masks/mask_0001.png"
IMAGE = "dataset/train/DEMO-01/images/DEMO-01.png"
TEST = "dataset/test/DEMO-04.png"
TEST_MASK = "test_masks/DEMO-04/masks/mask_0001.png"


@pytest.fixture
def hashes(raw, tmp_path):
    """A function: the hashes of the data's parts now."""
    return lambda: raw_hashes(raw / "dataset", raw / "test_masks", tmp_path / "memory")


def differ(before, after):
    """Names of the parts that differ."""
    return {part for part in before if before[part] != after[part]}


def invert(path):
    """Change all pixels of an image."""
    assert cv2.imwrite(str(path), 255 - cv2.imread(str(path), cv2.IMREAD_UNCHANGED))


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        (MASK, {"train"}),
        (IMAGE, {"train"}),
        (TEST, {"test"}),
        (f"dataset/{IDS_FILE}", {"test"}),
        (TEST_MASK, {"test_masks"}),
    ],
)
def test_a_file_belongs_to_one_part(raw, hashes, name, parts):
    before = hashes()
    with (raw / name).open("ab") as file:
        file.write(b"\n")
    assert differ(before, hashes()) == parts


def test_the_place_counts_for_nothing(raw, hashes, tmp_path):
    before = hashes()
    moved = raw.rename(tmp_path / "moved")
    assert raw_hashes(moved / "dataset", moved / "test_masks", tmp_path / "memory") == before


@pytest.mark.parametrize("folder", ["dataset/train", "dataset/train/DEMO-01", "dataset/train/DEMO-01/masks"])
def test_linked_folders_are_followed(raw, hashes, tmp_path, folder):
    before = hashes()
    (raw / folder).rename(tmp_path / "disk")
    (raw / folder).symlink_to(tmp_path / "disk")
    assert hashes() == before
    invert(raw / MASK)
    changed = hashes()
    assert differ(before, changed) == {"train"}
    (raw / MASK).unlink()
    assert differ(changed, hashes()) == {"train"}


def test_a_test_image_may_be_a_link(raw, hashes, tmp_path):
    before = hashes()
    (raw / TEST).rename(tmp_path / "image.png")
    (raw / TEST).symlink_to(tmp_path / "image.png")
    assert hashes() == before
    invert(tmp_path / "image.png")
    assert differ(before, hashes()) == {"test"}


CLUTTER = [
    ".DS_Store",
    "Thumbs.db",
    "desktop.ini",
    ".#mask_0001.png",
    ".ipynb_checkpoints/x.png",
    ".nfs0001",
    "notes.txt",
]
FOLDERS = ["dataset", "dataset/train", "dataset/train/DEMO-01/masks", "dataset/test", "test_masks"]


@pytest.mark.parametrize("name", CLUTTER)
def test_clutter_changes_nothing(raw, hashes, name):
    before = hashes()
    for folder in FOLDERS:
        path = raw / folder / name
        path.parent.mkdir(exist_ok=True)
        if name.startswith(".#"):
            path.symlink_to("user@host.1234")  # as Emacs locks a file
        else:
            path.write_text("clutter")
    assert hashes() == before


@pytest.mark.parametrize("name", ["x.png", os.fsdecode(b"\xff.png")])
@pytest.mark.parametrize(
    "make",
    [lambda path: path.symlink_to("nowhere"), lambda path: path.symlink_to(path.name), os.mkfifo],
    ids=["dangling link", "link to itself", "pipe"],
)
def test_what_the_check_refuses_changes_the_hash_and_ends_nothing(raw, hashes, name, make):
    before = hashes()
    make((raw / MASK).with_name(name))
    assert "train" in differ(before, hashes())


def test_an_undecodable_name_changes_the_hash_and_ends_nothing(raw, hashes):
    before = hashes()
    shutil.copy(raw / MASK, (raw / MASK).with_name(os.fsdecode(b"\xff.png")))
    found = hashes()
    assert "train" in differ(before, found)
    "".join(found.values()).encode()  # a param of a rule, which Snakemake writes down


def test_an_unreadable_mask_changes_the_hash_and_ends_nothing(raw, hashes):
    before = hashes()
    (raw / MASK).unlink()
    (raw / MASK).symlink_to("/proc/self/mem")  # nobody can read it from its start
    assert differ(before, hashes()) == {"train"}


def test_a_folder_that_cannot_be_entered_ends_nothing(raw, hashes, monkeypatch):
    before = hashes()

    def refuse(*_):
        raise PermissionError(13, "Permission denied", str(raw / "dataset/train/DEMO-01"))

    monkeypatch.setattr("nuclei.data.raw_layout.read_masks", refuse)
    found = hashes()
    assert differ(before, found) == {"train", "test", "test_masks"}
    assert found["train"].endswith("DEMO-01: Permission denied")


def test_no_mask_is_asked_for_more_than_once(raw, hashes, monkeypatch):
    hashes()
    asked = []

    def counted(call):
        def count(path, *args, **options):
            asked.append(os.fspath(path))
            return call(path, *args, **options)

        return count

    monkeypatch.setattr(os, "stat", counted(os.stat))  # what Path.exists, is_file and is_dir call, too
    hashes()
    masks = [path for path in asked if "/masks/" in path]
    assert len(masks) == len(set(masks)) > 20
