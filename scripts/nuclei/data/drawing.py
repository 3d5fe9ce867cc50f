"""A seeded H&E-like data set in exactly the raw layout of the real one: images, masks, test ids, some clutter.

Colours follow Beer-Lambert: intensity = 255 * exp(-(hematoxylin * H + eosin * E)), with optical densities per channel
(blue, green, red) near those of Ruifrok & Johnston, "Quantification of histochemical staining by color
deconvolution", 2001. Pixels are squares; masks are drawn without anti-aliasing and never overlap.
"""

import shutil
import tempfile
from pathlib import Path

import cv2
import numpy as np

from nuclei.common.files import write_json
from nuclei.common.stage import InputError

HEMATOXYLIN = np.array([0.29, 0.70, 0.65])  # optical density of blue, green, red


EOSIN = np.array([0.11, 0.99, 0.07])


def smooth_noise(random, size, scale):
    """Noise of zero mean and unit deviation, smooth over `scale` px; size x size float32."""
    noise = cv2.GaussianBlur(
        random.standard_normal((size, size)).astype(np.float32), (0, 0), scale, borderType=cv2.BORDER_REFLECT
    )
    return (noise - noise.mean()) / noise.std()


def nucleus_outline(random, centre, radius):
    """Polygon of a nucleus: an ellipse bent by a few low harmonics. (n, 2) float, x right, y down, px."""
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    stretch = random.uniform(1.0, 1.7)
    wave = sum(random.normal(0, 0.07 / k) * np.cos(k * angle + random.uniform(0, 2 * np.pi)) for k in (2, 3, 4))
    points = np.stack([np.cos(angle) * stretch**0.5, np.sin(angle) / stretch**0.5], 1) * (radius * (1 + wave))[:, None]
    turn = random.uniform(0, np.pi)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return points @ rotation.T + centre


def place_nuclei(random, size, wanted):
    """Label map (int32, 0 = background) of up to `wanted` nuclei that may touch but never overlap."""
    labels, count = np.zeros((size, size), np.int32), 0
    clusters = random.uniform(0, size, (max(2, wanted // 12), 2))
    tissue = smooth_noise(random, size, size / 6) > -0.9  # lumina and gaps stay free
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


def odd_nuclei(random, labels):
    """Give one nucleus a hole and add one of two parts and a tiny one, as in real data: converters differ on them."""
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


def paint(random, labels, tissue):
    """Stained image (uint8, blue green red) of a label map."""
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


def write_png(path, array):
    """Write one PNG, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), array):
        raise OSError(f"{path}: cannot be written")


def write_masks(folder, labels):
    """One mask file a nucleus: mask_0001.png …, uint8, values 0 and 255."""
    for label in range(1, labels.max() + 1):
        write_png(folder / "masks" / f"mask_{label:04d}.png", ((labels == label) * 255).astype(np.uint8))


def draw(out, train, test, size, seed):
    """Draw `train` and `test` images of size x size px below `out`: dataset/ and test_masks/, whole or not at all."""
    out = Path(out)
    there = [str(out / part) for part in ("dataset", "test_masks") if (out / part).exists()]
    if there:
        raise InputError(*(f"{folder}: exists, wanted none; remove it or give another --out" for folder in there))
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".drawing-", dir=out) as beside:
        beside = Path(beside)
        ids = [draw_image(beside, number, train, size, seed) for number in range(train + test)][train:]
        write_json(beside / "dataset" / "test_img_ids.json", ids)
        # the real data set holds such left-overs of a notebook server
        first = beside / "dataset" / "test" / ids[0]["file_name"]
        for source in (beside / "dataset/train/DEMO-01/masks/mask_0002.png", first):
            clutter = source.parent / ".ipynb_checkpoints" / f"{source.stem}-checkpoint.png"
            clutter.parent.mkdir(exist_ok=True)
            shutil.copyfile(source, clutter)
        for part in ("test_masks", "dataset"):
            (beside / part).rename(out / part)


def draw_image(out, number, train, size, seed):
    """Draw image `number` (from 0; the first `train` ones train) and its masks; returns its row of the ids file."""
    random = np.random.default_rng([seed, number])
    # nuclei a 256 px square; crowded images hold more than the 100 that the report's metric counts
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
