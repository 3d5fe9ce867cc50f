"""Ensembles: predictions of several cells fused."""

from collections import defaultdict

from nuclei.prediction.fusion import fuse, soft_nms
from nuclei.prediction.instances import as_results, from_results


def fuse_predictions(members, images, soft=False, step=lambda: None):
    """Fuse COCO results as inference fuses the views of one image (nuclei.prediction.fusion.fuse).

    members: a list of COCO results with RLE masks for each cell, in the order of the config. images: those of the COCO
    JSON. soft: lower the scores of nuclei that overlap, as members often disagree on where one nucleus ends. step():
    called after each image. Returns COCO results, surest first within an image.
    """
    by_image = [defaultdict(list) for _ in members]
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
