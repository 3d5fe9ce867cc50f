"""The report's published numbers, as they were printed; the scores of its submissions are in submissions.py."""

import pandas as pd

from nuclei.common.stage import InputError


def read_published(path):
    """Published numbers: {(table, model): row} with epoch (int), map (str as printed), submission (str or None)."""
    wanted = ["table", "model", "epoch", "map", "submission"]
    try:
        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
        if list(table.columns) != wanted:
            raise ValueError(f"columns {', '.join(table.columns)}")
        rows = {}
        for row in table.to_dict("records"):
            float(row["map"])
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
