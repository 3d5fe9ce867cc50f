"""A drawn data set that looks like H&E-stained tissue, in exactly the raw layout of the real data.

It holds images, masks, the ids of the test images, and some files that do not belong there, as the real data does. The
seed decides every pixel.

Colours follow the law of Beer and Lambert: intensity = 250 * exp(-(hematoxylin * H + eosin * E)), where H and E are the
optical densities of the two stains in each channel (blue, green, red), near those of Ruifrok and Johnston,
"Quantification of histochemical staining by color deconvolution", Analytical and Quantitative Cytology and Histology
23(4), 2001. Masks are drawn without anti-aliasing and never overlap.

All coordinates are px, x right, y down, with pixel centres at integers.
"""

import shutil
import tempfile
from pathlib import Path
from typing import TypedDict

import cv2
import numpy as np
from numpy.typing import NDArray

from nuclei.common.files import write_json
from nuclei.common.stage import InputError

HEMATOXYLIN = np.array([0.29, 0.70, 0.65])  # optical density in blue, green, red
EOSIN = np.array([0.11, 0.99, 0.07])


class TestId(TypedDict):
    """One row of test_img_ids.json; height and width in px."""

    file_name: str
    height: int
    id: int
    width: int


def smooth_noise(random: np.random.Generator, size: int, scale: float) -> NDArray[np.float32]:
    """Noise of mean 0 and standard deviation 1, smooth over `scale` px: float32, size x size."""
    noise = cv2.GaussianBlur(
        random.standard_normal((size, size)).astype(np.float32), (0, 0), scale, borderType=cv2.BORDER_REFLECT
    )
    return (noise - noise.mean()) / noise.std()


def nucleus_outline(random: np.random.Generator, centre: NDArray[np.float64], radius: float) -> NDArray[np.float64]:
    """The outline of a nucleus: an ellipse whose radius varies slowly with the angle.

    centre: (x, y), px. radius: of a circle of about the same area, px. Returns the points (x, y) of the polygon, px:
    float64, 48 x 2.
    """
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    stretch = random.uniform(1.0, 1.7)
    waves = [random.normal(0, 0.07 / k) * np.cos(k * angle + random.uniform(0, 2 * np.pi)) for k in (2, 3, 4)]
    wave = sum(waves, np.zeros(len(angle)))
    points = np.stack([np.cos(angle) * stretch**0.5, np.sin(angle) / stretch**0.5], 1) * (radius * (1 + wave))[:, None]
    turn = random.uniform(0, np.pi)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return points @ rotation.T + centre


def place_nuclei(random: np.random.Generator, size: int, wanted: int) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Place up to `wanted` nuclei that may touch but never overlap.

    Returns (labels, tissue), both size x size: the number of the nucleus at each pixel (int32, 0: background), and
    whether the pixel is tissue (bool).
    """
    labels, count = np.zeros((size, size), np.int32), 0
    clusters = random.uniform(0, size, (max(2, wanted // 12), 2))
    tissue = smooth_noise(random, size, size / 6) > -0.9  # gaps in the tissue hold no nuclei
    for _ in range(wanted * 12):
        if count == wanted:
            break
        crowded = random.random() < 0.45
        centre = random.normal(clusters[random.integers(len(clusters))], 16) if crowded else random.uniform(0, size, 2)
        x, y = np.clip(centre, 0, size - 1).astype(int)
        if not tissue[y, x]:
            continue
        outline = nucleus_outline(random, centre, np.clip(random.lognormal(1.8, 0.22), 3.5, 11))
        shape = np.zeros((size, size), np.uint8)
        cv2.fillPoly(shape, [np.round(outline).astype(np.int32)], 1)
        area, free = int(shape.sum()), (shape > 0) & (labels == 0)
        if area < 30 or free.sum() < 0.93 * area or cv2.connectedComponents(free.astype(np.uint8))[0] != 2:
            continue
        count += 1
        labels[free] = count
    return labels, tissue


def odd_nuclei(random: np.random.Generator, labels: NDArray[np.int32]) -> None:
    """Change labels in place: one nucleus gets a hole, a nucleus of two parts and a tiny one are added.

    Real data holds such nuclei, and the converters differ on them.
    """
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    large = int(sizes.argmax())
    inside = cv2.distanceTransform((labels == large).astype(np.uint8), cv2.DIST_L2, 3)
    y, x = np.unravel_index(inside.argmax(), inside.shape)
    labels[y : y + 2, x : x + 2] = 0
    free = cv2.distanceTransform((labels == 0).astype(np.uint8), cv2.DIST_L2, 3)
    for shape in (["###.###", "###.###", "##...##"], ["##"]):
        free[:8], free[-8:], free[:, :8], free[:, -8:] = 0, 0, 0, 0
        places = np.argwhere(free > 6)
        if len(places):
            y, x = places[random.integers(len(places))]
            pattern = np.array([[char == "#" for char in row] for row in shape])
            part = labels[y : y + pattern.shape[0], x : x + pattern.shape[1]]
            part[pattern] = labels.max() + 1
            free = cv2.distanceTransform((labels == 0).astype(np.uint8), cv2.DIST_L2, 3)


def paint(random: np.random.Generator, labels: NDArray[np.int32], tissue: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The stained image of what place_nuclei returns: uint8, size x size x 3 (blue, green, red)."""
    size = len(labels)
    fibres = (
        cv2.blur(smooth_noise(random, size, 1.2), (1, 9))
        if random.random() < 0.5
        else cv2.blur(smooth_noise(random, size, 1.2), (9, 1))
    )
    ground = random.uniform(0.28, 0.42) * (1 + 0.22 * smooth_noise(random, size, 14) + 0.15 * fibres)
    eosin = np.where(tissue, ground, 0.04)
    eosin = cv2.GaussianBlur(eosin.astype(np.float32), (0, 0), 1.5)
    haze = np.clip(0.05 + 0.03 * smooth_noise(random, size, 10), 0, None)  # RNA-rich cytoplasm
    hematoxylin = np.where(tissue, haze, 0.01).astype(np.float32)
    strength = random.uniform(0.85, 1.15)
    chromatin = smooth_noise(random, size, 1.3)
    for label in range(1, labels.max() + 1):
        mask = labels == label
        depth = strength * random.uniform(0.5, 0.95)
        rim = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 3)
        hematoxylin[mask] = (depth * (1 + 0.16 * chromatin + 0.18 * (rim < 1.6)))[mask]
        eosin[mask] *= 0.6
    for _ in range(random.integers(2, 7)):  # red blood cells: eosin only
        x, y = random.uniform(0, size, 2)
        disk = np.zeros((size, size), np.uint8)
        cv2.circle(disk, (int(x), int(y)), int(random.integers(4, 7)), 1, -1)
        eosin[(disk > 0) & (labels == 0)] += 0.35
    for _ in range(random.integers(2, 6)):  # debris: dark, but no nucleus
        x, y = random.integers(0, size, 2)
        if labels[y, x] == 0:
            hematoxylin[y, x] += 0.6
    density = hematoxylin[..., None] * HEMATOXYLIN + np.clip(eosin, 0, None)[..., None] * EOSIN
    image = 250 * np.exp(-density)
    image = cv2.GaussianBlur(image, (0, 0), random.uniform(0.5, 0.8))
    return np.clip(image + random.normal(0, 3, image.shape), 0, 255).astype(np.uint8)


