"""COCO JSON: crowds, several polygons, several files, and rows that are wrong."""

import json

import numpy as np
import pytest
from support.foreign import ELL, HEIGHT, NAMES, SQUARE, WIDTH, coco, mask, pictures, segmentation

from nuclei.common.stage import InputError
from nuclei.data.left_out import CROWD, EMPTY, SHORT
from nuclei.formats.coco_json import nuclei, read


def row(form, **more):
    return {"id": 3, "image_id": 1, "category_id": 1, "iscrowd": 0, "segmentation": form} | more


def test_crowds_are_left_out_and_counted(tmp_path):
    rows = [row(segmentation(SQUARE, "runs"), iscrowd=1), row(segmentation(ELL, "runs"), id=4)]
    found, notes = nuclei(tmp_path / "a.json", rows, {1: "x"}, WIDTH, HEIGHT)
    assert [(nucleus.name, nucleus.category) for nucleus in found] == [("annotation 4", "x")]
    assert [(note.nucleus, note.kind) for note in notes] == [("annotation 3", CROWD)]


def test_several_polygons_are_one_nucleus_and_short_ones_are_said(tmp_path):
    both = segmentation(SQUARE, "polygon") + segmentation(ELL, "polygon")
    found, notes = nuclei(tmp_path / "a.json", [row([*both, [1, 1, 2, 2]]), row([[1, 1]], id=8)], {}, WIDTH, HEIGHT)
    (nucleus,) = found
    whole = np.zeros((HEIGHT, WIDTH), bool)
    down, across = nucleus.part.shape
    whole[nucleus.top : nucleus.top + down, nucleus.left : nucleus.left + across] = nucleus.part
    assert (whole == (mask(SQUARE) | mask(ELL))).all()
    assert [(note.nucleus, note.kind, note.detail) for note in notes] == [
        ("annotation 3", SHORT, "2 points"),
        ("annotation 8", SHORT, "1 points"),
    ]


def test_an_empty_code_is_counted(tmp_path):
    found, notes = nuclei(
        tmp_path / "a.json", [row({"size": [HEIGHT, WIDTH], "counts": [WIDTH * HEIGHT]})], {}, WIDTH, HEIGHT
    )
    assert (found, [note.kind for note in notes]) == ([], [EMPTY])


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        ([[1, 2, 3]], "segmentation .* found, wanted"),
        ([["a", 2]], "segmentation .* found, wanted"),
        ([], "segmentation is no RLE .*; a box alone is no mask"),
        (None, "segmentation is no RLE .*; a box alone is no mask"),
        ({"size": [WIDTH, HEIGHT], "counts": [WIDTH * HEIGHT]}, "run lengths of another image found, wanted 40x30 px"),
        ({"size": [HEIGHT, WIDTH], "counts": [1, 2]}, "run lengths of another image found"),
        ({"size": [HEIGHT, WIDTH], "counts": "zz z"}, "segmentation counts are not RLE"),
        ([[1, 1, 1e9, 1, 3, 3]], "coordinates from"),
    ],
)
def test_wrong_rows_are_named(tmp_path, form, problem):
    with pytest.raises(InputError, match=f"a.json: annotation 3: {problem}"):
        nuclei(tmp_path / "a.json", [row(form)], {}, WIDTH, HEIGHT)


def test_several_files_as_roboflow_writes_them(tmp_path):
    content = coco("polygon")
    for part, names in (("train", NAMES[:2]), ("valid", NAMES[2:])):
        paths = pictures(tmp_path / part)
        for name in set(NAMES) - set(names):
            paths[name].unlink()
        images = [row for row in content["images"] if row["file_name"].removesuffix(".png") in names]
        ids = {row["id"] for row in images}
        own = content | {
            "images": images,
            "annotations": [row for row in content["annotations"] if row["image_id"] in ids],
        }
        (tmp_path / part / "_annotations.coco.json").write_text(json.dumps(own))
    assert sorted(image.id for image in read(tmp_path)) == sorted(NAMES)


def test_images_that_no_json_names_are_said(tmp_path, capsys):
    pictures(tmp_path)
    content = coco("polygon")
    gone = content["images"].pop(0)
    content["annotations"] = [row for row in content["annotations"] if row["image_id"] != gone["id"]]
    (tmp_path / "a.json").write_text(json.dumps(content))
    assert len(read(tmp_path)) == len(NAMES) - 1
    said = f"warning: {tmp_path}: 1 images left out, since no JSON names them: {gone['file_name']}\n"
    assert capsys.readouterr().err == said


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda c: c["images"].append({"id": 1, "file_name": "no.png"}), "image 'no.png': 0 files of that name found"),
        (lambda c: c["images"].append(dict(c["images"][0])), "found twice"),
        (lambda c: c["images"].append({"id": "1"}), "wanted file_name"),
        (
            lambda c: c["images"][1].update(id=c["images"][0]["id"]),
            r"image id \d+ found twice, wanted one row for each",
        ),
        (lambda c: c["annotations"].append({"image_id": 77}), r"annotations of image_id \[77\] found"),
        (lambda c: c["annotations"].append([]), r"annotation \[\] found"),
        (lambda c: c["categories"].append({"id": 5}), "category .* found"),
        (lambda c: c.pop("images"), "no JSON with the lists images and annotations found"),
        (lambda c: c["images"].clear() or c["annotations"].clear(), "no images in any JSON found"),
    ],
)
def test_a_wrong_file_is_named(tmp_path, change, problem):
    pictures(tmp_path)
    content = coco("polygon")
    change(content)
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=problem):
        read(tmp_path)


def test_an_image_of_another_size_than_the_annotated_one_is_refused(tmp_path):
    """Outlines of an image that was reduced afterwards would lie at wrong places, and most of them inside."""
    pictures(tmp_path)
    content = coco("polygon")
    for row in content["images"]:
        row.update(width=2 * WIDTH, height=2 * HEIGHT)
    (tmp_path / "a.json").write_text(json.dumps(content))
    for image in read(tmp_path):
        with pytest.raises(InputError, match=f"a.json: image '.*': 80x60 px found, wanted {WIDTH}x{HEIGHT} as the"):
            image.nuclei(WIDTH, HEIGHT)
        assert isinstance(image.nuclei(2 * WIDTH, 2 * HEIGHT)[0], list)
