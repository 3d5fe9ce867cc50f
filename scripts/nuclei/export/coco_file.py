"""COCO JSON: the form of this project's own annotations, with a score per nucleus.

Coordinates are px of the image or slide level that was looked at, x right, y down, with pixel edges at integers.
"""

import json
from collections.abc import Sequence

from nuclei.coco.types import Image
from nuclei.data.polygons import exact_polygons
from nuclei.export.measurements import MeasuredNucleus
from nuclei.export.writing import TextWriter


class CocoFile(TextWriter):
    """One image with its annotations. Segmentations are polygons along the pixel edges, which lose nothing."""

    suffix = ".coco.json"

    def begin(self) -> None:
        super().begin()
        image: Image = {
            "id": 1,
            "file_name": self.image.path.name,
            "height": self.image.height,
            "width": self.image.width,
        }
        if self.image.pixel_size:
            image["pixel_size_um"] = self.image.pixel_size
        categories = [{"id": number, "name": name} for number, name in enumerate(self.classes, 1)]
        head = json.dumps({"images": [image], "categories": categories}, ensure_ascii=False)
        self.file.write(head[:-1] + ', "annotations": [')

    def add(self, nuclei: Sequence[MeasuredNucleus], first: int) -> None:
        for number, nucleus in enumerate(nuclei, first):
            left, top, right, bottom = nucleus.extent
            annotation = {
                "id": number,
                "image_id": 1,
                "category_id": nucleus.category,
                "iscrowd": 0,
                "area": float(nucleus.mask.sum()),
                "bbox": [left, top, right - left, bottom - top],
                "score": round(float(nucleus.score), 6),
                "segmentation": exact_polygons(nucleus.mask, left, top),
            }
            self.file.write(",\n" if number > 1 else "\n")
            self.file.write(json.dumps(annotation))

    def finish(self) -> None:
        self.file.write("\n]}\n")
