"""The answer that the competition asks for: the detections of each test image with the highest scores.

It is a COCO results file, answer.json, alone in a zip file, answer.zip. This module makes, reads and checks it.
"""

import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nuclei.coco.checks import prediction_problem
from nuclei.coco.types import Result
from nuclei.common.archives import DAMAGE
from nuclei.common.files import read_json, whole_file
from nuclei.common.stage import InputError, refuse
from nuclei.data.raw_layout import read_test_ids

CAP = 100  # detections per image that the competition accepts


def answer(rows: Sequence[Result], cap: int = CAP) -> list[Result]:
    """The `cap` results of highest score of each image, in the order of the image ids and of falling scores.

    Results of equal score keep their order.
    """
    chosen: list[Result] = []
    for image_id in sorted({row["image_id"] for row in rows}):
        own = [row for row in rows if row["image_id"] == image_id]
        chosen += sorted(own, key=lambda row: -row["score"])[:cap]
    return [
        {
            "image_id": row["image_id"],
            "bbox": row["bbox"],
            "score": row["score"],
            "category_id": 1,  # the competition knows one class: those of more are merged
            "segmentation": row["segmentation"],
        }
        for row in chosen
    ]


def write_zip(path: Path | str, source: Path | str) -> None:
    """Write a zip file that holds the file `source` as answer.json; the same content always gives the same bytes."""
    with whole_file(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as file:
        entry = zipfile.ZipInfo("answer.json", (1980, 1, 1, 0, 0, 0))
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.external_attr = 0o644 << 16
        with open(source, "rb") as content:
            file.writestr(entry, content.read())


def read_answer(path: Path | str) -> Any:
    """The content of answer.json, from the file itself or from a zip file that holds it alone.

    The content may be any JSON: answer_problems checks it. InputError where the file cannot be read.
    """
    path = Path(path)
    if path.suffix.lower() != ".zip":
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


def answer_problems(rows: Any, images: Mapping[int, tuple[int, int]], file: Path | str) -> tuple[list[str], list[str]]:
    """(problem lines, warning lines) of an answer.

    rows: content of answer.json, which may be anything. images: {id: (height, width)} of the test images, px. file: the
    answer, as the lines name it.
    """
    if not isinstance(rows, list):
        return [f"{file}: {type(rows).__name__} found, wanted a list of detections; write COCO results"], []
    problems: list[str] = []
    count, outside = dict.fromkeys(images, 0), 0
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
    if outside:  # no problem: only the order of scores counts, and those of Mask Scoring R-CNN may leave the range
        warnings.append(f"{file}: {outside} scores outside 0 to 1")
    return problems, warnings


def check_answer(path: Path | str, ids_file: Path | str) -> list[str]:
    """Check an answer (answer.zip or answer.json) against the form that the competition asks for.

    ids_file: test_img_ids.json. Returns lines for people: the warnings, and last that the form is right. InputError
    names all problems.
    """
    problems: list[str] = []
    ids = read_test_ids(ids_file, problems)
    refuse(problems, ids_file)
    images = {number: (height, width) for number, width, height in ids.values()}
    rows = read_answer(path)
    problems, warnings = answer_problems(rows, images, path)
    refuse(problems, path)
    right = f"{path}: {len(rows)} detections of {len(images)} images, form is right"
    return [*(f"warning: {warning}" for warning in warnings), right]
