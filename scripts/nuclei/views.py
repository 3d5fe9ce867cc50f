"""Detection with more than one look: flipped and turned views, scales, and windows of images of any size.

A window is a square part of an image; what its views agree on is fused, then the windows are joined. Memory depends
on the window and on the number of nuclei, not on the size of the image.
"""

import copy
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from pycocotools import mask as coco_mask

from nuclei.progress import Progress
from nuclei.rle import bounding_box, encode_part
from nuclei.stage import InputError

SAME = 0.5  # mask IoU from which two detections are of one nucleus, as in the report's metric


@dataclass
class Nucleus:
    """A detection: score, box [left, top, right, bottom] px, and the bool mask of the part at (x, y) of its image."""

    score: float
    box: np.ndarray
    mask: np.ndarray
    x: int
    y: int

    @property
    def extent(self):
        """[left, top, right, bottom] of the mask in its image; right and bottom exclusive, px."""
        return [self.x, self.y, self.x + self.mask.shape[1], self.y + self.mask.shape[0]]


def turn(array, view):
    """View 0 to 7 of an image (height x width [x channels]): turned by 90 degrees view % 4 times, from 4 on mirrored.

    >>> turn(np.array([[1, 2]]), 1).tolist(), turn(np.array([[1, 2]]), 4).tolist()
    ([[2], [1]], [[2, 1]])
    """
    turned = np.rot90(array, view % 4)
    return np.fliplr(turned) if view >= 4 else turned


def turn_back(array, view):
    """Undo `turn`."""
    return np.rot90(np.fliplr(array) if view >= 4 else array, -(view % 4))


def box_back(box, view, height, width):
    """Box [left, top, right, bottom] of a view, in the image that it was turned from (height x width)."""
    left, top, right, bottom = box
    high, wide = (width, height) if view % 2 else (height, width)
    if view >= 4:
        left, right = wide - right, wide - left
    for _ in range(view % 4):  # a quarter turn clockwise: (x, y) -> (high - y, x)
        left, top, right, bottom = high - bottom, left, high - top, right
        high, wide = wide, high
    return np.array([left, top, right, bottom])


def rles(nuclei, height, width):
    """COCO RLEs of nuclei in a frame of that size."""
    return [encode_part(nucleus.mask, nucleus.x, nucleus.y, (width, height)) for nucleus in nuclei]


def as_results(nuclei, image_id, height, width):
    """COCO results of the nuclei of one image (height x width px)."""
    rows = []
    for nucleus, code in zip(nuclei, rles(nuclei, height, width), strict=True):
        left, top, right, bottom = map(float, nucleus.box)
        box = [left, top, right - left, bottom - top]
        rows.append(dict(image_id=image_id, category_id=1, bbox=box, score=nucleus.score, segmentation=code))
    return rows


def from_results(rows):
    """Nuclei of COCO results with RLE masks, surest first, without those of empty mask or no score."""
    found = []
    for row in rows:
        mask = coco_mask.decode(row["segmentation"]).astype(bool)
        if mask.any() and row["score"] > 0:
            left, top, right, bottom = bounding_box(mask)
            x, y, width, height = row["bbox"]
            box = np.array([x, y, x + width, y + height])
            found.append(Nucleus(row["score"], box, mask[top:bottom, left:right].copy(), left, top))
    return sorted(found, key=lambda nucleus: -nucleus.score)


def overlaps(first, second):
    """Mask IoU of every RLE of `first` with every one of `second`."""
    if not first or not second:
        return np.zeros((len(first), len(second)))
    return np.asarray(coco_mask.iou(first, second, [False] * len(second)))


def pairs(iou, least=SAME):
    """One-to-one pairs (row, column) with iou >= least, columns in order, each with the best row that is left."""
    taken = np.zeros(len(iou), bool)
    for column in range(iou.shape[1]):
        values = np.where(taken, -1.0, iou[:, column])
        if len(values) and values.max() >= least:
            taken[row := int(values.argmax())] = True
            yield row, column


def mean_nucleus(members, views):
    """One nucleus of its detections in several views: mean score (0 where a view misses it), mean box, mean mask."""
    weights = np.array([nucleus.score for nucleus in members])
    extents = np.array([nucleus.extent for nucleus in members])
    x, y = map(int, extents[:, :2].min(0))
    right, bottom = extents[:, 2:].max(0)
    votes = np.zeros((bottom - y, right - x))
    for nucleus, weight, (x0, y0, x1, y1) in zip(members, weights, extents, strict=True):
        votes[y0 - y : y1 - y, x0 - x : x1 - x] += weight * nucleus.mask
    mask = votes >= weights.sum() / 2
    if not mask.any():
        return None
    left, top, right, bottom = bounding_box(mask)
    box = np.average([nucleus.box for nucleus in members], axis=0, weights=weights)
    return Nucleus(weights.sum() / views, box, mask[top:bottom, left:right], x + left, y + top)


