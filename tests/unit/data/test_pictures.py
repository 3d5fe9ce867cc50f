"""Images of every kind become 8 bits, grey or RGB, by rules that the tests say in numbers."""

import io
import struct
import tracemalloc
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from conftest import needs_real_data
from PIL import Image

from nuclei.common.contrast import stretched
from nuclei.common.stage import InputError
from nuclei.data.pictures import read_picture

RGB = np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8)
GREY = RGB[..., 0]


def png(path, array, mode=None, **options):
    Image.fromarray(array, mode).save(path, **options)
    return path


def test_8_bit_pngs_are_as_they_are(tmp_path):
    for array in (RGB, GREY):
        found = read_picture(png(tmp_path / "a.png", array))
        assert (found.array == array).all() and found.array.shape == array.shape
        assert (found.as_it_is, found.said) == (True, [])


def test_an_alpha_channel_is_left_out_and_said(tmp_path):
    whole, part = (np.dstack([RGB, np.full((9, 7), value, np.uint8)]) for value in (255, 3))
    found = read_picture(png(tmp_path / "a.png", whole))
    assert (found.array == RGB).all() and not found.as_it_is
    assert found.said == ["alpha channel left out"]
    assert read_picture(png(tmp_path / "a.png", part)).said == ["alpha channel that is not all opaque left out"]


def test_a_palette_becomes_its_colours(tmp_path):
    image = Image.fromarray(GREY % 4, "P")
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120])
    image.save(tmp_path / "a.png")
    wanted = np.array([[10, 20, 30], [40, 50, 60], [70, 80, 90], [100, 110, 120]], np.uint8)[GREY % 4]
    assert (read_picture(tmp_path / "a.png").array == wanted).all()
    colours = np.zeros((3, 256), np.uint16)
    colours[:, :4] = np.array([[10, 20, 30], [40, 50, 60], [70, 80, 90], [100, 110, 120]]).T * 257
    tifffile.imwrite(tmp_path / "a.tif", GREY % 4, photometric="palette", colormap=colours)
    assert (read_picture(tmp_path / "a.tif").array == wanted).all()


def test_1_bit_becomes_black_and_white(tmp_path):
    Image.fromarray(GREY > 99).save(tmp_path / "a.png")
    assert (read_picture(tmp_path / "a.png").array == (GREY > 99) * 255).all()


@pytest.mark.parametrize("form", ["png", "tif"])
def test_16_bits_are_stretched_between_the_shares_of_the_rule(tmp_path, form):
    values = np.arange(10_000, dtype=np.uint16).reshape(100, 100) + 300
    path = tmp_path / f"a.{form}"
    tifffile.imwrite(path, values) if form == "tif" else path.write_bytes(cv2.imencode(".png", values)[1].tobytes())
    found = read_picture(path)
    assert found.said == ["uint16 stretched to 8 bits"]
    assert found.array.dtype == np.uint8
    # of 10,000 values, 0.1 % lie below the tenth and 0.1 % above the last but ten
    assert (found.array.ravel()[:11] == 0).all() and (found.array.ravel()[-10:] == 255).all()
    assert found.array.ravel()[5000] == 127


def test_a_large_image_is_stretched_without_much_more_memory(tmp_path):
    values = np.random.default_rng(0).integers(0, 3000, (4000, 1000), dtype=np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", values)
    tracemalloc.start()
    found = read_picture(tmp_path / "a.tif").array
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (found == stretched(values)).all()
    assert most < 6 * values.nbytes  # 8 bytes a value, once, would be 4 times as many beside the image itself


def test_the_stretch_is_the_same_for_all_channels(tmp_path):
    values = RGB.astype(np.uint16) * 16
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb")
    found = read_picture(tmp_path / "a.tif").array.astype(int)
    low, high = np.percentile(values, (0.1, 99.9))
    assert (found == np.clip((values - low) * 255 / (high - low), 0, 255).astype(int)).all()
    assert np.abs(found - RGB).max() < 10


@pytest.mark.parametrize("compression", [None, "lzw", "deflate", "packbits", "zstd", "jpeg"])
@pytest.mark.parametrize("layout", ["plain", "big-endian", "tiled", "planar"])
def test_tiffs_of_any_compression(tmp_path, compression, layout):
    options = {
        "plain": {},
        "big-endian": {"byteorder": ">"},
        "tiled": {"tile": (16, 16)},
        "planar": {"planarconfig": "separate"},
    }[layout]
    array = np.moveaxis(RGB, 2, 0) if layout == "planar" else RGB
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="rgb", compression=compression, **options)
    found = read_picture(tmp_path / "a.tif")
    assert found.array.shape == (9, 7, 3)
    if compression == "jpeg":
        assert np.abs(found.array.astype(int) - RGB).mean() < 60  # noise is what JPEG keeps least of
    else:
        assert (found.array == RGB).all()


