"""Square tiles of the training images, with the annotations of each tile.

The tiles overlap and together cover the whole image; the last tile of a row or column ends at the image's border. A
nucleus that crosses the border of a tile is cut there, and pieces smaller than a given area are left out.

All coordinates are px, x right, y down, with pixel edges at integers.
"""

import errno
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from nuclei.coco.rle import as_rle, bounding_box, decode_part, encode_part
from nuclei.coco.types import Annotation, AnnotationPart, Content, Form, Image, Segmentation
from nuclei.common.files import sha256
from nuclei.common.progress import Progress
from nuclei.common.stage import InputError
from nuclei.data.polygons import exact_polygons


class Piece(AnnotationPart):
    """The annotation of a nucleus, or of the piece of it, in one tile: without id and image_id."""

    category_id: int


def starts(length: int, size: int, stride: int) -> list[int]:
    """Where the tiles along a side of `length` px start; size: of a tile, stride: from one tile to the next, px.

    The last tile may lie closer to the one before it, so that it ends where the image ends.

    >>> starts(1000, 256, 186)
    [0, 186, 372, 558, 744]
    """
    if length <= size:
        return [0]
    edges = list(range(0, length - size, stride))
    return [*edges, length - size]


def decode(annotation: Annotation, height: int, width: int) -> NDArray[np.bool_]:
    """The mask of a COCO annotation of any form: bool, height x width."""
    return coco_mask.decode(as_rle(annotation["segmentation"], height, width)).astype(bool)


def decode_nucleus(annotation: Annotation, height: int, width: int) -> tuple[NDArray[np.bool_], int, int] | None:
    """(part, left, top) of an annotation: its mask within its bounding box, px; None where no pixel belongs to it.

    height, width: of the image. Equal to the part of decode(), but takes time and memory for the box alone.
    """
    segmentation = annotation["segmentation"]
    if isinstance(segmentation, dict):
        return decode_part(segmentation) if coco_mask.area(segmentation) else None
    points = np.concatenate([np.asarray(polygon, float).reshape(-1, 2) for polygon in segmentation])
    (left, top), (right, bottom) = np.floor(points.min(0)).astype(int), np.ceil(points.max(0)).astype(int)
    # pycocotools rounds to fifths of a pixel: where a shift is not exact in floating point, it could round otherwise
    exact = (points * 8 == np.rint(points * 8)).all()
    if exact and left >= 0 and top >= 0 and right <= width and bottom <= height:
        # a pixel more on each side, where the image has one, because the border of an image cuts what lies on it
        left, top, right, bottom = max(left - 1, 0), max(top - 1, 0), min(right + 1, width), min(bottom + 1, height)
        moved = [(np.asarray(p, float).reshape(-1, 2) - (left, top)).ravel().tolist() for p in segmentation]
        mask = coco_mask.decode(as_rle(moved, int(bottom - top), int(right - left))).astype(bool)
    else:
        left, top, mask = 0, 0, decode(annotation, height, width)
    if not mask.any():
        return None
    x0, y0, x1, y1 = bounding_box(mask)
    return mask[y0:y1, x0:x1], int(left) + x0, int(top) + y0


def cut(
    nuclei: Iterable[tuple[Annotation, NDArray[np.bool_], int, int]],
    left: int,
    top: int,
    size: int,
    min_area: int,
    segmentation: Form,
) -> list[Piece]:
    """The annotations of one tile, without id and image_id.

    nuclei: (annotation, mask inside its bounding box, left, top of that box) of each nucleus of the image. left, top,
    size: of the tile, px. min_area: the smallest piece of a nucleus that is kept, px. Coordinates of the result start
    at the tile's corner.
    """
    found: list[Piece] = []
    for annotation, part, x, y in nuclei:
        x0, y0 = max(x, left), max(y, top)
        x1, y1 = min(x + part.shape[1], left + size), min(y + part.shape[0], top + size)
        if x0 >= x1 or y0 >= y1:
            continue
        piece = part[y0 - y : y1 - y, x0 - x : x1 - x]
        area = int(np.count_nonzero(piece))
        if area < min_area:
            continue
        a, b, c, d = bounding_box(piece)
        piece, x0, y0 = piece[b:d, a:c], x0 + a - left, y0 + b - top
        if segmentation == "rle":
            form: Segmentation = encode_part(piece, x0, y0, (size, size))
        else:
            form = exact_polygons(piece, x0, y0)
        found.append(
            {
                "area": area,
                "bbox": [x0, y0, piece.shape[1], piece.shape[0]],
                "category_id": annotation["category_id"],
                "iscrowd": 0,
                "mask": annotation["mask"],
                "segmentation": form,
            }
        )
    return found


def tile(
    content: Content,
    images: Path | str,
    out: Path,
    size: int,
    stride: int,
    min_area: int = 16,
    segmentation: Form = "polygon",
) -> Content:
    """Write the tiles of all images as out/<id>/<left>_<top>.png, and return their COCO content.

    content: COCO annotations of the images. images: folder that its file names start from. out: a folder that does not
    hold any of the tiles' folders. size, stride: side and distance of the tiles, px, 0 < stride <= size. min_area: the
    smallest piece of a nucleus that is kept, px. segmentation: form of the tiles' annotations. InputError where size
    and stride do not fit, an image cannot be read, or an image is smaller than a tile; OSError on a full disk.
    """
    if not 0 < stride <= size:
        raise InputError(f"tiles: stride {stride} and size {size} found, wanted 0 < stride <= size; correct them")
    tiles: Content = {**content, "images": [], "annotations": []}
    progress = Progress("tile", len(content["images"]), "images")
    for image in content["images"]:
        file = Path(images) / image["file_name"]
        picture = cv2.imread(str(file), cv2.IMREAD_COLOR)
        if picture is None:
            raise InputError(f"{file}: not a readable image, wanted a PNG; check the raw data")
        height, width = picture.shape[:2]
        if min(height, width) < size:
            raise InputError(f"{file}: {width}x{height} px found, wanted {size} px a side at least; lower tiles.size")
        nuclei = []
        for annotation in (row for row in content["annotations"] if row["image_id"] == image["id"]):
            nucleus = decode_nucleus(annotation, height, width)
            if nucleus:
                nuclei.append((annotation, *nucleus))
        folder = out / image["file_name"].split("/")[0]
        folder.mkdir(parents=True)
        for top in starts(height, size, stride):
            for left in starts(width, size, stride):
                path = folder / f"{left}_{top}.png"
                if not cv2.imwrite(str(path), picture[top : top + size, left : left + size]):
                    raise OSError(errno.ENOSPC, "not written", str(path))  # OpenCV does not say why
                number = len(tiles["images"]) + 1
                name = str(path.relative_to(out))
                row: Image = {"file_name": name, "height": size, "id": number, "sha256": sha256(path), "width": size}
                if "pixel_size_um" in image:
                    row["pixel_size_um"] = image["pixel_size_um"]
                tiles["images"].append(row)
                for piece in cut(nuclei, left, top, size, min_area, segmentation):
                    tiles["annotations"].append({**piece, "id": len(tiles["annotations"]) + 1, "image_id": number})
        progress.step()
    progress.close()
    return tiles