def write_png(path: Path, array: NDArray[np.uint8]) -> None:
    """Write one PNG and make its folder. OSError where it cannot be written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), array):
        raise OSError(f"{path}: cannot be written")


def write_masks(folder: Path, labels: NDArray[np.int32]) -> None:
    """Write one mask file per nucleus below folder/masks: mask_0001.png …, uint8, values 0 and 255."""
    for label in range(1, labels.max() + 1):
        write_png(folder / "masks" / f"mask_{label:04d}.png", ((labels == label) * 255).astype(np.uint8))


def draw(out: Path | str, train: int, test: int, size: int, seed: int) -> None:
    """Draw a data set below `out`: dataset/ and test_masks/, each complete or not there at all.

    train, test: numbers of images. size: side of an image, px. InputError where one of the two folders exists.
    """
    out = Path(out)
    there = [str(out / part) for part in ("dataset", "test_masks") if (out / part).exists()]
    if there:
        raise InputError(*(f"{folder}: exists, wanted none; remove it or give another --out" for folder in there))
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".drawing-", dir=out) as name:
        beside = Path(name)
        ids = [draw_image(beside, number, train, size, seed) for number in range(train + test)][train:]
        write_json(beside / "dataset" / "test_img_ids.json", ids)
        # the real data holds such files, which a notebook server left behind
        first = beside / "dataset" / "test" / ids[0]["file_name"]
        for source in (beside / "dataset/train/DEMO-01/masks/mask_0002.png", first):
            clutter = source.parent / ".ipynb_checkpoints" / f"{source.stem}-checkpoint.png"
            clutter.parent.mkdir(exist_ok=True)
            shutil.copyfile(source, clutter)
        for part in ("test_masks", "dataset"):
            (beside / part).rename(out / part)


def draw_image(out: Path, number: int, train: int, size: int, seed: int) -> TestId:
    """Draw one image and its masks, and return its row of test_img_ids.json.

    number: from 0 on; the first `train` images are training images, the others test images.
    """
    random = np.random.default_rng([seed, number])
    # nuclei per square of 256 px; crowded images hold more than the 100 that the report's metric counts
    crowd = (130, 70, 105, 85)[number % 4] * (size / 256) ** 2
    labels, tissue = place_nuclei(random, size, max(8, int(crowd * random.uniform(0.9, 1.1))))
    if number % 4 == 1:
        odd_nuclei(random, labels)
    image, name = paint(random, labels, tissue), f"DEMO-{number + 1:02d}"
    if number < train:
        write_png(out / "dataset" / "train" / name / "images" / f"{name}.png", image)
        write_masks(out / "dataset" / "train" / name, labels)
    else:
        write_png(out / "dataset" / "test" / f"{name}.png", image)
        write_masks(out / "test_masks" / name, labels)
    return {"file_name": f"{name}.png", "height": size, "id": number + 1 - train, "width": size}
