"""Which organ the tissue of an image is from: config/organs.tsv.

The organs of the course's 30 images are those that the MoNuSeg challenge gives for its training images (Kumar et al.,
IEEE TMI 2017, table I, and the challenge's page of its data), six each of breast, kidney, liver and prostate, two each
of bladder, colon and stomach. The TCGA codes 18, 21, 38, 49 and 50 belong to lung studies, although the challenge lists
these images under liver; the table says what the challenge says.
"""

import csv
from pathlib import Path

from nuclei.common.stage import InputError


def read_organs(path: Path | str) -> dict[str, str]:
    """{image id: organ} of organs.tsv: two columns, image (its file's name without ending) and organ.

    Raises InputError where the file cannot be read or has other columns.
    """
    try:
        with open(path, encoding="utf-8", newline="") as file:
            head, *rows = csv.reader(file, delimiter="\t")
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}), wanted organs.tsv; check the path") from None
    wrong = [number for number, row in enumerate(rows, 2) if len(row) != 2]
    if head != ["image", "organ"] or wrong:
        found = f"columns {', '.join(head)}" if head != ["image", "organ"] else f"line {wrong[0]} of other length"
        raise InputError(f"{path}: {found} found, wanted the columns image, organ; correct it")
    return {image: organ for image, organ in rows}
