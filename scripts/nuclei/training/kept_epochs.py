"""Which epochs' weights stay on disk while a cell is trained."""

from collections.abc import Sequence

from nuclei.scoring.names import ScoreName
from nuclei.training.types import EpochRow


def epochs_to_keep(rows: Sequence[EpochRow], best: int, metrics: Sequence[ScoreName], every: int) -> set[int]:
    """Epochs whose weights stay on disk.

    rows: one for each finished epoch, the last one last. best: how many epochs stay by each of `metrics`; at a tie the
    earlier epoch stays. every: each n-th epoch stays too (0: none).
    The last finished epoch always stays, because a training goes on from it.
    """
    keep = {rows[-1]["epoch"]} if rows else set()
    keep |= {row["epoch"] for row in rows if every and row["epoch"] % every == 0}
    for metric in metrics:
        scored = [(-value, row["epoch"]) for row in rows if (value := row.get(metric)) is not None]
        keep |= {epoch for _, epoch in sorted(scored)[:best]}
    return keep
