"""Ensembles: the predictions of several cells, fused into one."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from nuclei.coco.types import Image, Result
from nuclei.prediction.fusion import fuse, soft_nms
from nuclei.prediction.instances import as_results, from_results


def fuse_predictions(
    members: Sequence[Iterable[Result]],
    images: Iterable[Image],
    soft: bool = False,
    step: Callable[[], object] = lambda: None,
) -> list[Result]:
    """Fuse the predictions of several cells, as the views of one image are fused (nuclei/prediction/fusion.py).

    members: COCO results with RLE masks of each cell, in the order of the config. images: of the COCO file of the test
    images. soft: lower the scores of nuclei that overlap (fusion.soft_nms), because cells often disagree on where one
    nucleus ends and the next begins. step(): called after each image. Returns COCO results in the order of the images,
    and in falling order of the scores within an image.
    """
    by_image: list[defaultdict[int, list[Result]]] = [defaultdict(list) for _ in members]
    for rows, own in zip(members, by_image, strict=True):
        for row in rows:
            own[row["image_id"]].append(row)
    found = []
    for image in images:
        size = image["height"], image["width"]
        nuclei = fuse([from_results(own[image["id"]]) for own in by_image], *size)
        found += as_results(soft_nms(nuclei, *size) if soft else nuclei, image["id"], *size)
        step()
    return found
