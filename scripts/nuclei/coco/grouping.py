"""Rows of COCO files, image by image."""

from collections.abc import Iterable
from typing import TypeVar

from nuclei.coco.types import Annotation, Content, Result

Row = TypeVar("Row", Annotation, Result)


def by_image(content: Content, rows: Iterable[Row]) -> dict[int, list[Row]]:
    """{image id: rows of that image, in their order}, for every image of `content`, also those without a row.

    Raises KeyError for a row whose image `content` does not hold.
    """
    found: dict[int, list[Row]] = {image["id"]: [] for image in content["images"]}
    for row in rows:
        found[row["image_id"]].append(row)
    return found
