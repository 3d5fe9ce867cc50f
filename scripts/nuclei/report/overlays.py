"""Pictures of the test images with predicted and true nuclei: found, missed, and predictions that match no nucleus."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from nuclei.coco.matching import match
from nuclei.coco.rle import decode_part
from nuclei.coco.types import RLE, Content, Result
from nuclei.common.stage import InputError
from nuclei.prediction.answers import CAP, answer
from nuclei.report.brightness import brightened

Picture = NDArray[np.uint8]


# Blue, green, red from 0 to 255. People who cannot tell red from green can tell these colours apart.
FOUND, MISSED, FALSE = (200, 220, 0), (0, 190, 255), (220, 0, 220)
LEGEND = 66  # height of the legend, px


def nearest(length: int, drawn: int) -> NDArray[np.intp]:
    """Which of `length` pixels each of `drawn` ones shows, by the nearest neighbour as cv2.INTER_NEAREST takes it."""
    return np.minimum((np.arange(drawn) * (1 / (drawn / length))).astype(np.intp), length - 1)


def outlines(image: Picture, segmentations: Iterable[RLE], colour: tuple[int, int, int]) -> None:
    """Draw the contours of masks into an image.

    image: uint8, height x width x (blue, green, red); it may be larger or smaller than the masks. segmentations: COCO
    RLE masks. Time and memory follow from the nuclei, not from the size of the image that they lie in.
    """
    for segmentation in segmentations:
        if not coco_mask.area(segmentation):
            continue
        part, left, top = decode_part(segmentation)
        height, width = segmentation["size"]
        rows, columns = nearest(height, image.shape[0]) - top, nearest(width, image.shape[1]) - left
        y0, y1 = np.searchsorted(rows, [0, part.shape[0]]).tolist()
        x0, x1 = np.searchsorted(columns, [0, part.shape[1]]).tolist()
        mask = part[rows[y0:y1]][:, columns[x0:x1]].astype(np.uint8)
        if mask.size:  # it has none where the nucleus lies between the pixels that are drawn
            contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE, offset=(x0, y0))
            cv2.drawContours(image, contours, -1, colour, 2 if image.shape[1] >= 2 * width else 1)


def panel(image: Picture, name: str, truth: Sequence[RLE], found: Sequence[RLE], side: int) -> Picture:
    """One test image with the outlines of its nuclei and a line of counts above.

    image: uint8, height x width x (blue, green, red). truth, found: COCO RLE masks of true and predicted nuclei, the
    highest score first. side: width of the picture, px.
    """
    scale = side / image.shape[1]
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    picture = cv2.resize(image, (side, round(image.shape[0] * scale)), interpolation=way)
    right, taken = match(truth, found)
    outlines(picture, [rle for rle, hit in zip(truth, taken, strict=True) if not hit], MISSED)
    outlines(picture, [rle for rle, hit in zip(found, right, strict=True) if not hit], FALSE if truth else FOUND)
    outlines(picture, [rle for rle, hit in zip(found, right, strict=True) if hit], FOUND)
    line = np.full((34, side, 3), 255, np.uint8)
    counts = f"found {right.sum()}, not a nucleus {(~right).sum()}, missed {(~taken).sum()} of {len(truth)}"
    shown = name if len(name) <= 32 else f"{name[:14]}...{name[-14:]}"  # so that the counts have place
    text = f"{shown}: {counts if truth else f'{len(found)} predictions'}"
    cv2.putText(line, text, (4, 23), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (30, 30, 30), 1, cv2.LINE_AA)
    return cv2.copyMakeBorder(np.vstack([line, picture]), 4, 4, 4, 4, cv2.BORDER_CONSTANT, value=(255, 255, 255))


def legend(width: int, scored: bool, facts: str) -> Picture:
    """A strip, `width` px wide, that says what the colours mean, and below it what is shown.

    scored: whether the true nuclei are known. Where they are not, there is one colour, for predictions. facts: the
    second line.
    """
    strip, x = np.full((LEGEND, width, 3), 255, np.uint8), 12
    texts = (
        (FOUND, "prediction that matches a nucleus (IoU 0.5)" if scored else "prediction"),
        (FALSE, "prediction that matches none"),
        (MISSED, "nucleus that no prediction matches"),
    )[: 3 if scored else 1]
    for colour, text in texts:
        cv2.rectangle(strip, (x, 12), (x + 22, 28), colour, -1)
        cv2.putText(strip, text, (x + 30, 26), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (30, 30, 30), 1, cv2.LINE_AA)
        x += 60 + cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.55, 1)[0][0]
    cv2.putText(strip, facts, (12, 54), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (30, 30, 30), 1, cv2.LINE_AA)
    return strip


def counted(predictions: Sequence[Result], threshold: float | None) -> list[Result]:
    """The predictions from a score on, the highest first; without one, the CAP of highest score in each image."""
    if threshold is None:
        return answer(predictions)
    return sorted((row for row in predictions if row["score"] >= threshold), key=lambda row: -row["score"])


def draw(
    folder: Path | str,
    content: Content,
    predictions: Sequence[Result],
    threshold: float | None = None,
    shown: int = 4,
    side: int = 640,
) -> Picture:
    """Picture of the first `shown` test images with the predictions in each, dark images brightened (brightness.py).

    folder: holds the test images. content: their COCO ground truth. predictions: COCO results with RLE masks.
    threshold: the score from which predictions are drawn; None: the CAP of highest score in each image. side: width of
    each image in the picture, px. Returns uint8, height x width x (blue, green, red).
    Raises InputError for an image that cannot be read.
    """
    rows, panels, dark = counted(predictions, threshold), [], False
    images = content["images"][:shown]
    for image in images:
        file = Path(folder) / image["file_name"]
        picture = cv2.imread(str(file), cv2.IMREAD_COLOR)
        if picture is None:
            raise InputError(f"{file}: not a readable image, wanted the test image; check the raw data")
        # convert_test.py writes every true nucleus as an RLE
        truth = [cast(RLE, row["segmentation"]) for row in content["annotations"] if row["image_id"] == image["id"]]
        found = [row["segmentation"] for row in rows if row["image_id"] == image["id"]]
        bright, was_dark = brightened(np.asarray(picture, np.uint8))
        dark = dark or was_dark
        panels.append(panel(bright, file.stem, truth, found, side))
    high, wide = max(p.shape[0] for p in panels), max(p.shape[1] for p in panels)
    panels = [
        cv2.copyMakeBorder(p, 0, high - p.shape[0], 0, wide - p.shape[1], cv2.BORDER_CONSTANT, value=(255,) * 3)
        for p in panels
    ]
    if len(panels) % 2:
        panels.append(np.full_like(panels[0], 255))
    body = np.vstack([np.hstack(panels[at : at + 2]) for at in range(0, len(panels), 2)])
    facts = (
        f"the {CAP} surest predictions of each image"
        if threshold is None
        else f"predictions of score {threshold:.3f} or more"
    )
    facts += f"; {len(images)} of {len(content['images'])} test images" + (
        "; dark images are brightened" if dark else ""
    )
    return np.vstack([legend(body.shape[1], bool(content["annotations"]), facts), body])


def encode_picture(picture: Picture, suffix: str) -> bytes:
    """The bytes of a picture file. suffix: its form, `.jpg` or `.png`. InputError for one that OpenCV cannot write."""
    try:
        done, content = cv2.imencode(suffix, picture)
    except cv2.error:
        done = False
    if not done:
        raise InputError(f"--out: a picture {suffix or 'without suffix'} found, wanted .jpg or .png; give another name")
    return bytes(content.tobytes())
