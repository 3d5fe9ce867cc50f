"""Choose the checkpoint of one cell by a policy. It never trains again.

It reads epochs.tsv, the validation scores by epoch, and the folder of the kept weights. It writes checkpoint.pth, a
hard link to the chosen weights (a copy on another file system), and checkpoint.json, which says what was chosen and
why.

Policies: `best` takes the epoch of highest validation score under --metric, and the earlier one at a tie; `last` takes
the last epoch; `epoch` takes the one that --epoch names.
"""

import argparse
import os
import shutil
from pathlib import Path

from nuclei.common.files import sha256, whole_file, write_json
from nuclei.common.stage import InputError, run_stage
from nuclei.scoring.names import NAMES
from nuclei.training.selection import choose, read_epochs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", required=True, help="epochs.tsv, the validation scores by epoch")
    parser.add_argument("--checkpoints", required=True, help="folder of the kept weights, epoch_N.pth")
    parser.add_argument("--policy", choices=["best", "last", "epoch"], required=True, help="how the epoch is chosen")
    parser.add_argument(
        "--metric", choices=NAMES, default="ap50_100", help="validation score that policy `best` goes by"
    )
    parser.add_argument("--epoch", type=int, help="the epoch that policy `epoch` takes")
    parser.add_argument("--out-checkpoint", required=True, help="where to write checkpoint.pth")
    parser.add_argument("--out", required=True, help="where to write checkpoint.json, the choice and its reason")
    args = parser.parse_args()
    choice = choose(read_epochs(args.epochs), args.policy, args.metric, args.epoch)
    source = Path(args.checkpoints) / f"epoch_{choice['epoch']}.pth"
    if not source.is_file():
        raise InputError(f"{source}: not found, wanted the weights of the chosen epoch; train again")
    with whole_file(args.out_checkpoint) as temporary:
        temporary.unlink()
        try:
            os.link(source, temporary)
        except OSError:  # another file system
            shutil.copyfile(source, temporary)
    write_json(args.out, {**choice, "sha256": sha256(source)})


if __name__ == "__main__":
    run_stage(main)
