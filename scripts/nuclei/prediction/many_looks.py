"""Many looks: test-time augmentation and the sliding window together.

A window is a square part of an image; what its views agree on is fused, then the windows are joined. Memory depends
on the window and on the number of nuclei, not on the size of the image.
"""

import copy
from pathlib import Path

import cv2
import numpy as np

from nuclei.coco.rle import bounding_box
from nuclei.common.progress import Progress
from nuclei.common.stage import InputError
from nuclei.prediction.fusion import distinct, fuse, soft_nms
from nuclei.prediction.instances import Nucleus, as_results
from nuclei.prediction.sliding_window import belongs, windows
from nuclei.prediction.test_time_augmentation import box_back, turn, turn_back


class ManyLooks:
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
    """Nuclei that ManyLooks with these options finds in every image; the rest is as in single_look.predict.

    An image gives all nuclei that its views found.
    """
    import torch
    from mmdet.datasets.pipelines import Compose

    model.eval()
    at = next(i for i, step in enumerate(pipeline) if step["type"] == "MultiScaleFlipAug")
    read = Compose(pipeline[1:at])  # what happens to an image as it is read, ahead of windows and views
    viewer = ManyLooks(model, pipeline[at:], **options)
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
