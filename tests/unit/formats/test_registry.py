"""Which format a folder is found to have, and that a file is all that a new one takes."""

import importlib
import os
import sys

import pytest
from support.foreign import SETS, write_set

from nuclei.common.stage import InputError
from nuclei.formats import registry


def test_every_reader_is_found():
    assert set(registry.readers()) == {"coco_json", "dsb2018", "geojson", "imagej", "images", "labels", "monuseg"}


def test_the_readers_that_are_tested_on_the_same_nuclei_are_all_but_that_of_images_alone():
    assert {name for name, _ in SETS.values()} | {"images"} == set(registry.readers())


def test_a_folder_of_two_formats_is_not_guessed_at(tmp_path):
    folder, _ = write_set("qupath", tmp_path / "given")
    (folder / "RoiSet.zip").write_bytes(b"")
    with pytest.raises(InputError, match="files of geojson and imagej found, .*name the format"):
        registry.choose(folder, "auto", registry.readers())
    assert registry.choose(folder, "geojson", registry.readers()) == "geojson"


def test_unknown_formats_and_folders_are_refused(tmp_path):
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(InputError, match="1 files of no known format found"):
        registry.choose(tmp_path, "auto", registry.readers())
    with pytest.raises(InputError, match="raw.format: cococ found, wanted auto or one of coco_json"):
        registry.choose(tmp_path, "cococ", registry.readers())


def test_images_with_one_label_image_too_few_are_label_images_and_the_one_is_named(tmp_path):
    folder, name = write_set("labels png", tmp_path / "given")
    (folder / "labels/z.png").unlink()
    known = registry.readers()
    assert registry.choose(folder, "auto", known) == name == "labels"
    with pytest.raises(InputError, match=f"{folder}: z found without a label image, wanted both; add it, or remove"):
        known[name].read(folder)
    for path in sorted((folder / "labels").iterdir())[1:]:  # one of four images: no longer a guess
        path.unlink()
    with pytest.raises(InputError, match="no known format"):
        registry.choose(folder, "auto", known)


def test_geojson_without_any_image_is_named(tmp_path):
    (tmp_path / "a.geojson").write_text("{}")
    known = registry.readers()
    assert registry.choose(tmp_path, "auto", known) == "geojson"
    with pytest.raises(InputError, match="GeoJSON of a found without an image of that name"):
        known["geojson"].read(tmp_path)


def test_hidden_files_do_not_count(tmp_path):
    folder, name = write_set("imagej", tmp_path / "given")
    (folder / ".x").mkdir()
    (folder / ".x/a.geojson").write_text("")
    (folder / "__MACOSX").mkdir()
    (folder / "__MACOSX/b.json").write_text("")
    assert registry.choose(folder, "auto", registry.readers()) == name


def test_links_to_nothing_are_named(tmp_path):
    """Such as the files of a DataLad data set that were not fetched: an image and its label image, both gone."""
    folder, name = write_set("labels png", tmp_path / "given")
    for part in ("images", "labels"):
        (folder / part / "q.png").symlink_to(tmp_path / "gone")
    known = registry.readers()
    for look in (lambda: registry.choose(folder, "auto", known), lambda: known[name].read(folder)):
        with pytest.raises(InputError) as caught:
            look()
        assert caught.value.problems == [
            f"{folder}/{part}/q.png: link to nothing found, wanted a file; correct or remove the link"
            for part in ("images", "labels")
        ]


def test_a_folder_that_cannot_be_listed_is_named(tmp_path, monkeypatch):
    folder, _ = write_set("labels png", tmp_path / "given")
    (folder / "more").mkdir()
    listed = os.scandir

    def scandir(path):
        if str(path).endswith("more"):
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(InputError, match=f"{folder}/more: cannot be listed .Permission denied., wanted a readable"):
        registry.choose(folder, "auto", registry.readers())


def test_a_new_file_is_a_new_format(tmp_path, monkeypatch):
    copied = tmp_path / "formats"
    copied.mkdir()
    for path in sorted(type(tmp_path)(registry.__file__).parent.glob("*.py")):
        (copied / path.name).write_text(path.read_text())
    (copied / "mine.py").write_text("def fits(names):\n    return True\n\n\ndef read(folder):\n    return []\n")
    package = importlib.import_module("nuclei.formats")
    monkeypatch.setattr(package, "__path__", [str(copied)])
    monkeypatch.setattr(registry, "__file__", str(copied / "registry.py"))
    try:
        assert "mine" in registry.readers()
    finally:
        sys.modules.pop("nuclei.formats.mine", None)
