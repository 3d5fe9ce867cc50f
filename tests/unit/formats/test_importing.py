"""Data sets of every format, imported: the same images and nuclei from each, in the layout that every stage reads."""

import hashlib
import json
import shutil
import unicodedata

import cv2
import numpy as np
import pytest
from support.foreign import HEIGHT, IDS, NAMES, NUCLEI, SETS, WIDTH, masks, picture, write_set

from nuclei.common.stage import InputError
from nuclei.data.masks import read_mask
from nuclei.data.raw_check import check
from nuclei.data.raw_layout import read_layout
from nuclei.formats.importing import Choice, Source, import_data, listed_ids, unique


def imported(folder, out, choice=None, **options):
    report = import_data(Source(folder), choice or Choice(fraction=0.3, seed=1), out, **options)
    images, ignored, problems = read_layout(out / "dataset", out / "test_masks")
    assert (ignored, problems) == ([], [])
    return report, {image.id: image for image in images}


@pytest.mark.parametrize("case", SETS)
def test_every_format_gives_the_same_nuclei(tmp_path, case):
    folder, name = write_set(case, tmp_path / "given")
    report, images = imported(folder, tmp_path / "out")
    assert (report["format"], report["found_by_itself"], report["test_format"]) == (name, True, None)
    assert set(images) == set(NAMES)
    assert report["notes"] == {}
    for number, id_ in enumerate(NAMES):
        image = images[id_]
        wanted = masks()[id_]
        found = sorted(read_mask(mask, (WIDTH, HEIGHT)).tobytes() for mask in image.masks)
        assert found == sorted(mask.tobytes() for mask in wanted)
        assert (cv2.imread(str(image.file)) == picture(number)[..., ::-1]).all()
    assert [row["set"] for row in report["images"]].count("test") == 1
    found = check(tmp_path / "out/dataset", tmp_path / "out/test_masks")
    assert sum(found["counts"].values()) == sum(map(len, NUCLEI.values()))


def test_a_png_is_copied_byte_for_byte(tmp_path):
    folder, _ = write_set("labels png", tmp_path / "given")
    _, images = imported(folder, tmp_path / "out")
    for id_, image in images.items():
        assert image.file.read_bytes() == (folder / "images" / f"{id_}.png").read_bytes()


