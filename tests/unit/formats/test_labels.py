"""Label images: what tells nuclei apart is read, what does not is refused with advice."""

import cv2
import numpy as np
import pytest
import tifffile
from conftest import needs_real_data
from PIL import Image

from nuclei.common.stage import InputError
from nuclei.formats.labels import nuclei, read, read_values

VALUES = np.zeros((6, 8), np.uint8)
VALUES[1:3, 1:3] = 9
VALUES[4, 2:7] = 200
VALUES[1, 6] = 9  # the same nucleus, in another place


def save(path, array, **options):
    match path.suffix:
        case ".tif":
            tifffile.imwrite(path, array, **options)
        case ".npy":
            np.save(path, array)
        case _:
            path.write_bytes(cv2.imencode(".png", array)[1].tobytes())
    return path


def test_gaps_in_ids_and_parts_that_do_not_touch(tmp_path):
    found, notes = nuclei(save(tmp_path / "a.png", VALUES), 8, 6)
    assert notes == []
    assert [(nucleus.name, nucleus.left, nucleus.top, int(nucleus.part.sum())) for nucleus in found] == [
        ("label 9", 1, 1, 5),
        ("label 200", 2, 4, 5),
    ]


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int32, np.uint32, np.int64, np.uint64, "f4", "f8"])
@pytest.mark.parametrize("ending", [".tif", ".npy"])
def test_every_type_gives_the_same(tmp_path, dtype, ending):
    values = np.where(VALUES == 200, 100, VALUES).astype(dtype)
    found, _ = nuclei(save(tmp_path / f"a{ending}", values), 8, 6)
    assert [int(nucleus.part.sum()) for nucleus in found] == [5, 5]


def test_ids_of_32_bits_and_no_background(tmp_path):
    values = np.full((6, 8), 4_000_000_000, np.uint32)
    values[:, 4:] = 7
    found, _ = nuclei(save(tmp_path / "a.npy", values), 8, 6)
    assert [(nucleus.name, int(nucleus.part.sum())) for nucleus in found] == [("label 7", 24), ("label 4000000000", 24)]


def test_a_palette_gives_its_numbers_not_its_colours(tmp_path):
    image = Image.fromarray(VALUES, "P")
    image.putpalette([value for number in range(256) for value in (number, 255 - number, 7)])
    image.save(tmp_path / "a.png")
    assert (read_values(tmp_path / "a.png") == VALUES).all()
    colours = np.random.default_rng(0).integers(0, 65536, (3, 256), np.uint16)
    save(tmp_path / "a.tif", VALUES, photometric="palette", colormap=colours)  # as ImageJ saves one with colours
    assert (read_values(tmp_path / "a.tif") == VALUES).all()


def test_numbers_shown_in_inverted_colours_stay_the_same(tmp_path):
    found, _ = nuclei(save(tmp_path / "a.tif", VALUES, photometric="miniswhite"), 8, 6)
    assert [(nucleus.name, int(nucleus.part.sum())) for nucleus in found] == [("label 9", 5), ("label 200", 5)]


def test_an_empty_label_image_is_an_image_without_nuclei(tmp_path):
    assert nuclei(save(tmp_path / "a.png", np.zeros((6, 8), np.uint16)), 8, 6) == ([], [])


