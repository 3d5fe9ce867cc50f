"""Which epochs' weights stay on disk while a cell is trained."""

import argparse
from collections.abc import Sequence

from nuclei.scoring.names import NAMES, ScoreName
from nuclei.training.types import EpochRow, Keep


def whole_number(text: str) -> int:
    """A whole number from 0 on, of a command line."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} found, wanted a whole number from 0 on")
    return int(text)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which epochs' weights stay. A wrong value ends the stage in one line."""
    parser.add_argument("--keep-best", type=whole_number, default=1, help="how many checkpoints are kept by each score")
    parser.add_argument(
        "--keep-metrics",
        nargs="*",
        choices=NAMES,
        default=["ap50_100"],
        metavar="SCORE",
        help=f"validation scores that rank the checkpoints, of {', '.join(NAMES)} (default: ap50_100)",
    )
    parser.add_argument(
        "--keep-every", type=whole_number, default=0, help="also keep the weights of each n-th epoch (0: none)"
    )


def keep_of(args: argparse.Namespace) -> Keep:
    """The values of these options."""
    return {"best": args.keep_best, "metrics": args.keep_metrics, "every": args.keep_every}


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
