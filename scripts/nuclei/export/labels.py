"""Label images: each pixel holds the number of its nucleus, 0 outside; as OME-TIFF and as OME-Zarr.

A pixel that several nuclei claim belongs to the one of highest score. The image is painted chunk by chunk on the disk,
so that memory does not grow with it. Large images get coarser levels beside the full one, each of half the size.

OME-Zarr is of version 0.4 (https://ngff.openmicroscopy.org/0.4), the version that napari, Fiji and QuPath 0.5 and later
read: the image itself, and its labels in `labels/nuclei`.
"""

import itertools
import shutil
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nuclei.common.files import whole_file
from nuclei.export.measurements import MeasuredNucleus
from nuclei.export.writing import Writer

if TYPE_CHECKING:
    import zarr

CHUNK = 1024  # side of the chunks and tiles, px; also the longest side of the coarsest level
UM = "µm"


def blocks(size: Sequence[int], side: int) -> Iterator[tuple[slice, slice]]:
    """The square blocks (rows, columns) of an image of (height, width) px, row by row; the last ones are smaller."""
    for top, left in itertools.product(range(0, size[0], side), range(0, size[1], side)):
        yield slice(top, min(top + side, size[0])), slice(left, min(left + side, size[1]))


def create(group: "zarr.Group", name: str, shape: tuple[int, ...], dtype: Any) -> "zarr.Array[Any]":
    """A new array of a group, in chunks of CHUNK x CHUNK px, its last two axes being y and x."""
    from numcodecs import Blosc

    return group.create_array(
        name,
        shape=shape,
        chunks=(1,) * (len(shape) - 2) + (min(CHUNK, shape[-2]), min(CHUNK, shape[-1])),
        dtype=dtype,
        compressors=Blosc("zstd", clevel=3, shuffle=Blosc.SHUFFLE),
        chunk_key_encoding={"name": "v2", "separator": "/"},
        fill_value=0,
    )