def fuse(found, height, width):
    """Fuse the detections of one window's views: those of one nucleus (mask IoU >= 0.5) become their mean.

    found: a list of Nucleus for each view, surest first. Returns nuclei, surest first.
    """
    if len(found) == 1:
        return found[0]
    groups, references = [], []
    for nuclei in found:
        codes = rles(nuclei, height, width)
        matched = set()
        for group, column in pairs(overlaps(references, codes)):
            groups[group].append(nuclei[column])
            matched.add(column)
        for column, nucleus in enumerate(nuclei):
            if column not in matched:
                groups.append([nucleus])
                references.append(codes[column])
    fused = [mean_nucleus(group, len(found)) for group in groups]
    return sorted((nucleus for nucleus in fused if nucleus), key=lambda nucleus: -nucleus.score)


def distinct(nuclei, height, width):
    """The nuclei, surest first, without those that overlap a surer one (mask IoU >= 0.5)."""
    nuclei = sorted(nuclei, key=lambda nucleus: -nucleus.score)
    kept = np.ones(len(nuclei), bool)
    if len(nuclei):
        boxes = np.array([nucleus.extent for nucleus in nuclei])
        for i, box in enumerate(boxes):
            if not kept[i]:
                continue
            low, high = np.maximum(box[:2], boxes[i + 1 :, :2]), np.minimum(box[2:], boxes[i + 1 :, 2:])
            near = i + 1 + np.flatnonzero(kept[i + 1 :] & (low < high).all(1))
            codes = rles([nuclei[i], *(nuclei[j] for j in near)], height, width)
            kept[near[overlaps(codes[:1], codes[1:])[0] >= SAME]] = False
    return [nucleus for nucleus, keep in zip(nuclei, kept, strict=True) if keep]


def soft_nms(nuclei, height, width):
    """Lower the scores of nuclei that overlap: each times 1 - the largest mask IoU x score of another.

    Linear soft-NMS (Bodla et al., ICCV 2017) of masks, in both directions: where two outlines claim the same tissue,
    the surer one is in doubt too. Returns nuclei, surest first.
    """
    codes, scores = rles(nuclei, height, width), np.array([nucleus.score for nucleus in nuclei])
    iou = overlaps(codes, codes)
    np.fill_diagonal(iou, 0)
    doubt = (iou * scores).max(1, initial=0)
    lowered = [replace(n, score=float(score)) for n, score in zip(nuclei, scores * (1 - doubt), strict=True)]
    return sorted(lowered, key=lambda nucleus: -nucleus.score)


