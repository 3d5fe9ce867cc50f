"""Images and slides that are opened to predict on: sizes, pixel sizes, levels, any part, and what is refused."""

import tarfile

import cv2
import numpy as np
import openslide
import pytest
import tifffile
from conftest import SHARED
from support.slides import tissue_image, write_slide

from nuclei.common.stage import InputError
from nuclei.data.image_files import open_image_file
from nuclei.data.pictures import read_picture

needs_formats = pytest.mark.skipif(not (SHARED / "formats.tar.xz").is_file(), reason="no ../shared/data/formats.tar.xz")


@pytest.fixture(scope="module")
def image():
    """RGB, 300 x 500 px."""
    return tissue_image(300, 500)


@pytest.mark.parametrize("ome", [False, True])
def test_a_slide_gives_any_part_at_the_level_of_the_wanted_pixel_size(tmp_path, image, ome):
    path = write_slide(tmp_path / ("a.ome.tif" if ome else "a.tif"), image, 0.25, levels=3, ome=ome)
    for wanted, level in ((None, 0), (0.2, 0), (0.25, 0), (0.46, 1), (0.6, 1), (3.0, 2)):
        slide = open_image_file(path, wanted)
        assert slide.is_slide
        assert (slide.width, slide.height) == (500 >> level, 300 >> level)
        assert slide.downsample == pytest.approx(2**level)
        assert slide.pixel_size == pytest.approx(0.25 * 2**level)
    whole = open_image_file(path)
    for left, top, right, bottom in ((0, 0, 500, 300), (100, 50, 351, 299), (499, 299, 500, 300)):
        assert np.array_equal(whole.read(left, top, right, bottom)[..., ::-1], image[top:bottom, left:right])


def test_parts_of_a_coarser_level_are_those_that_openslide_reads(tmp_path, image):
    path = write_slide(tmp_path / "a.tif", image[:299, :497], 0.25, levels=3)
    slide, wanted = open_image_file(path, 1.0), openslide.OpenSlide(path)
    assert (slide.width, slide.height) == wanted.level_dimensions[2]
    whole = np.asarray(wanted.read_region((0, 0), 2, wanted.level_dimensions[2]))[..., :3]
    for left, top, right, bottom in ((0, 0, 30, 20), (13, 7, 100, 70), (57, 41, slide.width, slide.height)):
        assert np.array_equal(slide.read(left, top, right, bottom)[..., ::-1], whole[top:bottom, left:right])


@needs_formats
def test_the_example_slide_is_read_as_openslide_reads_it(tmp_path):
    with tarfile.open(SHARED / "formats.tar.xz") as archive:
        member = next(m for m in archive if m.name.endswith(".svs"))
        (tmp_path / "a.svs").write_bytes(archive.extractfile(member).read())
    slide, wanted = open_image_file(tmp_path / "a.svs"), openslide.OpenSlide(tmp_path / "a.svs")
    assert (slide.width, slide.height) == wanted.dimensions == (2220, 2967)
    assert slide.pixel_size == float(wanted.properties["openslide.mpp-x"])
    part = np.asarray(wanted.read_region((500, 700), 0, (400, 300)))[..., :3]
    assert np.array_equal(slide.read(500, 700, 900, 1000)[..., ::-1], part)


def test_a_reduced_slide_is_the_mean_of_its_pixels(tmp_path, image):
    slide = open_image_file(write_slide(tmp_path / "a.tif", image, levels=1))
    small = slide.small(100)
    assert small.shape == (60, 100, 3)
    wanted = cv2.resize(image, (100, 60), interpolation=cv2.INTER_AREA)[..., ::-1]
    assert np.abs(small.astype(int) - wanted).max() <= 1
    assert slide.small(5000).shape == image.shape


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif"])
def test_ordinary_images_are_read_whole(tmp_path, image, name):
    cv2.imwrite(str(tmp_path / name), image[..., ::-1])
    found = open_image_file(tmp_path / name, 0.5)
    assert (found.is_slide, found.downsample, found.pixel_size) == (False, 1, None)
    assert np.array_equal(found.read(10, 20, 110, 90), image[20:90, 10:110, ::-1])


