"""One look: a detector over whole images. Validation and prediction share it."""

from nuclei.common.progress import Progress
from nuclei.common.stage import InputError


def predict(model, dataset, workers=0, label="predict", between=lambda: None):
    """Instances found by `model` in every image of an mmdet CocoDataset (test mode).

    model: detector wrapped by mmdet's build_dp, which knows its device. between(): called after every image;
    may raise to stop. Returns COCO results: [{image_id, category_id, bbox [x, y, w, h] px, score, segmentation RLE}],
    boxes with the corner convention of mmdet (x right, y down, pixel edges at integers).
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
        row["category_id"] = 1
    return segments
