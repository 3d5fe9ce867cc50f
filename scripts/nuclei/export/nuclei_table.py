"""A table with a row per nucleus: CSV, which spreadsheets and pandas read."""

import csv
from collections.abc import Sequence

from nuclei.export.measurements import COLUMNS, MeasuredNucleus, with_units
from nuclei.export.writing import TextWriter


class NucleiTable(TextWriter):
    """`number`, then the values of measurements.with_units; those in µm only where the pixel size is known, stains only
    where the image can be stained tissue.

    Of several classes `class` comes after `number`.
    """

    suffix = ".csv"

    def begin(self) -> None:
        super().begin()
        self.stained = self.image.is_stained
        self.names = list(with_units([0.0] * len(COLUMNS), 1, self.image.pixel_size, self.stained))
        self.rows = csv.writer(self.file, lineterminator="\n")
        self.rows.writerow(["number", *(["class"] if len(self.classes) > 1 else []), *self.names])

    def add(self, nuclei: Sequence[MeasuredNucleus], first: int) -> None:
        for number, nucleus in enumerate(nuclei, first):
            values = with_units(nucleus.row, self.image.downsample, self.image.pixel_size, self.stained)
            own = [self.classes[nucleus.category - 1]] if len(self.classes) > 1 else []
            self.rows.writerow([number, *own, *(f"{values[name]:.10g}" for name in self.names)])