def test_other_kinds_of_pixels_become_colours(tmp_path, image):
    grey = image[..., 0]
    for name, array in (("grey", grey), ("alpha", np.dstack([image, grey]))):
        tifffile.imwrite(tmp_path / f"{name}.tif", array, tile=(128, 128))
        found = open_image_file(tmp_path / f"{name}.tif")
        assert found.is_slide
        wanted = np.dstack([grey] * 3) if name == "grey" else image
        assert np.array_equal(found.read(0, 0, 500, 300)[..., ::-1], wanted)


DEEP = {  # images of more than 8 bits: 12 of 16 bits, all 16 bits, floats from 0 to 1, and a slide that is grey
    "low": lambda image: image.astype(np.uint16) * 16,
    "full": lambda image: image.astype(np.uint16) * 257,
    "float": lambda image: image.astype(np.float32) / 255,
    "grey": lambda image: image[..., 0].astype(np.uint16) * 3 + 1000,
}


def wanted_of(array):
    """The rule of docs/own_images.md, once more: 0.1 % black, 99.9 % white."""
    low, high = np.percentile(array, (0.1, 99.9))
    found = np.clip((array - low) * (255 / (high - low)), 0, 255).astype(np.uint8)
    return found if found.ndim == 3 else np.dstack([found] * 3)


@pytest.mark.parametrize("kind", list(DEEP))
@pytest.mark.parametrize("tiled", [False, True])
def test_values_of_more_than_8_bits_are_stretched_as_in_an_import(tmp_path, image, kind, tiled):
    random = np.random.default_rng(0)
    noise = random.integers(-3, 4, image.shape)
    array = DEEP[kind](np.clip(image + noise, 0, 255))
    tifffile.imwrite(tmp_path / "a.tif", array, **({"tile": (128, 128)} if tiled else {}))
    found = open_image_file(tmp_path / "a.tif")
    assert found.is_slide is tiled
    found.corner()
    assert np.array_equal(found.read(0, 0, 500, 300)[..., ::-1], wanted_of(array))
    if not tiled:
        imported = read_picture(tmp_path / "a.tif").array
        assert np.array_equal(found.pixels[..., ::-1], imported if imported.ndim == 3 else np.dstack([imported] * 3))


def test_a_16_bit_png_is_stretched_too(tmp_path, image):
    array = image[..., 1].astype(np.uint16) * 9
    cv2.imwrite(str(tmp_path / "a.png"), array)
    assert np.array_equal(open_image_file(tmp_path / "a.png").read(0, 0, 500, 300), wanted_of(array))


