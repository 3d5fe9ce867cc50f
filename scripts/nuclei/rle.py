"""COCO run-length encoding of masks and of segmentations in any form."""

import numpy as np
from pycocotools import mask as coco_mask


def encode(mask):
    """COCO RLE {"size": [height, width], "counts": str} of a bool mask."""
    rle = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": [int(side) for side in rle["size"]], "counts": rle["counts"].decode()}


def as_rle(segmentation, height, width):
    """RLE of a COCO segmentation: polygons are rasterised by pycocotools, RLE stays as it is."""
    if isinstance(segmentation, list):
        return coco_mask.merge(coco_mask.frPyObjects(segmentation, height, width))
    return segmentation