@pytest.mark.parametrize("ending", ["tiff", "TIF", "btf", "tf8"])
def test_endings_of_tiffs(tmp_path, ending):
    about = {"photometric": "rgb", "resolution": (40_000, 40_000), "resolutionunit": "centimeter"}
    tifffile.imwrite(tmp_path / f"a.{ending}", RGB, bigtiff=True, **about)
    found = read_picture(tmp_path / f"a.{ending}")
    assert (found.array == RGB).all() and found.pixel_size == 0.25


def test_white_is_zero(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", GREY, photometric="miniswhite")
    assert (read_picture(tmp_path / "a.tif").array == 255 - GREY).all()
    deep = GREY.astype(np.uint16) * 200
    for white, black in ((deep, 65535 - deep), (GREY > 99, GREY <= 99)):
        tifffile.imwrite(tmp_path / "white.tif", white, photometric="miniswhite")
        tifffile.imwrite(tmp_path / "black.tif", black, photometric="minisblack")
        found = [read_picture(tmp_path / f"{name}.tif").array for name in ("white", "black")]
        assert (found[0] == found[1]).all() and np.ptp(found[0]) == 255


@pytest.mark.parametrize("about", [None, {}])  # as other programs write, and as tifffile itself
def test_images_of_several_sizes_are_refused_but_not_previews(tmp_path, about):
    other = (RGB[:8, :3], "rgb", 0), (RGB[:8, :3], "rgb", 1), (GREY > 99, "mask", 4)
    for (array, photometric, kind), sizes in zip(other, ("2 images", None, None), strict=True):
        with tifffile.TiffWriter(tmp_path / "a.tif") as file:
            file.write(RGB, photometric="rgb", metadata=about)
            file.write(array, photometric=photometric, metadata=about, subfiletype=kind)  # 1: preview, 4: transparency
        if sizes:
            with pytest.raises(
                InputError, match=f"a.tif: {sizes} of different sizes or kinds found, wanted one; write"
            ):
                read_picture(tmp_path / "a.tif")
        else:
            assert (read_picture(tmp_path / "a.tif").array == RGB).all()


def test_an_image_that_is_too_large_is_told_from_an_empty_one(tmp_path):
    side = 2**15 + 1
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        empty = (b"" for _ in range(9))
        file.write(empty, shape=(side, side), dtype=np.uint8, tile=(16_000, 16_000), compression="zlib", metadata=None)
    with pytest.raises(
        InputError, match=f"a.tif: {side}x{side} values found, wanted 1073741824 px at most; cut regions"
    ):
        read_picture(tmp_path / "a.tif")


def test_jpegs(tmp_path):
    smooth = np.full((16, 16, 3), (200, 100, 50), np.uint8)
    png(tmp_path / "a.jpg", smooth)
    assert np.abs(read_picture(tmp_path / "a.jpg").array.astype(int) - smooth).max() <= 3
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(smooth).save(tmp_path / "a.jpg", exif=turned)
    with pytest.raises(InputError, match="a.jpg: EXIF orientation 6 found"):
        read_picture(tmp_path / "a.jpg")


@pytest.mark.parametrize(
    ("array", "options", "problem"),
    [
        (np.zeros((5, 9, 7), np.uint8), {"photometric": "minisblack"}, "5 pages found, wanted one; write each page"),
        (np.zeros((9, 7, 2), np.uint8), {"photometric": "minisblack", "planarconfig": "contig"}, "2 channels found"),
        (np.zeros((4, 9, 7), np.uint8), {"imagej": True, "metadata": {"axes": "CYX"}}, "4 channels found, wanted grey"),
        (np.zeros((9, 7, 4), np.uint8), {"photometric": "separated"}, "CMYK colours found, wanted grey or RGB"),
        (np.zeros((9, 7, 3), np.uint8), {"photometric": "cielab"}, "Lab colours found, wanted grey or RGB"),
        (np.zeros((9, 7, 6), np.uint8), {"photometric": "rgb"}, "6 channels of uint8 found, wanted grey or RGB"),
        (np.zeros((9, 7), np.complex64), {}, "1 channels of complex64 found, wanted grey or RGB"),
        (np.full((9, 7), np.nan, np.float32), {}, "a value that is no number found"),
    ],
)
def test_what_is_no_image_is_refused(tmp_path, array, options, problem):
    tifffile.imwrite(tmp_path / "a.tif", array, **options)
    with pytest.raises(InputError, match=f"a.tif: {problem}"):
        read_picture(tmp_path / "a.tif")


@pytest.mark.parametrize("ending", ["png", "jpg", "tif"])
def test_damaged_files_end_in_a_line(tmp_path, ending):
    for content in (b"", b"II*\0" + b"x" * 30):
        (tmp_path / f"a.{ending}").write_bytes(content)
        with pytest.raises(InputError, match=f"a.{ending}: not a readable"):
            read_picture(tmp_path / f"a.{ending}")


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"imagej": True, "resolution": (4.0, 4.0), "metadata": {"unit": "um"}}, 0.25),
        ({"imagej": True, "resolution": (0.004, 0.004), "metadata": {"unit": "nm"}}, 0.25),
        ({"imagej": True, "resolution": (4.0, 4.0), "metadata": {"unit": "\\u00B5m"}}, 0.25),  # as Fiji writes µm
        ({"ome": True, "metadata": {"PhysicalSizeX": 0.5, "PhysicalSizeXUnit": "µm"}}, 0.5),
        ({"description": '<OME PhysicalSizeX="0.5" PhysicalSizeXUnit="&#181;m"/>'}, 0.5),  # of an XML writer in ASCII
        ({"description": "Aperio |AppMag = 20|MPP = 0.4990|Left = 1"}, 0.499),
        ({"resolution": (40_000, 40_000), "resolutionunit": "centimeter"}, 0.25),
        ({"resolution": (72, 72), "resolutionunit": "inch"}, None),  # of a screen
        ({"resolution": (1, 1), "resolutionunit": "none"}, None),
        ({}, None),
    ],
)
def test_pixel_size_of_tiffs(tmp_path, options, size):
    tifffile.imwrite(tmp_path / "a.tif", GREY, **options)
    assert read_picture(tmp_path / "a.tif").pixel_size == (None if size is None else pytest.approx(size))


@pytest.mark.parametrize(("across", "size"), [(4_000_000, 0.25), (2835, None), (0, None)])
def test_pixel_size_of_pngs(tmp_path, across, size):
    content = io.BytesIO()
    Image.fromarray(GREY).save(content, "png")
    plain = content.getvalue()
    physical = chunk(b"pHYs", struct.pack(">IIB", across, across, 1))
    profile = chunk(b"tEXt", b"about\0" + b"x" * 9000)  # as large as a colour profile
    for before in (b"", profile):
        (tmp_path / "a.png").write_bytes(plain[:33] + before + physical + plain[33:])
        found = read_picture(tmp_path / "a.png")
        assert found.pixel_size == size
        assert (found.array == GREY).all()


@needs_real_data
def test_pictures_of_other_tools(foreign_files):
    slide = read_picture(foreign_files / "slides/CMU-1-Small-Region.svs")
    assert (slide.array.shape, slide.pixel_size) == ((2967, 2220, 3), 0.499)
    assert read_picture(foreign_files / "stardist/histo.jpg").array.ndim == 3
    with pytest.raises(InputError, match="img3d.tif: .* pages found"):
        read_picture(foreign_files / "stardist/tests_data/img3d.tif")
