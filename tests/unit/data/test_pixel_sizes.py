"""Pixel sizes of a raw data set: from the import to the COCO files, and one line for each that is wrong."""

import json
import shutil

import pytest
from support.foreign import NAMES, write_set

from nuclei.coco.checks import check_ground_truth
from nuclei.common.stage import InputError
from nuclei.data.conversion import convert
from nuclei.data.pixel_sizes import median_pixel_size
from nuclei.data.raw_check import check_part
from nuclei.data.raw_content import raw_hashes
from nuclei.data.raw_layout import read_layout
from nuclei.data.tiles import tile
from nuclei.formats.importing import Choice, Source, import_data


@pytest.fixture(scope="module")
def brought(tmp_path_factory):
    """MoNuSeg's form with 0.25 µm in three of four images, as import_raw writes it; read only."""
    folder = tmp_path_factory.mktemp("sizes")
    write_set("monuseg", folder / "given")
    file = folder / "given/Annotations/z.xml"
    file.write_text(file.read_text(encoding="utf-8").replace('"0.25"', '"0"'), encoding="utf-8")
    import_data(Source(folder / "given"), Choice(file=None, fraction=0.3, seed=1), folder / "out")
    return folder / "out"


@pytest.fixture
def copied(brought, tmp_path):
    shutil.copytree(brought, tmp_path / "out")
    return tmp_path / "out"


def images_of(folder, part):
    images, _, problems = read_layout(folder / "dataset", folder / "test_masks")
    assert problems == []
    return [image for image in images if image.set == part]


def test_an_import_keeps_what_is_known(brought):
    sizes = json.loads((brought / "dataset/pixel_sizes.json").read_text(encoding="utf-8"))
    assert sizes == {name: 0.25 for name in NAMES if name != "z"}


@pytest.mark.parametrize("method", ["exact", "imantics"])
def test_coco_files_have_the_sizes_that_are_known(brought, method):
    contents = [convert(images_of(brought, part), method) for part in ("train", "test")]
    found = {
        image["file_name"].split("/")[-1].removesuffix(".png"): image.get("pixel_size_um", "no key")
        for content in contents
        for image in content["images"]
    }
    assert found == {name: "no key" if name == "z" else 0.25 for name in NAMES}
    for content in contents:
        check_ground_truth(content)


def test_tiles_have_the_size_of_their_image(brought, tmp_path):
    content = convert(images_of(brought, "train"), "exact")
    tiles = tile(content, brought / "dataset/train", tmp_path / "tiles", size=20, stride=10)
    sizes = {image["file_name"].split("/")[0]: image.get("pixel_size_um") for image in content["images"]}
    assert {sizes[row["file_name"].split("/")[0]] == row.get("pixel_size_um") for row in tiles["images"]} == {True}
    assert 0.25 in sizes.values()


def test_data_without_sizes_have_no_trace_of_them(tmp_path):
    folder, _ = write_set("labels png", tmp_path / "given")
    import_data(Source(folder), Choice(), tmp_path / "out")
    assert not (tmp_path / "out/dataset/pixel_sizes.json").exists()
    content = convert(images_of(tmp_path / "out", "train"), "exact")
    assert {key for image in content["images"] for key in image} == {"id", "file_name", "height", "width", "sha256"}


def test_another_size_changes_the_hash_of_the_images(copied, tmp_path):
    found = [raw_hashes(copied / "dataset", copied / "test_masks", tmp_path / "memory")]
    (copied / "dataset/pixel_sizes.json").write_text('{"001": 0.5}')
    found.append(raw_hashes(copied / "dataset", copied / "test_masks", tmp_path / "memory"))
    assert {part for part in found[0] if found[0][part] != found[1][part]} == {"train", "test"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[1]", r"pixel_sizes.json: \[1\] found, wanted an object such as"),
        ("{", "pixel_sizes.json: not JSON"),
        ('{"b": 0.25}', "pixel_sizes.json: 'b' found, wanted the id of an image; remove it"),
        ('{"z": "0.25"}', "pixel_sizes.json: z: '0.25' found, wanted"),
        ('{"z": true}', "pixel_sizes.json: z: True found, wanted"),
        ('{"z": NaN}', "pixel_sizes.json: z: nan found, wanted"),
        ('{"z": 250}', "z: 250 found, wanted an object .* in µm from 0.01 to 100; correct it"),
    ],
)
def test_a_wrong_file_is_named_by_the_check(copied, text, problem):
    (copied / "dataset/pixel_sizes.json").write_text(text)
    with pytest.raises(InputError, match=problem) as caught:
        check_part("train", copied / "dataset")
    assert len(caught.value.problems) == 1


def test_the_median_is_of_the_images_that_have_a_size():
    assert median_pixel_size([{"pixel_size_um": 0.5}, {}, {"pixel_size_um": 0.2}, {"pixel_size_um": 0.25}]) == 0.25
    assert median_pixel_size([{}]) is None
