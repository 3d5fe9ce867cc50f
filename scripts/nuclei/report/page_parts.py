"""The files that the report page is made of."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product

from nuclei.common.stage import InputError

CELL_PARTS = ("configs", "trainings", "choices", "epochs", "logs", "scores")  # lists of Cells, a file of each cell
SHOWN_PARTS = ("predictions", "errors", "ensemble_scores", "ensemble_predictions", "ensemble_errors")


@dataclass(frozen=True)
class Cells:
    """The cells of a run, and their files. Each list has a file of each setting, then model, then seed.

    models: those of the tables. explored: those beside them; their files come after those of `models`, in each setting.
    predictions and errors (predictions.json, errors.csv) are of the first seed alone, which the viewer shows; errors is
    empty where the run has none. ensembles: names; the viewer shows them beside the models, by the files whose lists
    begin with ensemble_, each with a file of each setting, then ensemble.
    """

    settings: Sequence[int]
    models: Sequence[str]
    explored: Sequence[str]
    seeds: Sequence[int]
    configs: Sequence[str] = ()
    trainings: Sequence[str] = ()
    choices: Sequence[str] = ()
    epochs: Sequence[str] = ()
    logs: Sequence[str] = ()
    scores: Sequence[str] = ()
    predictions: Sequence[str] = ()
    errors: Sequence[str] = ()
    ensembles: Sequence[str] = ()
    ensemble_scores: Sequence[str] = ()
    ensemble_predictions: Sequence[str] = ()
    ensemble_errors: Sequence[str] = ()

    @property
    def rows(self) -> list[tuple[int, str]]:
        """(setting, model) of each row of the tables."""
        return list(product(self.settings, [*self.models, *self.explored]))

    def check(self) -> None:
        """Raise InputError naming every list that has more or fewer files than cells."""
        wanted = dict.fromkeys(CELL_PARTS, len(self.rows) * len(self.seeds)) | {"predictions": len(self.rows)}
        wanted |= dict.fromkeys(("ensemble_scores", "ensemble_predictions"), len(self.settings) * len(self.ensembles))
        if self.errors:
            wanted |= {"errors": len(self.rows), "ensemble_errors": wanted["ensemble_scores"]}
        wrong = {name: count for name, count in wanted.items() if len(getattr(self, name)) != count}
        if wrong:
            raise InputError(
                *(
                    f"--{name.replace('_', '-')}: {len(getattr(self, name))} files found, wanted {count}: one for each "
                    "of the settings and models (and seeds) or ensembles, in their order"
                    for name, count in wrong.items()
                )
            )


@dataclass(frozen=True)
class Parts:
    """Paths of what the page shows; each list is in the order of the page.

    tables, full_tables: HTML tables with the report's score and with the other scores; values, full_values: the CSV of
    each. figures: SVG, PNG or JPEG. data, conversion: raw.md and conversion_loss.md. table_of_cells: cells.csv.
    test_images: folder of the images of ground_truth (COCO JSON). comparisons: comparisons.json, or None.
    """

    tables: Sequence[str]
    values: Sequence[str]
    full_tables: Sequence[str]
    full_values: Sequence[str]
    figures: Sequence[str]
    data: str
    conversion: str
    table_of_cells: str
    test_images: str
    ground_truth: str
    comparisons: str | None
    cells: Cells = field(default_factory=lambda: Cells((), (), (), ()))

    def files(self) -> list[str]:
        """Every file that the page is made of, the test images apart."""
        cells = self.cells
        lists = [getattr(cells, name) for name in (*CELL_PARTS, *SHOWN_PARTS)]
        shown = [self.tables, self.values, self.full_tables, self.full_values, self.figures]
        single = [self.table_of_cells, self.data, self.conversion, self.ground_truth]
        return [
            *single,
            *([self.comparisons] if self.comparisons else []),
            *(p for part in [*shown, *lists] for p in part),
        ]