def halve(pixels: NDArray[Any], by_mean: bool) -> NDArray[Any]:
    """An array of half the size in y and x, rounded up. by_mean: means of 2 x 2 px, else each second pixel."""
    if not by_mean:
        return np.asarray(pixels[..., ::2, ::2])
    size = -(-pixels.shape[-1] // 2), -(-pixels.shape[-2] // 2)
    return np.stack([cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in pixels])


def add_levels(group: "zarr.Group", by_mean: bool) -> list["zarr.Array[Any]"]:
    """Add the coarser levels `1`, `2`, … to a group that holds the level `0`. Returns all levels."""
    levels = [group["0"]]
    while max(levels[-1].shape[-2:]) > CHUNK:
        finer = levels[-1]
        shape = (*finer.shape[:-2], *(-(-side // 2) for side in finer.shape[-2:]))
        coarser = create(group, str(len(levels)), shape, finer.dtype)
        for rows, columns in blocks(finer.shape[-2:], 2 * CHUNK):
            part = halve(finer[..., rows, columns], by_mean)
            top, left = rows.start // 2, columns.start // 2
            coarser[..., top : top + part.shape[-2], left : left + part.shape[-1]] = part
        levels.append(coarser)
    return levels


def multiscales(levels: Sequence["zarr.Array[Any]"], name: str, pixel_size: float | None) -> list[dict[str, Any]]:
    """The metadata `multiscales` of OME-Zarr 0.4. pixel_size: µm, None where it is not known."""
    space: dict[str, str] = {"type": "space"} | ({"unit": "micrometer"} if pixel_size else {})
    axes = [{"name": "c", "type": "channel"}, {"name": "y", **space}, {"name": "x", **space}]
    outer = [1.0] * (len(levels[0].shape) - 2)
    datasets = []
    for at, level in enumerate(levels):
        factors = [whole / own for whole, own in zip(levels[0].shape[-2:], level.shape[-2:], strict=True)]
        scale = [*outer, *(factor * (pixel_size or 1) for factor in factors)]
        datasets.append({"path": str(at), "coordinateTransformations": [{"type": "scale", "scale": scale}]})
    return [{"version": "0.4", "name": name, "axes": axes[-len(levels[0].shape) :], "datasets": datasets}]


class LabelWriter(Writer):
    """What both forms share: the label image as the array `0` of self.group, in the folder self.folder."""

    inner = ""  # group of the labels within the folder

    def begin(self) -> None:
        import zarr

        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.folder = self.path.with_name(f".{self.path.name}.tmp")
        shutil.rmtree(self.folder, ignore_errors=True)  # of a writer that was killed
        self.stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.root = zarr.open_group(self.folder, mode="w", zarr_format=2)
        self.group = self.root.create_group(self.inner) if self.inner else self.root
        dtype = np.uint16 if self.most < 2**16 else np.uint32
        self.labels = create(self.group, "0", (self.image.height, self.image.width), dtype)
        self.scores = np.full(self.most + 1, -1.0)  # by number; what has none yields to every nucleus

    def add(self, nuclei: Sequence[MeasuredNucleus], first: int) -> None:
        touched: dict[tuple[int, int], list[tuple[int, MeasuredNucleus]]] = {}
        for number, nucleus in enumerate(nuclei, first):
            self.scores[number] = nucleus.score
            left, top, right, bottom = nucleus.extent
            for row in range(top // CHUNK, (bottom - 1) // CHUNK + 1):
                for column in range(left // CHUNK, (right - 1) // CHUNK + 1):
                    touched.setdefault((row, column), []).append((number, nucleus))
        for (row, column), own in touched.items():
            y, x = row * CHUNK, column * CHUNK
            block = self.labels[y : y + CHUNK, x : x + CHUNK]
            for number, nucleus in own:
                self.paint(block, number, nucleus, x, y)
            self.labels[y : y + CHUNK, x : x + CHUNK] = block

    def paint(self, block: NDArray[Any], number: int, nucleus: MeasuredNucleus, x: int, y: int) -> None:
        """Paint the part of a nucleus that lies in the block whose first pixel is at x, y."""
        left, top, right, bottom = nucleus.extent
        x0, y0 = max(left, x), max(top, y)
        x1, y1 = min(right, x + block.shape[1]), min(bottom, y + block.shape[0])
        part = block[y0 - y : y1 - y, x0 - x : x1 - x]
        own = nucleus.mask[y0 - top : y1 - top, x0 - left : x1 - left]
        part[own & (self.scores[part] < nucleus.score)] = number


class LabelTiff(LabelWriter):
    """A label image as OME-TIFF, of 16 bits where the numbers allow it, else of 32."""

    suffix = ".labels.ome.tif"

    def finish(self) -> None:
        import tifffile

        levels = add_levels(self.group, by_mean=False)
        size = self.image.pixel_size
        about = {"PhysicalSizeX": size, "PhysicalSizeXUnit": UM, "PhysicalSizeY": size, "PhysicalSizeYUnit": UM}
        # without a number of our own, each file would have another one
        own = {"UUID": str(uuid.uuid5(uuid.NAMESPACE_URL, self.path.name)), **(about if size else {})}
        large = self.labels.nbytes > 2**31
        with whole_file(self.path) as path, tifffile.TiffWriter(path, ome=True, bigtiff=large) as file:
            for at, level in enumerate(levels):
                file.write(
                    self.tiles(level),
                    shape=level.shape,
                    dtype=level.dtype,
                    tile=(CHUNK, CHUNK),
                    compression="zlib",
                    predictor=True,
                    photometric="minisblack",
                    subifds=len(levels) - 1 if at == 0 else None,
                    subfiletype=1 if at else 0,
                    metadata={"axes": "YX", "Name": "nuclei", **own} if at == 0 else None,
                )

    @staticmethod
    def tiles(level: "zarr.Array[Any]") -> Iterator[NDArray[Any]]:
        """The tiles of a level, all of the same size, row by row."""
        for rows, columns in blocks(level.shape, CHUNK):
            tile = np.zeros((CHUNK, CHUNK), level.dtype)
            part = level[rows, columns]
            tile[: part.shape[0], : part.shape[1]] = part
            yield tile


class OmeZarr(LabelWriter):
    """The image and its labels as OME-Zarr: a folder."""

    suffix = ".ome.zarr"
    inner = "labels/nuclei"

    def finish(self) -> None:
        image, name, size = self.image, self.image.path.stem, self.image.pixel_size
        colours = create(self.root, "0", (3, image.height, image.width), np.uint8)
        for rows, columns in blocks((image.height, image.width), CHUNK):
            part = image.read(columns.start, rows.start, columns.stop, rows.stop)
            colours[:, rows, columns] = np.moveaxis(part[..., ::-1], 2, 0)
        levels = add_levels(self.root, by_mean=True)
        window = {"min": 0, "max": 255, "start": 0, "end": 255}
        channels = [
            {"label": label, "color": colour, "active": True, "window": window}
            for label, colour in (("red", "FF0000"), ("green", "00FF00"), ("blue", "0000FF"))
        ]
        omero = {"version": "0.4", "channels": channels}
        self.root.attrs.update({"multiscales": multiscales(levels, name, size), "omero": omero})
        self.root["labels"].attrs["labels"] = ["nuclei"]
        own = multiscales(add_levels(self.group, by_mean=False), "nuclei", size)
        about = {"version": "0.4", "source": {"image": "../../"}}
        self.group.attrs.update({"multiscales": own, "image-label": about})
        shutil.rmtree(self.path, ignore_errors=True)
        Path(self.folder).rename(self.path)
