"""Slides as scanners and programs write them: pyramids of tiles."""

import cv2
import numpy as np
import tifffile


def tissue_image(height, width, seed=0):
    """RGB: bluish discs on pink tissue in the upper left, and glass; uint8, height x width x 3."""
    random = np.random.default_rng(seed)
    image = np.full((height, width, 3), 240, np.uint8)
    image[: height // 2, : width // 2] = (230, 170, 200)
    for _ in range(height * width // 4000):
        x, y = int(random.integers(width // 2)), int(random.integers(height // 2))
        cv2.circle(image, (x, y), int(random.integers(4, 9)), (90, 60, 140), -1)
    return image


def write_slide(path, image, pixel_size=None, levels=2, ome=False):
    """A tiled pyramidal TIFF of an RGB image, each level of half the size; ome: as OME-TIFF with sub-images."""
    about = {"axes": "YXS"}
    if pixel_size and ome:
        about |= {"PhysicalSizeX": pixel_size, "PhysicalSizeXUnit": "µm"}
        about |= {"PhysicalSizeY": pixel_size, "PhysicalSizeYUnit": "µm"}
    with tifffile.TiffWriter(path, ome=ome) as file:
        how = {"tile": (128, 128), "photometric": "rgb", "compression": "zlib"}
        if pixel_size and not ome:
            how |= {"resolution": (10_000 / pixel_size,) * 2, "resolutionunit": "CENTIMETER"}
        for level in range(levels):
            first = {"subifds": levels - 1 if ome else None, "metadata": about if ome else None}
            rest = {"subfiletype": 1, "metadata": None}
            file.write(image, **how, **(rest if level else first))
            image = cv2.resize(image, (image.shape[1] // 2, image.shape[0] // 2), interpolation=cv2.INTER_AREA)
            how.pop("resolution", None)
            how.pop("resolutionunit", None)
    return path
