"""Scores at caps 100 and 1000, against pycocotools."""

import contextlib
import io
import json
import zlib

import numpy as np
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from bench.rows import below, faster, require, timed, within
from nuclei.coco.grouping import by_image
from nuclei.coco.rle import encode
from nuclei.data.conversion import convert
from nuclei.data.raw_layout import read_layout
from nuclei.prediction.answers import read_answer
from nuclei.scoring.average_precision import evaluate, score
from nuclei.scoring.instance_scores import measure
from nuclei.scoring.names import CAPS

MOST = max(CAPS)


def by_pycocotools(content, rows, caps=CAPS):
    """The scores of nuclei.scoring.average_precision.evaluate from pycocotools' own precision array.

    Of several classes the means, as pycocotools' summarize takes them: over all values but -1.
    """
    keys = ("image_id", "category_id", "score", "segmentation")
    bare = [{key: row[key] for key in keys} for row in json.loads(json.dumps(rows))]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = json.loads(json.dumps(content))
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(bare), "segm")
        evaluation.params.maxDets = [1, *caps]
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][:, :, :, 0, :]
    precision = np.where(precision > -1, precision, np.nan)
    found = {}
    for at, cap in enumerate(caps, 1):
        found |= {
            f"ap_{cap}": np.nanmean(precision[..., at]),
            f"ap50_{cap}": np.nanmean(precision[0, ..., at]),
            f"ap75_{cap}": np.nanmean(precision[5, ..., at]),
        }
    return found


def submitted(files):
    """Detections of all submissions together, those of an image that are surest of a nucleus, MOST at most."""
    rows = [row for file in files for row in read_answer(file)]
    images = {"images": [{"id": number} for number in sorted({row["image_id"] for row in rows})]}
    found = by_image(images, sorted(rows, key=lambda row: -row["score"]))
    return [row for own in found.values() for row in own[:MOST]]


def moved(content):
    """Detections made of the true nuclei: each twice, moved by up to 3 px, with a score from its place's hash."""
    rows = []
    for nucleus in content["annotations"]:
        mask = coco_mask.decode(nucleus["segmentation"])
        for number in range(2):
            state = zlib.crc32(f"{nucleus['id']} {number}".encode())
            shift = (state % 7 - 3, state // 7 % 7 - 3)
            segmentation = encode(np.roll(mask, shift, (0, 1)))
            certain = state % 1000 / 1000
            rows.append({**nucleus, "category_id": 1, "score": certain, "segmentation": segmentation})
    return rows


def equal(found, wanted, what):
    """Require six scores equal to pycocotools'."""
    for name, value in wanted.items():
        require(abs(found[name] - value) <= 1e-12, f"{what}: {name} {found[name]!r}, by pycocotools {value!r}")


def rows(material, full):
    images = [image for image in read_layout(material.dataset, material.test_masks)[0] if image.set == "test"]
    content = convert(images, "exact", "rle", material.processes)
    detections = submitted(material.submissions) if material.submissions else moved(content)
    runs = [timed(evaluate, content, detections) for _ in range(3)]
    seconds, wanted = timed(by_pycocotools, content, detections)
    for _, found in runs:
        equal(found, wanted, "all images")
    ours = sorted(time for time, _ in runs)[1]
    made = f"{len(material.submissions)} submissions" if material.submissions else "moved nuclei"
    note = (
        f"{len(detections)} detections ({made}), {len(content['annotations'])} nuclei, {len(images)} images; "
        f"six scores equal to 1e-12, AP {wanted[f'ap_{MOST}']:.4f} at {MOST}"
    )
    yield faster("scores at caps 100 and 1000; pycocotools", ours, seconds, 20, note)
    if full:
        yield each_image(content, detections, seconds)
    yield from segmentation(content, detections, wanted, full)


def each_image(content, detections, together):
    """Row of all that scores.json holds, each image alone too; together: pycocotools' time for all images at once."""
    ours, result = timed(score, content, detections)
    nuclei, found, seconds = by_image(content, content["annotations"]), by_image(content, detections), together
    scores = {row["image_id"]: row for row in result["per_image"]}
    for image in content["images"]:
        alone = {**content, "images": [image], "annotations": nuclei[image["id"]]}
        took, wanted = timed(by_pycocotools, alone, found[image["id"]])
        equal(scores[image["id"]], wanted, image["file_name"])
        seconds += took
    return faster("all of scores.json; pycocotools", ours, seconds, 20, "all images, and each alone")


EVERY = {"value": None, "chosen_on": "nothing", "pq": None}  # every detection counts


def copied(content, detections, times):
    """The images, nuclei and detections `times` times over, with ids of their own."""
    step = max(image["id"] for image in content["images"])
    found = {"images": [], "annotations": [], "categories": content["categories"]}
    rows = []
    for number in range(times):
        for kind, key in (("images", "id"), ("annotations", "image_id")):
            found[kind] += [{**row, key: row[key] + number * step} for row in content[kind]]
        rows += [{**row, "image_id": row["image_id"] + number * step} for row in detections]
    for number, row in enumerate(found["annotations"], 1):
        row["id"] = number
    return found, rows


def segmentation(content, detections, wanted, full):
    """Rows of all scores of score_instances: under 10 s; of 100 images as long for each image as of these."""
    seconds, found = timed(measure, content, detections, EVERY, {})
    for name, value in wanted.items():
        ours = found.scores["scores"][name]["pooled"]
        require(abs(ours - value) <= 1e-12, f"score_instances: {name} {ours!r}, by pycocotools {value!r}")
    count = len(content["images"])
    note = f"{len(detections)} detections, {len(content['annotations'])} nuclei, {count} images; AP as by pycocotools"
    yield below("all scores of a segmentation, and its errors", seconds, 10, note)
    if full:
        many, rows = copied(content, detections, -(-100 // count))
        longer, _ = timed(measure, many, rows, EVERY, {})
        images = len(many["images"])
        note = f"{images} images, {len(rows)} detections: {longer:.3g} s"
        yield within("the same of 100 images, for each image", longer / images, seconds / count, 1.5, note)
