"""The nuclei of one image in one file, masks.json: run-length codes in the place of a mask file for each nucleus.

{"nuclei": [{"category": "nucleus", "name": "label 1", "segmentation": {"counts": "…", "size": [height, width]}}, …]}
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from reprlib import repr as short

from nuclei.coco.types import RLE
from nuclei.common.files import read_json, write_json
from nuclei.common.stage import InputError, capped

MASKS_FILE = "masks.json"


@dataclass(frozen=True)
class StoredNucleus:
    """A nucleus of masks.json, used in the place of the path of a mask file. Its code is not checked yet."""

    file: Path
    name: str
    category: str
    segmentation: RLE

    def __str__(self) -> str:
        """What an error names, as it names the path of a mask file."""
        return f"{self.file}: {self.name}"


def read_nuclei(file: Path) -> list[StoredNucleus]:
    """The nuclei of a file, in its order. InputError with each row that is none, and each name found twice."""
    content = read_json(file, "nuclei, which import_raw.py writes")
    rows = content.get("nuclei") if isinstance(content, dict) else None
    if not isinstance(rows, list):
        raise InputError(
            f"{file}: {short(content)} found, wanted an object with the list nuclei; import the data again"
        )
    problems: list[str] = []
    found: dict[str, StoredNucleus] = {}
    for number, row in enumerate(rows):
        texts = [row.get(key) for key in ("name", "category")] if isinstance(row, dict) else [None]
        if not all(isinstance(text, str) and text and text.isprintable() for text in texts):
            problems.append(
                f"{file}: row {number}: {short(row)} found, wanted name, category, segmentation; correct it"
            )
        elif row["name"] in found:
            problems.append(f"{file}: row {number}: {row['name']} found twice, wanted each name once; correct it")
        else:
            found[row["name"]] = StoredNucleus(file, row["name"], row["category"], row.get("segmentation"))
    if problems:
        raise InputError(*capped(problems, file))
    return list(found.values())


def write_nuclei(file: Path, nuclei: Collection[tuple[str, str, RLE]]) -> None:
    """Write the nuclei of an image, each as (name, category, run-length code); no name may come twice."""
    rows = [{"category": category, "name": name, "segmentation": code} for name, category, code in nuclei]
    write_json(file, {"nuclei": rows}, indent=None)
