"""Train one cell with mmdet: seeded, resumable, stopped cleanly by SIGTERM, SIGINT or SIGUSR1.

Works in WORK/<hash>/, the hash being that of the resolved config, the annotations, the images and the weights: the
same hash goes on where it was stopped (also after it was finished, with more epochs), another one starts beside it.
The declared outputs appear by rename when the training is complete.
"""

import argparse
import sys
import time
from pathlib import Path

from nuclei.common.files import sha256, write_json
from nuclei.common.stage import run_stage
from nuclei.compute.device import describe, set_up
from nuclei.compute.stop import Stopped, StopRequest
from nuclei.training.loop import train
from nuclei.training.outputs import Outputs, are_in_place, put_in_place
from nuclei.training.work_folder import binding, hold_work_folder, training_data_sha256


def arguments():
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", required=True, help="resolved config.py of the cell")
    parser.add_argument(
        "--work", required=True, help="folder that keeps the state of unfinished and finished trainings"
    )
    parser.add_argument("--label", default="train", help="name of the cell in progress lines")
    parser.add_argument("--device", default="auto", help="auto (a GPU where there is one), cpu, cuda or cuda:N")
    parser.add_argument("--tf32", action="store_true", help="let a GPU round fp32 products to TF32")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of the training process")
    parser.add_argument("--keep-best", type=int, default=1, help="checkpoints kept: best k by each metric")
    parser.add_argument("--keep-metrics", nargs="*", default=["ap50_100"], help="validation scores that rank them")
    parser.add_argument("--keep-every", type=int, default=0, help="also keep every n-th epoch (0: none)")
    parser.add_argument("--out-checkpoints", required=True)
    parser.add_argument("--out-epochs", required=True, help="epochs.tsv: validation scores by epoch")
    parser.add_argument("--out-log", required=True, help="log.jsonl")
    parser.add_argument("--out-provenance", required=True, help="training.json")
    return parser.parse_args()


def now():
    """Wall clock as an ISO 8601 string in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def main():
    args = arguments()
    StopRequest.install()  # ahead of torch, whose import takes seconds
    config, device = set_up(args)
    import cv2
    import mmcv
    import mmdet
    import numpy
    import torch

    if args.tf32:
        config.tf32 = True  # other weights, so another work folder
    weights = sha256(config.load_from) if config.load_from else None
    data = training_data_sha256(config)
    bound = binding(config, data, weights)
    work = Path(args.work) / bound[:16]
    work.mkdir(parents=True, exist_ok=True)
    started = now()
    try:
        StopRequest.check()
        held = hold_work_folder(work, args.label, StopRequest.check)
        keep = {"best": args.keep_best, "metrics": args.keep_metrics, "every": args.keep_every}
        state = train(config, work, device, args.label, keep)
    except Stopped as stop:
        print(f"{args.label}: {stop}; run again to go on from the last finished epoch", file=sys.stderr)
        sys.exit(128 + stop.number)
    outputs = Outputs(*map(Path, (args.out_checkpoints, args.out_epochs, args.out_log, args.out_provenance)))
    if are_in_place(work, config.runner.max_epochs, outputs):
        return
    put_in_place(work, state["rows"], outputs)
    modules = {"torch": torch, "mmcv-full": mmcv, "mmdet": mmdet, "numpy": numpy, "opencv": cv2}
    write_json(
        outputs.provenance,
        {
            "cell": args.label,
            "work": work.name,
            "seed": config.seed,
            "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
            **describe(device, config),
            "threads": args.threads,
            "epochs": config.runner.max_epochs,
            "wall_seconds": round(state["seconds"], 1),
            "config_sha256": sha256(args.config),
            "data_sha256": data,
            "weights_sha256": weights,
            "started": started,
            "finished": now(),
            "code_version": state.get("code_version", "unknown"),  # of the code that trained the last epoch
            "versions": {"python": sys.version.split()[0], **{k: v.__version__ for k, v in modules.items()}},
        },
    )
    held.close()


if __name__ == "__main__":
    run_stage(main)