@pytest.mark.parametrize(
    ("array", "problem"),
    [
        (np.stack([VALUES] * 4)[:, None], "4 pages found, wanted one; write each page into a file of its own"),
        (VALUES.astype(np.float32) / 2, "values that are no whole numbers found"),
        (np.full((6, 8), np.nan), "values that are no whole numbers found"),
        (VALUES.astype(np.int16) - 1, "value -1 found"),
        (np.dstack([VALUES, VALUES, VALUES // 2]), "6x8x3 values found, wanted one value a pixel"),
        (VALUES[:5], "8x5 px found, wanted 8x6 as its image"),
        ((VALUES == 9).astype(np.uint8) * 255, "one value, 255, in several places found, .* scipy.ndimage.label"),
    ],
)
def test_what_is_no_label_image_is_refused_with_advice(tmp_path, array, problem):
    with pytest.raises(InputError, match=f"a.tif: {problem}"):
        nuclei(save(tmp_path / "a.tif", array), 8, 6)


@pytest.mark.parametrize("ending", [".tif", ".npy", ".png"])
def test_damaged_files_end_in_a_line(tmp_path, ending):
    for content in (b"", b"x" * 40, save(tmp_path / f"w{ending}", VALUES).read_bytes()[:60]):
        (tmp_path / f"a{ending}").write_bytes(content)
        with pytest.raises(InputError, match=f"a{ending}: not a readable"):
            read_values(tmp_path / f"a{ending}")


def test_an_image_without_label_image_is_named_and_the_reverse(tmp_path):
    for name in ("images/a.png", "images/b.png", "masks/a.png", "masks/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        save(tmp_path / name, VALUES)
    with pytest.raises(InputError) as caught:
        read(tmp_path)
    assert caught.value.problems == [
        f"{tmp_path}: b found without a label image, wanted both; add it, or remove the image",
        f"{tmp_path}/masks/c.png: found without its image, wanted both; add it",
    ]


def test_names_may_be_in_capitals(tmp_path):
    for name in ("A.TIF", "A_Mask.TIF"):
        tifffile.imwrite(tmp_path / name, VALUES)
    (image,) = read(tmp_path)
    assert (image.id, len(image.nuclei(8, 6)[0])) == ("A", 2)


def test_two_label_images_of_an_image_are_refused(tmp_path):
    for name in ("images/a.png", "labels/a.png", "masks/a.tif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        save(tmp_path / name, VALUES)
    with pytest.raises(InputError) as caught:
        read(tmp_path)
    assert caught.value.problems == [
        f"{tmp_path}/masks/a.tif: found beside {tmp_path}/labels/a.png, wanted one file about the image a; remove one"
    ]


def test_what_cellpose_keeps_is_left_out_where_its_masks_are_exported(tmp_path):
    save(tmp_path / "a.png", VALUES)
    np.save(tmp_path / "a_seg.npy", {"masks": VALUES})
    (image,) = read(tmp_path)
    with pytest.raises(InputError, match="a_seg.npy: not a readable NPY .*; save the masks as PNG or TIFF in Cellpose"):
        image.nuclei(8, 6)
    save(tmp_path / "a_cp_masks.png", VALUES)
    (image,) = read(tmp_path)
    assert len(image.nuclei(8, 6)[0]) == 2


@needs_real_data
def test_label_images_of_other_tools(foreign_files, tmp_path):
    """float64 TIFFs of BBBC007 and others': as many nuclei as NumPy counts values, or refused by name."""
    folder = foreign_files / "bbbc007"
    images = read_pairs(folder, tmp_path)
    assert len(images) == 4
    for image, path in images:
        values = tifffile.imread(path)
        found, _ = image.nuclei(values.shape[1], values.shape[0])
        assert len(found) == len(np.unique(values)) - 1
        for nucleus in found:
            number = float(nucleus.name.split()[1])
            assert int(nucleus.part.sum()) == int((values == number).sum())
    gaps = folder / "misc/label_map_with_index_gaps.tif"
    values = tifffile.imread(gaps)
    assert len(nuclei(gaps, values.shape[1], values.shape[0])[0]) == len(np.unique(values)) - 1
    with pytest.raises(InputError, match="mask3d.tif: .* pages found, wanted one"):
        nuclei(foreign_files / "stardist/tests_data/mask3d.tif", 1, 1)


def read_pairs(folder, own):
    for part in ("images", "masks"):
        (own / part).symlink_to(folder / part)
    return [(image, folder / "masks" / image.file.name) for image in read(own)]
