"""Which epochs' weights stay on disk."""


def epochs_to_keep(rows, best, metrics, every):
    """Epochs whose weights stay on disk.

    rows: [{"epoch", <scores or None>}] of the finished epochs; best: how many by each of `metrics`; every: each n-th
    (0: none). The last finished epoch always stays. Ties go to the earlier epoch. Returns a set of epochs.
    """
    keep = {rows[-1]["epoch"]} if rows else set()
    keep |= {row["epoch"] for row in rows if every and row["epoch"] % every == 0}
    for metric in metrics:
        scored = [row for row in rows if row.get(metric) is not None]
        scored.sort(key=lambda row: (-row[metric], row["epoch"]))
        keep |= {row["epoch"] for row in scored[:best]}
    return keep
