"""Raw data in the layout of the course are told from others by the names of their files."""

import shutil
import tarfile
import zipfile

import pytest
from support.foreign import SETS, write_set

from nuclei.data.raw_names import in_course_layout
from nuclei.formats.registry import choose, readers


def packed(folder, kind):
    return shutil.make_archive(str(folder), kind, folder.parent, folder.name)


@pytest.mark.parametrize("kind", [None, "zip", "xztar"])
def test_the_layout_of_the_course(drawn, tmp_path, kind):
    source = packed(shutil.copytree(drawn, tmp_path / "data"), kind) if kind else drawn
    assert in_course_layout(source, tmp_path / "memory")
    assert in_course_layout(drawn / "dataset", tmp_path / "memory")


@pytest.mark.parametrize("case", SETS)
def test_other_formats(tmp_path, case):
    folder, _ = write_set(case, tmp_path / "given")
    assert not in_course_layout(folder, tmp_path / "memory")
    assert not in_course_layout(packed(folder, "zip"), tmp_path / "memory")


def test_what_cannot_be_looked_at_is_left_to_its_stage(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "damaged.tar").write_bytes(b"x" * 2000)
    for source in (tmp_path / "empty", tmp_path / "damaged.tar", tmp_path / "no.zip", "https://example.org/a.zip"):
        assert in_course_layout(source, tmp_path / "memory")


def test_the_answer_for_an_archive_is_kept_by_its_hash(tmp_path):
    folder, _ = write_set("qupath", tmp_path / "given")
    archive = packed(folder, "zip")
    assert not in_course_layout(archive, tmp_path / "memory", "a" * 64)
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("dataset/test_img_ids.json", "[]")
    assert not in_course_layout(archive, tmp_path / "memory", "a" * 64)  # not read again
    assert in_course_layout(archive, tmp_path / "memory", "b" * 64)


def test_data_without_ids_are_still_those_of_the_course(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as file:
        member = tarfile.TarInfo("dataset/train/x/masks")
        member.type = tarfile.DIRTYPE
        file.addfile(member)
        file.addfile(tarfile.TarInfo("dataset/test/y.png"))
    assert in_course_layout(tmp_path / "a.tar", tmp_path / "memory")


def test_a_folder_train_alone_is_not_the_course(tmp_path):
    """Data in the layout of the Data Science Bowl lie in train/ and test/, too."""
    folder, name = write_set("masks", tmp_path / "given")
    (folder / "stage1_train").rename(folder / "train")
    (folder / "test/q/images").mkdir(parents=True)
    shutil.copyfile(folder / "train/z/images/z.png", folder / "test/q/images/q.png")
    assert not in_course_layout(folder, tmp_path / "memory")
    assert choose(folder, "auto", readers()) == name
