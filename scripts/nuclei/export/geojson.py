"""QuPath GeoJSON: a FeatureCollection with a feature per nucleus, which QuPath 0.6 and later opens.

Coordinates are px of the slide's finest level, x right, y down, with pixel edges at integers, as QuPath counts.
Source: https://qupath.readthedocs.io/en/stable/docs/advanced/exporting_annotations.html; RFC 7946.
"""

import json
import uuid
from collections.abc import Sequence

from nuclei.export.measurements import MeasuredNucleus, with_units
from nuclei.export.outlines import geometries
from nuclei.export.writing import TextWriter

# red, green, blue, in which QuPath shows the classes; after the last one they begin anew
COLOURS = [[200, 0, 0], [0, 90, 200], [0, 150, 60], [230, 140, 0], [140, 0, 180], [0, 170, 170], [120, 80, 40]]
NAMESPACE = uuid.UUID("6f1d6f0c-6a0e-5b8e-9f0b-2f4f7f0a7c11")  # of this project's ids
# Names in the manner of QuPath's own measurements.
MEASUREMENTS = {
    "area_px": "Area px^2",
    "area_um2": "Area µm^2",
    "perimeter_px": "Perimeter px",
    "perimeter_um": "Perimeter µm",
    "eccentricity": "Eccentricity",
    "hematoxylin_od": "Hematoxylin: OD mean",
    "eosin_od": "Eosin: OD mean",
    "dab_od": "DAB: OD mean",
    "score": "Score",
}


class GeoJSON(TextWriter):
    """Detections with outline, class and measurements. Ids are the same for the same image, number and place."""

    suffix = ".geojson"

    def begin(self) -> None:
        super().begin()
        self.stained = self.image.is_stained
        self.file.write('{"type": "FeatureCollection", "features": [')

    def add(self, nuclei: Sequence[MeasuredNucleus], first: int) -> None:
        shapes = geometries(nuclei, self.image.downsample)
        for number, (nucleus, shape) in enumerate(zip(nuclei, shapes, strict=True), first):
            values = with_units(nucleus.row, self.image.downsample, self.image.pixel_size, self.stained)
            place = f"{self.image.path.name} {number} {values['x']} {values['y']}"
            measured = {name: values[key] for key, name in MEASUREMENTS.items() if key in values}
            feature = {
                "type": "Feature",
                "id": str(uuid.uuid5(NAMESPACE, place)),
                "geometry": shape,
                "properties": {
                    "objectType": "detection",
                    "classification": {
                        "name": self.classes[nucleus.category - 1],
                        "color": COLOURS[(nucleus.category - 1) % len(COLOURS)],
                    },
                    "measurements": {"Number": number, **measured},
                },
            }
            self.file.write(",\n" if number > 1 else "\n")
            self.file.write(json.dumps(feature, ensure_ascii=False))

    def finish(self) -> None:
        self.file.write("\n]}\n")
