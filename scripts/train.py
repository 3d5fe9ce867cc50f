"""Train one cell with mmdet. It goes on where it was stopped, by a signal, a kill or the end of its time.

It reads the cell's resolved config.py, and the annotations, the images and the weights that the config names. It writes
the kept weights (checkpoints/epoch_N.pth), epochs.tsv (validation scores by epoch), log.jsonl (losses) and
training.json (what was trained, with which data, code and device, and in what time). These appear by rename when the
training is complete.

While it trains, its state lies in WORK/<hash>/. The hash is that of the config, the annotations, the images and the
weights. A training with the same hash goes on from the last finished epoch, also after its end if it is given more
epochs of a step schedule; given fewer, its outputs are cut to them. A training with another hash starts beside it.
Each epoch is saved before it is validated. SIGTERM, SIGINT and SIGUSR1 stop it at the next safe point.

If config.py has `gpus`, so many processes train the cell together, each on a GPU of its own, or all on the CPU;
nuclei/compute/ranks.py and nuclei/training/sharing.py say how.
"""

import argparse
import functools
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from nuclei.common.files import sha256, write_json
from nuclei.common.stage import InputError, run_stage
from nuclei.compute.device import describe, hide_gpus, set_up
from nuclei.compute.operators import try_operators
from nuclei.compute.ranks import Ranks, check_stop, first, leave, run, say
from nuclei.compute.stop import Stopped, StopRequest
from nuclei.models.plain_config import read_value
from nuclei.training.kept_epochs import add_options, keep_of
from nuclei.training.loop import train
from nuclei.training.negatives import train_on_negatives
from nuclei.training.outputs import Outputs, are_in_place, put_in_place
from nuclei.training.resume import minutes_used
from nuclei.training.types import Provenance
from nuclei.training.work_folder import binding, hold_work_folder, training_data_sha256

if TYPE_CHECKING:
    from mmcv import Config


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", required=True, help="resolved config.py of the cell")
    parser.add_argument(
        "--work", required=True, help="folder that keeps the state of unfinished and finished trainings of the cell"
    )
    parser.add_argument("--label", default="train", help="name of the cell in progress lines")
    parser.add_argument("--device", default="auto", help="auto (a GPU where there is one), cpu, cuda or cuda:N")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of each training process")
    add_options(parser)
    parser.add_argument("--out-checkpoints", required=True, help="folder to write the kept weights to")
    parser.add_argument("--out-epochs", required=True, help="where to write epochs.tsv")
    parser.add_argument("--out-log", required=True, help="where to write log.jsonl")
    parser.add_argument("--out-provenance", required=True, help="where to write training.json")
    return parser.parse_args()


def now() -> str:
    """The time now as an ISO 8601 string in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def check_unchanged(args: argparse.Namespace, config: "Config", config_sha256: str, data_sha256: str) -> None:
    """InputError where the config or the data are others than when the training began.

    A training can outlive the Snakemake that started it. Meanwhile its cell may have got the results of another config
    or other data, which it must not replace.
    """
    if (sha256(args.config), training_data_sha256(config)) != (config_sha256, data_sha256):
        raise InputError(
            f"{args.config}: another config or other data found than when the training began, wanted the same; nothing "
            f"is written but the state in {args.work}, run again"
        )


def train_cell(args: argparse.Namespace, identity: str) -> None:
    """Train the cell as one of its processes. identity: SHA-256 of config.py when the training began."""
    config, device = set_up(args)
    if Ranks.rank == 0:  # on a GPU it takes memory
        try_operators(device)
    import cv2
    import mmcv
    import mmdet
    import numpy
    import torch

    modules = {"torch": torch, "mmcv-full": mmcv, "mmdet": mmdet, "numpy": numpy, "opencv": cv2}

    def computed() -> dict[str, Any]:
        return {
            "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
            **describe(device, config),
            **({"gpus": config.gpus} if "gpus" in config else {}),
            "threads": args.threads,
            "versions": {"python": sys.version.split()[0], **{k: str(v.__version__) for k, v in modules.items()}},
        }

    train_on_negatives(config)
    weights = first(lambda: sha256(config.load_from) if config.load_from else None)
    data = first(training_data_sha256, config)
    bound = binding(config, data, weights)
    work = Path(args.work) / bound[:16]
    work.mkdir(parents=True, exist_ok=True)
    started = now()
    try:
        check_stop()
        held = hold_work_folder(work, args.label, StopRequest.check) if Ranks.rank == 0 else None
        trained = train(config, work, device, args.label, keep_of(args), computed)
    except Stopped as stop:
        say(f"{args.label}: {stop}; run again to go on from the last finished epoch")
        leave()
        sys.exit(128 + stop.number)
    if trained is None:  # the first of the cell's processes puts the outputs in place
        return
    outputs = Outputs(*map(Path, (args.out_checkpoints, args.out_epochs, args.out_log, args.out_provenance)))
    check_unchanged(args, config, identity, data)
    if are_in_place(trained, work.name, identity, outputs):
        return
    put_in_place(trained, outputs)
    last = trained.records[-1]  # this process may have found all epochs trained, by other code or another device
    by_time: dict[str, Any] = {}
    if minutes := config.runner.get("minutes"):
        used = round(minutes_used(trained.records), 3)
        by_time = {"minutes": minutes, "minutes_used": used, "iterations": last["iterations"]}
    found = {
        "cell": args.label,
        "work": work.name,
        "seed": config.seed,
        **(last.get("computed") or computed()),
        "epochs": len(trained.records),
        **by_time,
        "wall_seconds": round(trained.seconds, 1),
        "config_sha256": identity,
        "data_sha256": data,
        "weights_sha256": weights,
        "started": started,
        "finished": now(),
        "code_version": last["code_version"],
    }
    write_json(outputs.provenance, cast(Provenance, found))
    if held:
        held.close()


def main() -> None:
    args = arguments()
    StopRequest.install()  # ahead of torch, whose import takes seconds
    for library in ("OMP", "OPENBLAS", "MKL"):  # Snakemake sets them to the threads of all processes together
        os.environ[f"{library}_NUM_THREADS"] = str(args.threads)
    hide_gpus(args.device)
    gpus = read_value(args.config, "gpus", 1)
    run(functools.partial(train_cell, args, sha256(args.config)), gpus, args.label)


if __name__ == "__main__":
    run_stage(main)
