"""Find the nuclei in the test images with several kept checkpoints of one cell, spread over its epochs.

It reads the cell's config.py, which names the images, epochs.tsv and the folder of the kept weights. It writes
epoch_predictions.json: COCO results of each of these epochs. Every image gets one look, as in the validation after an
epoch. Nothing is chosen by them: they answer whether a higher validation score goes with a higher test score.
"""

import argparse
import signal
import sys
from pathlib import Path

from nuclei.common.files import write_json
from nuclei.common.stage import InputError, run_stage
from nuclei.compute.device import set_up
from nuclei.prediction.ready_model import ready_model
from nuclei.training.selection import read_epochs
from nuclei.training.spread_epochs import spread_epochs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", required=True, help="resolved config.py of the cell")
    parser.add_argument("--epochs", required=True, help="epochs.tsv, which says which weights were kept")
    parser.add_argument("--checkpoints", required=True, help="folder of the kept weights, epoch_N.pth")
    parser.add_argument("--count", type=int, required=True, help="how many epochs; fewer where fewer were kept")
    parser.add_argument("--label", default="epochs", help="name of the cell in progress lines")
    parser.add_argument("--device", default="auto", help="auto (a GPU where there is one), cpu, cuda or cuda:N")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of the process")
    parser.add_argument("--out", required=True, help="where to write epoch_predictions.json")
    args = parser.parse_args()
    if args.count < 1:
        raise InputError(f"--count {args.count}: wanted 1 or more; correct it")
    kept = [row["epoch"] for row in read_epochs(args.epochs) if row["kept"]]
    files = {epoch: Path(args.checkpoints, f"epoch_{epoch}.pth") for epoch in spread_epochs(kept, args.count)}
    if missing := [path for path in files.values() if not path.is_file()]:
        raise InputError(*(f"{path}: not found, wanted the weights of a kept epoch; train again" for path in missing))
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    config, device = set_up(args, trains=False)
    from mmdet.datasets import build_dataset

    from nuclei.prediction.single_look import predict

    dataset = build_dataset(config.data.test, dict(test_mode=True))
    found = []
    for epoch, path in files.items():
        label = f"{args.label} epoch {epoch}"
        model, _gpu = ready_model(config, str(path), device, label)  # held as long as it is referenced
        found.append({"epoch": epoch, "results": predict(model, dataset, label=label)})
        del model, _gpu
    write_json(args.out, found, indent=None)


if __name__ == "__main__":
    run_stage(main)