def windows(length, size, overlap):
    """(start, end, core start, core end) of windows along a side; the cores part it, the borders lie in mid-overlap.

    >>> windows(1800, 1000, 200)
    [(0, 1000, 0, 900), (800, 1800, 900, 1800)]
    """
    if not size or length <= size:
        return [(0, length, 0, length)]
    count = -(-(length - overlap) // (size - overlap))
    edges = [round(k * (length - size) / (count - 1)) for k in range(count)]
    middles = [0, *((a + size + b) // 2 for a, b in zip(edges, edges[1:], strict=False)), length]
    return [(edge, edge + size, middles[k], middles[k + 1]) for k, edge in enumerate(edges)]


def belongs(nucleus, row, column, height, width):
    """Whether a window (row, column of `windows`) reports a nucleus: it lies whole in it, or its centre in its core."""
    left, top, right, bottom = nucleus.extent
    whole = (
        (left > column[0] or left == 0)
        and (right < column[1] or right == width)
        and (top > row[0] or top == 0)
        and (bottom < row[1] or bottom == height)
    )
    middle = column[2] <= (left + right) / 2 < column[3] and row[2] <= (top + bottom) / 2 < row[3]
    return whole or middle


class Viewer:
    """Runs a detector over views of windows.

    model: wrapped by mmdet's build_dp. pipeline: the test data set's, from MultiScaleFlipAug on. views: 1, 2 (mirrored
    too), 4 (turned by 180 degrees too) or 8. scales: factors on the config's test scale. window: side, px (None: the
    whole image), overlap: of neighbouring windows, px; wider than most nuclei. soft: lower the scores of nuclei that
    overlap (soft_nms). between(): called after every view; may raise to stop.
    """

    VIEWS = {1: [0], 2: [0, 4], 4: [0, 2, 4, 6], 8: list(range(8))}

    def __init__(
        self, model, pipeline, views=1, scales=(1.0,), window=None, overlap=128, soft=False, between=lambda: None
    ):
        self.model, self.pipeline, self.soft, self.between = model, pipeline, soft, between
        self.views, self.scales, self.window, self.overlap = self.VIEWS[views], scales, window, overlap

    def passes(self, height, width):
        """How often the detector runs on an image of that size."""
        rows, columns = (len(windows(side, self.window, self.overlap)) for side in (height, width))
        return rows * columns * len(self.scales) * len(self.views)

    def detect(self, image, scale=1.0):
        """Nuclei of one image (height x width x BGR), surest first, resized by `scale` on top of the config's."""
        import torch
        from mmcv.parallel import collate
        from mmdet.datasets.pipelines import Compose

        steps = copy.deepcopy(self.pipeline)
        for step in steps:
            if step["type"] == "MultiScaleFlipAug":
                step["img_scale"] = tuple(round(side * scale) for side in step["img_scale"])
        data = Compose([dict(type="LoadImageFromWebcam"), *steps])(dict(img=np.ascontiguousarray(image)))
        with torch.no_grad():
            ((boxes, masks),) = self.model(return_loss=False, rescale=True, **collate([data], samples_per_gpu=1))
        scores = boxes[0][:, 4]
        if isinstance(masks, tuple):  # Mask Scoring R-CNN scores masks anew
            masks, (scores,) = masks
        found = []
        for box, score, mask in zip(boxes[0], scores, masks[0], strict=True):
            if mask.any():
                left, top, right, bottom = bounding_box(mask)
                found.append(Nucleus(float(score), box[:4], mask[top:bottom, left:right].copy(), left, top))
        self.between()
        return sorted(found, key=lambda nucleus: -nucleus.score)

    def look(self, part):
        """Nuclei of one window, surest first, fused over scales and views."""
        height, width = part.shape[:2]
        found = []
        for scale in self.scales:
            for view in self.views:
                nuclei = self.detect(turn(part, view), scale)
                for nucleus in nuclei:
                    left, top, _, _ = box_back(nucleus.extent, view, height, width)
                    nucleus.mask, nucleus.x, nucleus.y = turn_back(nucleus.mask, view), int(left), int(top)
                    nucleus.box = box_back(nucleus.box, view, height, width)
                found.append(nuclei)
        fused = fuse(found, height, width)
        return soft_nms(fused, height, width) if self.soft else fused

    def nuclei(self, image):
        """Nuclei of an image (height x width x BGR) of any size, surest first."""
        height, width = image.shape[:2]
        rows, columns = (windows(side, self.window, self.overlap) for side in (height, width))
        joined = []
        for row in rows:
            for column in columns:
                found = self.look(image[row[0] : row[1], column[0] : column[1]])
                for nucleus in found:
                    nucleus.x, nucleus.y = nucleus.x + column[0], nucleus.y + row[0]
                    nucleus.box = nucleus.box + [column[0], row[0], column[0], row[0]]
                joined += [nucleus for nucleus in found if belongs(nucleus, row, column, height, width)]
        return joined if len(rows) * len(columns) == 1 else distinct(joined, height, width)


def predict_views(model, dataset, pipeline, label="predict", **options):
    """As nuclei.inference.predict, with the options of Viewer; an image gives all nuclei that its views found."""
    import torch
    from mmdet.datasets.pipelines import Compose

    model.eval()
    at = next(i for i, step in enumerate(pipeline) if step["type"] == "MultiScaleFlipAug")
    read = Compose(pipeline[1:at])  # what happens to an image as it is read, ahead of windows and views
    viewer = Viewer(model, pipeline[at:], **options)
    progress = Progress(label, sum(viewer.passes(row["height"], row["width"]) for row in dataset.data_infos), "views")
    viewer.between = progress.step
    found = []
    for row in dataset.data_infos:
        file = Path(dataset.img_prefix) / row["file_name"]
        image = cv2.imread(str(file), cv2.IMREAD_COLOR)
        if image is None:
            raise InputError(f"{file}: not a readable image, wanted a PNG; check the raw data")
        try:
            nuclei = viewer.nuclei(read({"img": image})["img"])
        except torch.cuda.OutOfMemoryError as error:
            raise InputError(
                f"{label} image {file}, {row['width']}x{row['height']} px: out of GPU memory ({str(error)[:120]}), "
                "wanted more; lower inference.window, inference.scales or training.detections, or take a larger GPU"
            ) from None
        found += as_results(nuclei, row["id"], *image.shape[:2])
    progress.close()
    return found
