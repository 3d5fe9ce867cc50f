"""Where each cell's numbers come from: the rows of cells.csv."""

from nuclei.report.cells import Cell
from nuclei.scoring.names import NAMES


def provenance(run: str, setting: str, model: str, seed: int, cell: Cell) -> dict[str, str | int | float | None]:
    """The row of one cell.

    setting: 1, 2 or the name of a fold. run: the run's folder, which the row's folder is relative to. cell: with all of
    its parts (see read_cells).
    """
    training, choice, scores = cell.training, cell.choice, cell.scores
    return {
        "setting": setting,
        "model": model,
        "seed": seed,
        "folder": str(cell.files["scores"].parent.relative_to(run)),
        "epoch": choice["epoch"],
        "policy": choice["policy"],
        "metric": choice["metric"],
        "validation_score": choice["value"],
        "map_report": scores["map_report"],
        **{name: scores[name] for name in NAMES},
        "images": scores["images"],
        "nuclei": scores["nuclei"],
        "config_sha256": training["config_sha256"],
        "data_sha256": training["data_sha256"],
        "weights_sha256": training["weights_sha256"],
        "checkpoint_sha256": choice["sha256"],
        "code_version": training["code_version"],
        "device": training["device"],
        "threads": training["threads"],
        "epochs": training["epochs"],
        "wall_seconds": training["wall_seconds"],
        "finished": training["finished"],
    }
