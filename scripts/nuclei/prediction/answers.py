"""The competition's answer: the surest detections of each test image, written, read and checked."""

import json
import zipfile
from pathlib import Path

from nuclei.coco.checks import prediction_problem
from nuclei.common.archives import DAMAGE
from nuclei.common.files import read_json, whole_file
from nuclei.common.stage import InputError, refuse
from nuclei.data.raw_layout import read_test_ids

CAP = 100  # detections an image that the competition takes


def answer(rows, cap=CAP):
    """The `cap` rows of highest score of each image, by image and falling score; ties keep their order."""
    chosen = []
    for image_id in sorted({row["image_id"] for row in rows}):
        own = [row for row in rows if row["image_id"] == image_id]
        chosen += sorted(own, key=lambda row: -row["score"])[:cap]
    keys = ("image_id", "bbox", "score", "category_id", "segmentation")
    return [{key: row[key] for key in keys} for row in chosen]


def write_zip(path, source):
    """A zip holding `source` as answer.json; equal content gives equal bytes."""
    with whole_file(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as file:
        entry = zipfile.ZipInfo("answer.json", (1980, 1, 1, 0, 0, 0))
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.external_attr = 0o644 << 16
        with open(source, "rb") as content:
            file.writestr(entry, content.read())


def read_answer(path):
    """Content of answer.json, from the file itself or from a zip that holds it alone."""
    path = Path(path)
    if path.suffix != ".zip":
        return read_json(path, "an answer")
    try:
        with zipfile.ZipFile(path) as file:
            names = file.namelist()
            if names != ["answer.json"]:
                raise InputError(
                    f"{path}: holds {', '.join(names) or 'nothing'}, wanted answer.json alone; zip it again"
                )
            return json.loads(file.read("answer.json").decode("utf-8-sig"))
    except OSError as error:
        found = error.strerror or error
        raise InputError(f"{path}: cannot be read ({found}), wanted answer.zip; check the path") from None
    except DAMAGE as error:
        raise InputError(f"{path}: damaged ({str(error)[:80]}), wanted a zip of JSON; zip it again") from None


def answer_problems(rows, images, file):
    """(problems, warnings) of an answer. images: {id: (height, width)} of the test images."""
    if not isinstance(rows, list):
        return [f"{file}: {type(rows).__name__} found, wanted a list of detections; write COCO results"], []
    problems, count, outside = [], dict.fromkeys(images, 0), 0
    for number, row in enumerate(rows):
        problem = prediction_problem(row, images, box=True)
        if problem:
            problems.append(f"{file}: row {number}: {problem}; correct the row")
        else:
            count[row["image_id"]] += 1
            outside += not 0 <= row["score"] <= 1
    for image_id, found in count.items():
        if found > CAP:
            problems.append(f"{file}: {found} detections of image {image_id}, wanted {CAP} at most; keep the surest")
    warnings = [f"{file}: no detection of image {image_id}" for image_id, found in count.items() if not found]
    if outside:  # only the order counts, and the scores that Mask Scoring R-CNN gives may leave the range
        warnings.append(f"{file}: {outside} scores outside 0 to 1")
    return problems, warnings


def check_answer(path, ids_file):
    """Check an answer (answer.zip or answer.json) against the competition's form.

    ids_file: test_img_ids.json. Returns lines for people: warnings, then that the form is right. Raises InputError with
    all problems.
    """
    problems = []
    ids = read_test_ids(ids_file, problems)
    refuse(problems, ids_file)
    images = {number: (height, width) for number, width, height in ids.values()}
    rows = read_answer(path)
    problems, warnings = answer_problems(rows, images, path)
    refuse(problems, path)
    right = f"{path}: {len(rows)} detections of {len(images)} images, form is right"
    return [*(f"warning: {warning}" for warning in warnings), right]
