"""Leaks: copies of an image that are found, and images that are not taken for copies; names and hashes alone."""

import hashlib

import cv2
import numpy as np
import pytest
from conftest import SHARED

from nuclei.data.leaks import Known, compare, find_leaks, look_at
from nuclei.data.same_tissue import AGREEING, agreeing, describe, mirrored


def part(image, left, top, side):
    return np.ascontiguousarray(image[top : top + side, left : left + side])


def turned(image):
    middle = (image.shape[1] / 2, image.shape[0] / 2)
    return cv2.warpAffine(image, cv2.getRotationMatrix2D(middle, 33, 1), image.shape[1::-1])


COPIES = {
    "JPEG": lambda image: cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 50])[1], 1),
    "a quarter": lambda image: part(image, 60, 100, image.shape[0] // 2),
    "half the scale": lambda image: cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
    "turned": turned,
    "turned by a quarter": lambda image: np.ascontiguousarray(np.rot90(image)),
    "mirrored": lambda image: np.ascontiguousarray(image[::-1]),
    "stained otherwise": lambda image: np.clip(image * [0.85, 1.1, 0.95] + 12, 0, 255).astype(np.uint8),
    "a mirrored part at another scale": lambda image: cv2.resize(
        np.ascontiguousarray(part(image, 90, 40, image.shape[0] * 3 // 5)[:, ::-1]), None, fx=0.8, fy=0.8
    ),
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Drawn tissue of 400 px: three training and two test images."""
    from nuclei.data.drawing import draw

    folder = tmp_path_factory.mktemp("tissue")
    draw(folder, train=3, test=2, size=400, seed=11)
    paths = [*sorted(folder.glob("dataset/train/*/images/*.png")), *sorted(folder.glob("dataset/test/*.png"))]
    return [cv2.imread(str(path)) for path in paths]


def most(first, second):
    """Agreeing points of two pictures, one of them also mirrored."""
    return max(agreeing(describe(own), describe(second)) for own in (first, mirrored(first)))


@pytest.mark.parametrize("kind", COPIES)
def test_copies_show_the_same_tissue(pictures, kind):
    for image in pictures[:2]:
        assert most(COPIES[kind](image), image) >= AGREEING


def test_other_images_do_not(pictures):
    found = [most(one, other) for at, one in enumerate(pictures) for other in pictures[at + 1 :]]
    assert max(found) < AGREEING
    empty = np.full((200, 200, 3), 240, np.uint8)
    assert agreeing(describe(empty), describe(pictures[0])) == agreeing(describe(empty), describe(empty)) == 0


@pytest.mark.parametrize("suffix", ["tif", "bmp"])
def test_the_same_pixels_in_another_format_are_the_same(pictures, tmp_path, suffix):
    for path in (tmp_path / "a.png", tmp_path / f"b.{suffix}"):
        cv2.imwrite(str(path), pictures[0])
    one, other = look_at(tmp_path / "a.png", "a", False), look_at(tmp_path / f"b.{suffix}", "b", False)
    assert one.pixels == other.pixels
    assert compare(one, other, "train")["how"] == "same pixels"
    # as bundles of former versions have it: of the colours in the order red, green, blue
    known = hashlib.sha256(str(pictures[0].shape).encode() + pictures[0][..., ::-1].tobytes()).hexdigest()
    assert one.pixels == known


def test_the_surest_mark_is_told(pictures, tmp_path):
    image = pictures[0]
    names = {"a.png": image, "again.png": image, "part.png": COPIES["turned"](image), "other.png": pictures[1]}
    for name, pixels in names.items():
        cv2.imwrite(str(tmp_path / name), pixels)
    cv2.imwrite(str(tmp_path / "smaller.png"), image, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    cv2.imwrite(str(tmp_path / "mirror.png"), COPIES["mirrored"](image))
    test = look_at(tmp_path / "a.png", "a", True)
    seen = {
        name: look_at(tmp_path / f"{name}.png", name, False) for name in ("again", "part", "mirror", "other", "smaller")
    }
    how = {name: (leak := compare(test, one, "us")) and leak["how"] for name, one in seen.items()}
    assert how.pop("mirror") == how.pop("part") == "same tissue"
    assert how == {"again": "same pixels", "smaller": "same pixels", "other": None}
    assert compare(test, seen["part"], "us")["points"] >= AGREEING
    digest = hashlib.sha256((tmp_path / "a.png").read_bytes()).hexdigest()
    assert compare(test, Known("x", digest), "them")["how"] == "same file"
    assert compare(test, Known("A", ""), "them") == {
        "test": "a",
        "seen": "A",
        "seen_by": "them",
        "how": "same name",
        "points": None,
    }
    assert compare(test, Known("b", "0" * 64), "them") is None
    groups = [("us", [seen["other"], seen["part"]]), ("them", [Known("a", "")])]
    assert [(leak["seen"], leak["seen_by"]) for leak in find_leaks([test], groups)] == [("part", "us"), ("a", "them")]


@pytest.mark.slow
@pytest.mark.skipif(not (SHARED / "vrdl-raw.tar.xz").is_file(), reason="../shared/data lacks vrdl-raw.tar.xz")
def test_the_real_images_are_different_ones_and_their_copies_are_found(tmp_path):
    import itertools
    import subprocess

    command = ["tar", "-xf", SHARED / "vrdl-raw.tar.xz", "-C", tmp_path, "--wildcards", "*.png", "--exclude=*/masks/*"]
    subprocess.run(command, check=True)
    paths = [*tmp_path.glob("dataset/train/*/images/*.png"), *tmp_path.glob("dataset/test/*.png")]
    images = [cv2.imread(str(path)) for path in sorted(paths)]
    assert len(images) == 30
    points = [(describe(image), describe(mirrored(image))) for image in images]
    for (one, other_way), (second, _) in itertools.combinations(points, 2):
        assert max(agreeing(one, second), agreeing(other_way, second)) < AGREEING
    random = np.random.default_rng(1)
    for image, (own, _) in zip(images, points, strict=True):
        left, top = random.integers(0, 700, 2)
        tenth = part(image, left, top, 300)
        small = [tenth, COPIES["JPEG"](np.ascontiguousarray(np.rot90(tenth[:, ::-1])))]
        for copy in [make(image) for make in COPIES.values()] + small:
            assert max(agreeing(describe(copy), own), agreeing(describe(mirrored(copy)), own)) >= AGREEING
