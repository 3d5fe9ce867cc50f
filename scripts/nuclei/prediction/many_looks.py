"""Many looks: how test-time augmentation and the sliding window work together.

1. An image larger than the window is cut into overlapping windows (sliding_window.py). Any other image is one window.
2. In each window, the detector runs once for each scale and each view, flipped or turned (test_time_augmentation.py).
   What it finds is turned back to the coordinates of the window.
3. The detections of all scales and views of the window are fused (fusion.py): those of one nucleus become one. On
   request, the scores of nuclei that overlap are then lowered (soft-NMS).
4. The fused nuclei of the window are moved to the coordinates of the image. The window reports those that it sees whole
   or that have their centre in its core: a nucleus that the border of one window cuts is reported by the next window.
   On request, the scores of nuclei that touch the border of the image are then lowered.
5. When all windows are done, non-maximum suppression removes nuclei that two windows reported.

So the views come first and the windows second. Memory depends on the size of the window and on the number of nuclei,
not on the size of the image. Coordinates are px, x right, y down, with pixel edges at integers.
"""

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from nuclei.coco.rle import bounding_box
from nuclei.coco.types import Result
from nuclei.common.progress import Progress
from nuclei.common.stage import InputError
from nuclei.prediction.fusion import distinct, doubt_cut, fuse, soft_nms
from nuclei.prediction.instances import Nucleus, as_results, surest_first
from nuclei.prediction.sliding_window import Span, belongs, windows
from nuclei.prediction.test_time_augmentation import box_back, turn, turn_back

if TYPE_CHECKING:
    from mmdet.datasets import CocoDataset
    from torch import nn


class ManyLooks:
    """A detector that looks at each image in several views, at several scales, and window by window.

    model: the detector, wrapped by mmdet's build_dp. pipeline: steps of the test data set, from MultiScaleFlipAug on.
    views: 1, 2 (also mirrored), 4 (also turned by 180 degrees) or 8 (also turned by 90 degrees). scales: factors on the
    test scale of the config. window: side of a window, px; None: the whole image. overlap: of neighbouring windows, px;
    should be wider than most nuclei. soft: lower the scores of nuclei that overlap (fusion.soft_nms). border: factor
    on the scores of nuclei that touch the border of the image. between(): called after every run of the detector; may
    raise an exception to stop.
    """

    # numbers of test_time_augmentation.turn
    VIEWS: ClassVar[dict[int, list[int]]] = {1: [0], 2: [0, 4], 4: [0, 2, 4, 6], 8: list(range(8))}

    def __init__(
        self,
        model: "nn.Module",
        pipeline: Sequence[dict[str, Any]],
        views: int = 1,
        scales: Sequence[float] = (1.0,),
        window: int | None = None,
        overlap: int = 128,
        soft: bool = False,
        border: float = 1.0,
        between: Callable[[], object] = lambda: None,
    ) -> None:
        self.model, self.pipeline, self.soft, self.border, self.between = model, pipeline, soft, border, between
        self.views, self.scales, self.window, self.overlap = self.VIEWS[views], scales, window, overlap

    def passes(self, height: int, width: int) -> int:
        """How often the detector runs on an image of height x width px."""
        rows, columns = (len(windows(side, self.window, self.overlap)) for side in (height, width))
        return rows * columns * len(self.scales) * len(self.views)

    def detect(self, image: NDArray[Any], scale: float = 1.0) -> list[Nucleus]:
        """Run the detector once on an image or window, as it is.

        image: height x width x 3 (blue, green, red). scale: factor on the test scale of the config. Returns the nuclei
        with a score above 0, in falling order of their scores, in the coordinates of `image`.
        """
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
        scores = [own[:, 4] for own in boxes]
        if isinstance(masks, tuple):  # Mask Scoring R-CNN gives each mask a score of its own
            masks, scores = masks
        found = []
        for category, of_class in enumerate(zip(boxes, scores, masks, strict=True), 1):
            for box, score, mask in zip(*of_class, strict=True):
                if mask.any():
                    left, top, right, bottom = bounding_box(mask)
                    part = mask[top:bottom, left:right].copy()
                    found.append(Nucleus(float(score), box[:4], part, left, top, category))
        self.between()
        return surest_first(found)

    def look(self, part: NDArray[Any]) -> list[Nucleus]:
        """The nuclei of one window, fused over all scales and views: steps 2 and 3 of the module.

        part: the window, height x width x 3. Returns the nuclei in falling order of their scores, in the coordinates of
        the window.
        """
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

    def reported(self, found: list[Nucleus], row: Span, column: Span, height: int, width: int) -> list[Nucleus]:
        """The nuclei that a window reports, moved to the coordinates of the image: step 4 of the module.

        found: its nuclei, which are changed. row, column: the window. height, width: of the image, px.
        """
        for nucleus in found:
            nucleus.x, nucleus.y = nucleus.x + column[0], nucleus.y + row[0]
            nucleus.box = nucleus.box + [column[0], row[0], column[0], row[0]]
        kept = [nucleus for nucleus in found if belongs(nucleus, row, column, height, width)]
        return kept if self.border == 1 else doubt_cut(kept, self.border, height, width)

    def nuclei(self, image: NDArray[Any]) -> list[Nucleus]:
        """The nuclei of an image of any size: all steps of the module.

        image: height x width x 3 (blue, green, red). Returns the nuclei in falling order of their scores, in the
        coordinates of the image.
        """
        height, width = image.shape[:2]
        rows, columns = (windows(side, self.window, self.overlap) for side in (height, width))
        joined = []
        for row in rows:
            for column in columns:
                found = self.look(image[row[0] : row[1], column[0] : column[1]])
                joined += self.reported(found, row, column, height, width)
        return joined if len(rows) * len(columns) == 1 else distinct(joined, height, width)


def predict_views(
    model: "nn.Module",
    dataset: "CocoDataset",
    pipeline: Sequence[dict[str, Any]],
    label: str = "predict",
    **options: Any,
) -> list[Result]:
    """The instances that a detector finds in every image of a data set, by many looks at each image.

    model, dataset, label and the result are those of nuclei.prediction.single_look.predict. pipeline: all steps of the
    test data set. options: of ManyLooks. The number of nuclei per image has no upper limit, because training.detections
    limits each run of the detector, not the sum of them. InputError where an image cannot be read or the GPU's memory
    is too small.
    """
    import torch
    from mmdet.datasets.pipelines import Compose

    model.eval()
    at = next(i for i, step in enumerate(pipeline) if step["type"] == "MultiScaleFlipAug")
    read = Compose(pipeline[1:at])  # steps for the whole image, between reading it and cutting it into windows
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
