"""Choose the checkpoint of a cell by a policy, from the score table and the kept weights; never retrains.

Policies: best (highest validation score under a named metric, the earlier epoch at a tie), last, epoch (a given one).
"""

import argparse
import os
import shutil
from pathlib import Path

from nuclei.common.files import sha256, whole_file, write_json
from nuclei.common.stage import InputError, run_stage
from nuclei.scoring.names import NAMES
from nuclei.training.selection import choose, read_epochs


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", required=True, help="epochs.tsv")
    parser.add_argument("--checkpoints", required=True, help="folder of epoch_N.pth")
    parser.add_argument("--policy", choices=["best", "last", "epoch"], required=True)
    parser.add_argument("--metric", choices=NAMES, default="ap50_100")
    parser.add_argument("--epoch", type=int, help="with --policy epoch")
    parser.add_argument("--out-checkpoint", required=True)
    parser.add_argument("--out", required=True, help="checkpoint.json: the choice and its reason")
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
