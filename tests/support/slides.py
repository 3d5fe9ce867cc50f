"""Slides as scanners and programs write them: pyramids of tiles."""

import zlib

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


TILE = 512  # px


def write_large_slide(path, side, pixel_size=0.25, levels=(1, 4, 16)):
    """A tiled pyramidal TIFF of side x side px, mostly glass, written tile by tile so that its size costs no memory.

    Tissue is a disc in the middle that covers about a hundredth; tiles are tissue or glass as a whole. Returns the box
    of the tissue: left, top, right, bottom, px.
    """
    glass = np.full((TILE, TILE, 3), 240, np.uint8)
    kinds = [glass, *(tissue_image(2 * TILE, 2 * TILE, seed)[:TILE, :TILE] for seed in range(4))]
    count = -(-side // TILE)
    y, x = np.mgrid[:count, :count] + 0.5 - count / 2
    which = np.where(np.hypot(x, y) * 100**0.5 * np.pi**0.5 <= max(count, 18), 1 + np.arange(count) % 4, 0)
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        for level in levels:
            size, small = TILE // level, [cv2.resize(kind, (TILE // level,) * 2, interpolation=3) for kind in kinds]
            encoded = {}

            def tiles(level=level, size=size, small=small, encoded=encoded):
                for top in range(0, side // level, TILE):
                    for left in range(0, side // level, TILE):
                        own = which[top // size : top // size + level, left // size : left // size + level]
                        if own.tobytes() not in encoded:
                            tile = glass.copy()
                            for (row, column), kind in np.ndenumerate(own):
                                tile[row * size :, column * size :][:size, :size] = small[kind]
                            encoded[own.tobytes()] = zlib.compress(tile.tobytes(), 1)
                        yield encoded[own.tobytes()]

            how = {"resolution": (10_000 / pixel_size,) * 2, "resolutionunit": "CENTIMETER"} if level == 1 else {}
            how |= {"shape": (side // level, side // level, 3), "dtype": np.uint8, "tile": (TILE, TILE)}
            how |= {"photometric": "rgb", "compression": "zlib", "subfiletype": int(level > 1), "metadata": None}
            file.write(tiles(), **how)
    rows, columns = (np.flatnonzero(which.any(axis)) for axis in (1, 0))
    return columns[0] * TILE, rows[0] * TILE, (columns[-1] + 1) * TILE, (rows[-1] + 1) * TILE
