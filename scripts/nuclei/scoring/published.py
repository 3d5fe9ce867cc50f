"""The numbers that the report printed; the scores of its author's submissions are in submissions.py."""

from pathlib import Path

import pandas as pd

from nuclei.common.stage import InputError
from nuclei.scoring.published_row import PublishedRow


def read_published(path: Path | str) -> dict[tuple[int, str], PublishedRow]:
    """The numbers that the report printed, from published.tsv: {(table, model): row}, in the file's order.

    Raises InputError where the file cannot be read, has other columns, or holds text where a number is wanted.
    """
    wanted = ["table", "model", "epoch", "map", "submission"]
    try:
        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
        if list(table.columns) != wanted:
            raise ValueError(f"columns {', '.join(table.columns)}")
        rows: dict[tuple[int, str], PublishedRow] = {}
        for row in table.to_dict("records"):
            float(row["map"])  # a text that is no number is told here
            rows[int(row["table"]), row["model"]] = {
                "epoch": int(row["epoch"]),
                "map": row["map"],
                "submission": row["submission"] or None,
            }
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}), wanted published.tsv; check the path") from None
    except ValueError as error:
        found = " ".join(str(error).split())[:80]
        raise InputError(
            f"{path}: {found} found, wanted columns {', '.join(wanted)} with numbers; correct it"
        ) from None
    return rows