def test_a_second_import_gives_the_same_bytes(tmp_path):
    folder, _ = write_set("imagej", tmp_path / "given")
    for out in ("a", "b"):
        import_data(Source(folder), Choice(), tmp_path / out, threads=2 if out == "b" else 1)
    files = [path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file()]
    assert len(files) == 2 * len(NAMES) + 1
    assert all((tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes() for file in files)


def test_a_list_chooses_the_test_images_and_keeps_its_numbers(tmp_path):
    folder, _ = write_set("qupath", tmp_path / "given")
    numbers = {"z": 4, "001": 2}
    rows = [{"file_name": f"{id_}.png", "height": 1, "width": 1, "id": number} for id_, number in numbers.items()]
    (tmp_path / "ids.json").write_text(json.dumps(rows))
    _, images = imported(folder, tmp_path / "out", Choice(file=tmp_path / "ids.json"))
    assert {id_: image.number for id_, image in images.items() if image.set == "test"} == numbers
    (tmp_path / "ids.yaml").write_text("[z, é b]")
    _, images = imported(folder, tmp_path / "again", Choice(file=tmp_path / "ids.yaml"))
    assert {id_: image.number for id_, image in images.items() if image.set == "test"} == {"z": 1, "é b": 2}


def test_a_list_of_ids_takes_any_form_of_letters_and_text_alone(tmp_path):
    file = tmp_path / "ids.yaml"
    file.write_text(f"[z, '001', {unicodedata.normalize('NFD', 'é b')}]", encoding="utf-8")
    assert listed_ids(file, NAMES) == {"z": 1, "001": 2, "é b": 3}
    file.write_text("- 001\n- z\n- 12\n")
    with pytest.raises(InputError) as caught:
        listed_ids(file, NAMES)
    assert caught.value.problems == [
        f"{file}: {number} found, wanted an id as text; write numbers in quotes" for number in (1, 12)
    ]


def test_a_second_data_set_of_another_format_tests(tmp_path):
    folder, _ = write_set("coco polygons", tmp_path / "given")
    other, _ = write_set("masks", tmp_path / "other")
    for id_ in NAMES:
        for path in (other / "stage1_train" / id_).rglob(f"{id_}.png"):
            path.rename(path.with_stem(f"{id_} t"))
        (other / "stage1_train" / id_).rename(other / "stage1_train" / f"{id_} t")
    report, images = imported(folder, tmp_path / "out", Choice(Source(other)))
    assert (report["format"], report["test_format"]) == ("coco_json", "dsb2018")
    assert {id_ for id_, image in images.items() if image.set == "test"} == {f"{id_} t" for id_ in NAMES}


def test_images_alone_test_without_masks(tmp_path):
    folder, _ = write_set("coco polygons", tmp_path / "given")
    (tmp_path / "new").mkdir()
    shutil.copyfile(folder / "train/z.png", tmp_path / "new/n.png")
    with pytest.raises(InputError, match="n.png: no nuclei are known of this test image, .* set raw.test.masks: false"):
        import_data(Source(folder), Choice(Source(tmp_path / "new")), tmp_path / "no")
    report = import_data(Source(folder), Choice(Source(tmp_path / "new"), masks=False), tmp_path / "out")
    assert report["test_format"] == "images"
    assert not (tmp_path / "out/test_masks").exists()


def test_categories_are_counted_and_kept_as_classes(tmp_path):
    folder, _ = write_set("coco polygons", tmp_path / "given")
    report, images = imported(folder, tmp_path / "out")
    assert {nucleus.category for image in images.values() for nucleus in image.masks} == {"nucleus"}
    (row,) = (row for row in report["images"] if row["id"] == "é b")
    assert row["categories"] == {"a": 1, "b": 1, "c": 1}
    _, images = imported(folder, tmp_path / "kept", classes=["C", "a", "b"])
    assert [nucleus.category for nucleus in images["é b"].masks] == ["a", "b", "C"]  # as the config spells it


def test_pixel_size_is_kept(tmp_path):
    folder, _ = write_set("monuseg", tmp_path / "given")
    report, _ = imported(folder, tmp_path / "out")
    assert [row["pixel_size"] for row in report["images"]] == [0.25] * 4


def test_all_problems_of_all_images_come_together(tmp_path):
    folder, _ = write_set("labels npy", tmp_path / "given")
    np.save(folder / "labels/001.npy", np.zeros((3, 4), np.int32))
    np.save(folder / "labels/z.npy", np.full((30, 40), 0.5))
    with pytest.raises(InputError) as caught:
        import_data(Source(folder), Choice(), tmp_path / "out")
    assert caught.value.problems == [
        f"{folder}/labels/001.npy: 4x3 px found, wanted 40x30 as its image; export it again",
        f"{folder}/labels/z.npy: values that are no whole numbers found, wanted labels; export labels, not scores",
    ]


def test_names_that_differ_only_in_case_are_refused(tmp_path):
    folder, _ = write_set("labels npy", tmp_path / "given")
    for part, ending in (("images", "png"), ("labels", "npy")):
        (folder / part / f"x (2).{ending}").rename(folder / part / f"É B.{ending}")
    with pytest.raises(InputError, match="same name as"):
        import_data(Source(folder), Choice(), tmp_path / "out")


def test_names_are_made_unique():
    assert unique(["a", "a", "b", "a\n", "a", "a #2"]) == ["a", "a #2", "b", "a?", "a #3", "a #2 #2"]


def test_labels_keep_their_numbers_as_names(tmp_path):
    folder, _ = write_set("labels png", tmp_path / "given")
    _, images = imported(folder, tmp_path / "out")
    assert [nucleus.name for nucleus in images["é b"].masks] == [f"label {id_}" for id_ in sorted(IDS)]


def test_the_hash_of_the_colours_does_not_depend_on_the_file(tmp_path):
    folder, _ = write_set("coco polygons", tmp_path / "own")
    report, _ = imported(folder, tmp_path / "out")
    for row in report["images"]:
        place = "test" if row["set"] == "test" else f"train/{row['id']}/images"
        pixels = cv2.imread(str(tmp_path / f"out/dataset/{place}/{row['id']}.png"), cv2.IMREAD_COLOR)[..., ::-1]
        wanted = hashlib.sha256(str(pixels.shape).encode() + pixels.tobytes()).hexdigest()
        assert row["pixels_sha256"] == wanted
