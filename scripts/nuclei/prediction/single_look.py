"""One look: the detector runs once on each whole image. Validation and prediction share this."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from nuclei.coco.types import Result
from nuclei.common.progress import Progress
from nuclei.common.stage import InputError

if TYPE_CHECKING:
    from mmdet.datasets import CocoDataset
    from torch import nn


def predict(
    model: "nn.Module",
    dataset: "CocoDataset",
    workers: int = 0,
    label: str = "predict",
    between: Callable[[], object] = lambda: None,
) -> list[Result]:
    """The instances that a detector finds in every image of a data set.

    model: the detector, wrapped by mmdet's build_dp, which knows its device. dataset: in test mode. workers: processes
    that load images. label: name of the cell in progress lines and errors. between(): called after every image; may
    raise an exception to stop. Returns COCO results, image by image, with RLE masks and bbox [left, top, width, height]
    in px, x right, y down, pixel edges at integers. InputError where the GPU's memory is too small.
    """
    import torch
    from mmdet.core import encode_mask_results
    from mmdet.datasets import build_dataloader

    from nuclei.compute.compat import patch_paste

    patch_paste()
    model.eval()
    results = []
    progress = Progress(label, len(dataset), "images")
    loader = build_dataloader(dataset, samples_per_gpu=1, workers_per_gpu=workers, dist=False, shuffle=False)
    with torch.no_grad():
        for image, batch in zip(dataset.data_infos, loader, strict=True):  # a batch is one image, unshuffled
            try:
                found = model(return_loss=False, rescale=True, **batch)
            except torch.cuda.OutOfMemoryError as error:
                raise InputError(
                    f"{label} image {image['file_name']}, {image['width']}x{image['height']} px: out of GPU memory "
                    f"({str(error)[:120]}), wanted more; lower training.detections or training.test_scale, set "
                    "training.precision to fp16, or take a larger GPU"
                ) from None
            for boxes, masks in found:
                results.append((boxes, encode_mask_results(masks)))
            progress.step()
            between()
    progress.close()
    segments = dataset._segm2json(results)[1]
    for row in segments:
        counts = row["segmentation"]["counts"]
        row["segmentation"]["counts"] = counts.decode() if isinstance(counts, bytes) else counts
        row["segmentation"]["size"] = [int(side) for side in row["segmentation"]["size"]]
        row["bbox"] = [float(value) for value in row["bbox"]]
        row["score"] = float(row["score"])
        row["category_id"] = int(row["category_id"])
    return segments
