"""Masks -> COCO, against the report's own procedure and against just decoding the PNGs."""

from concurrent.futures import ProcessPoolExecutor
from itertools import chain

import cv2
import imantics

from bench.rows import faster, require, timed, within
from nuclei.coco.rle import encode
from nuclei.data.conversion import convert
from nuclei.data.conversion_loss import round_trip_iou
from nuclei.data.masks import read_image
from nuclei.data.raw_layout import read_layout

EVERY = 20  # of the masks go through the report's procedure, unless all do


def by_report(work):
    """The report's procedure for each mask of (image, masks): decode mask, decode RGB image, polygons by imantics.

    Returns their polygons of 3 points and more, as lists [x1, y1, …].
    """
    image, masks = work
    found = []
    for path in masks:
        mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        imantics.Image.from_path(str(image.file))
        found.append([p.tolist() for p in imantics.Mask(mask).polygons().polygons if len(p) >= 6])
    return found


def by_decoding(work):
    """Decode each mask of (image, masks) as we do."""
    return sum(read_image(path) is not None for path in work[1])


def by_opencv(work):
    """Decode each mask of (image, masks) by OpenCV."""
    return sum(cv2.imread(str(path), cv2.IMREAD_UNCHANGED) is not None for path in work[1])


def spread(function, work, processes):
    """Results of function(image and masks) for each of `work`, on several processes as the stage."""
    with ProcessPoolExecutor(processes) as pool:
        return list(pool.map(function, work))


def polygons(content):
    """{(image number, mask's name): segmentation} of COCO content."""
    return {(row["image_id"], row["mask"]): row["segmentation"] for row in content["annotations"]}


def check(work, reports, loose, exact):
    """Require the report's polygons in imantics mode, and each mask itself, rasterised again, in exact mode."""
    loose, exact = polygons(loose), polygons(exact)
    for (image, masks), found in zip(work, reports, strict=True):
        for path, wanted in zip(masks, found, strict=True):
            key = (image.number, path.name)
            require(loose.get(key, []) == wanted, f"{path}: imantics mode has other polygons than the report's way")
            truth = encode(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) > 0)
            require(key in exact and round_trip_iou(truth, exact[key]) == 1, f"{path}: exact mode loses pixels")


def rows(material, full):
    images = [image for image in read_layout(material.dataset)[0] if image.set == "train"]
    processes, every = material.processes, EVERY if material.real and not full else 1
    everything = [(image, image.masks) for image in images]
    sample = [(image, image.masks[::every]) for image in images]
    count = sum(len(masks) for _, masks in everything)
    scale = count / sum(len(masks) for _, masks in sample)

    # ours before and after the alternatives, so that a slower or faster minute of the machine touches both
    exact, content = timed(convert, images, "exact", "polygon", processes)
    imantics_mode, loose = timed(convert, images, "imantics", "polygon", processes)
    floor, decoded = timed(spread, by_decoding, everything, processes)
    require(sum(decoded) == count == len(content["annotations"]), f"{count} masks wanted")
    opencv, _ = timed(spread, by_opencv, sample, processes)
    report, reports = timed(spread, by_report, sample, processes)
    again, repeated = timed(convert, images, "exact", "polygon", processes)
    require(repeated == content, "the same masks are converted to other annotations")
    check(sample, reports, loose, content)
    exact, opencv, report = (exact + again) / 2, opencv * scale, report * scale

    size = f"{count} masks of {len(images)} images, processes: {processes}"
    part = f"; the report's way with every {every}th mask, scaled" if every > 1 else ""
    checked = len(list(chain.from_iterable(reports)))
    note = f"{size}{part}; equal to the mask for {checked}"
    yield faster("masks to COCO, exact; the report's way", exact, report, 15, note)
    note = f"identical polygons for {checked} masks"
    yield faster("masks to COCO, as imantics; the report's way", imantics_mode, report, 5, note)
    yield within("masks to COCO, exact; decoding alone", exact, floor, 1.5, "decoded by the same decoder, kornia-rs")
    yield within("masks to COCO, exact; decoding by OpenCV", exact, opencv, 1.5, "the report's decoder")