def test_a_large_slide_is_stretched_by_its_overview(tmp_path):
    random = np.random.default_rng(0)
    image = random.integers(200, 4000, (150, 5000), dtype=np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", image, tile=(128, 128))
    slide = open_image_file(tmp_path / "a.tif")
    assert slide.limits == tuple(np.percentile(image[::3, ::3], (0.1, 99.9)))  # 5000 px in steps of 3
    with tifffile.TiffWriter(tmp_path / "b.tif") as file:
        for level in (image, image[::2, ::2], image[::4, ::4] // 2):  # the coarsest has less than 2048 px
            file.write(level, tile=(128, 128), photometric="minisblack", subfiletype=int(level is not image))
    slide = open_image_file(tmp_path / "b.tif")
    assert slide.limits == tuple(np.percentile(image[::4, ::4], (0.1, 99.9)))  # 2500 px in steps of 2
    low, high = slide.limits
    wanted = np.clip((image - low) * (255 / (high - low)), 0, 255).astype(np.uint8)
    assert np.array_equal(slide.read(70, 10, 5000, 150)[..., 1], wanted[10:, 70:])


def test_the_pixel_size_of_an_ordinary_tiff(tmp_path, image):
    for number, (size, unit, told) in enumerate([(0.5, "CENTIMETER", 0.5), (25400 / 72, "INCH", None)]):
        per = {"CENTIMETER": 10_000, "INCH": 25_400}[unit] / size
        tifffile.imwrite(
            tmp_path / f"{number}.tif", image, resolution=(per, per), resolutionunit=unit, photometric="rgb"
        )
        found = open_image_file(tmp_path / f"{number}.tif").pixel_size
        assert found == (pytest.approx(told, rel=1e-4) if told else None)


def test_a_pixel_size_that_is_no_number_is_not_known(tmp_path, image):
    about = "Aperio Image Library v10.0.51\r\n500x300 (128x128)|AppMag = 20|MPP = 0,4990"  # a decimal comma
    tifffile.imwrite(tmp_path / "a.svs", image, tile=(128, 128), description=about, metadata=None)
    found = open_image_file(tmp_path / "a.svs")
    assert (found.is_slide, found.pixel_size) == (True, None)


@pytest.mark.parametrize(
    ("per", "unit", "size"), [(300, "INCH", None), (72, "INCH", None), (40_000, "CENTIMETER", 0.25)]
)
def test_the_resolution_of_a_screen_is_no_pixel_size_of_a_slide(tmp_path, image, per, unit, size):
    tifffile.imwrite(tmp_path / "a.tif", image, tile=(128, 128), resolution=(per, per), resolutionunit=unit)
    found = open_image_file(tmp_path / "a.tif")
    assert found.is_slide and found.pixel_size == (size and pytest.approx(size))


def test_what_cannot_be_used_is_named(tmp_path, image):
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "text.svs").write_text("no slide")
    holes = image.astype(np.float32)
    holes[5, 5] = np.nan
    tifffile.imwrite(tmp_path / "float.tif", holes, tile=(128, 128))
    tifffile.imwrite(tmp_path / "complex.tif", holes[..., 0].astype(complex), tile=(128, 128))
    tifffile.imwrite(tmp_path / "pages.tif", np.stack([image[..., 0]] * 5), photometric="minisblack")
    tifffile.imwrite(tmp_path / "stack.tif", np.stack([image[..., 0]] * 3), photometric="minisblack", tile=(128, 128))
    for axes, count in (("ZYX", 2), ("CYX", 4)):
        stack, about = np.stack([image[..., 0]] * count), {"axes": axes}
        tifffile.imwrite(tmp_path / f"{axes}.ome.tif", stack, ome=True, tile=(128, 128), metadata=about)
    (tmp_path / "lfs.tif").write_text("version https://git-lfs.github.com/spec/v1\n")
    for name, said in (
        ("text.png", "not a readable PNG"),
        ("text.svs", "not a readable SVS"),
        ("float.tif", "a value that is no number found"),
        ("complex.tif", "wanted grey, RGB or RGBA; export it as RGB"),
        ("pages.tif", "5 pages found, wanted one"),
        ("stack.tif", "3 pages found, wanted one"),
        ("ZYX.ome.tif", "2 pages found, wanted one"),
        ("CYX.ome.tif", "4 channels found, wanted grey or RGB; export one channel"),
        ("lfs.tif", "a pointer of Git LFS found"),
        ("nothing.png", "cannot be read"),
    ):
        with pytest.raises(InputError, match=said) as caught:
            open_image_file(tmp_path / name).read(0, 0, 10, 10)
        assert str(tmp_path / name) in str(caught.value)


def test_a_damaged_tile_is_named_with_its_place(tmp_path, image):
    path = write_slide(tmp_path / "a.tif", image, levels=1)
    with tifffile.TiffFile(path) as file:
        offset, count = file.pages.first.dataoffsets[0], file.pages.first.databytecounts[0]
    content = bytearray(path.read_bytes())
    content[offset : offset + count] = b"x" * count
    path.write_bytes(content)
    slide = open_image_file(path)
    assert slide.read(200, 200, 300, 300).shape == (100, 100, 3)
    with pytest.raises(InputError, match=r"a.tif: damaged at x 0 to 50, y 0 to 40 \(.+\), wanted a whole slide"):
        slide.read(0, 0, 50, 40)
