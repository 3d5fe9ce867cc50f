"""Train one cell with mmdet: seeded, resumable, stopped cleanly by SIGTERM, SIGINT or SIGUSR1.

Works in WORK/<hash>/, the hash being that of the resolved config, the annotations, the images and the weights: the
same hash goes on where it was stopped (also after it was finished, with more epochs), another one starts beside it.
The declared outputs appear by rename when the training is complete.
"""

import argparse
import csv
import hashlib
import io
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

from nuclei.common.stage import InputError, read_json, run_stage, sha256, write_json, write_text
from nuclei.compute.device import claim, claim_gpu, describe, precision, set_up
from nuclei.compute.stop import Stopped, StopRequest
from nuclei.models.checkpoints import LAST, epoch_of, newest_state
from nuclei.models.datasets import training_set


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


def data_sha256(config):
    """SHA-256 over the annotations of the training and validation sets and over the images they name."""
    digest, images = hashlib.sha256(), set()
    for dataset in (training_set(config), config["data"]["val"]):
        digest.update(sha256(dataset["ann_file"]).encode())
        for image in read_json(dataset["ann_file"], "COCO annotations")["images"]:
            images.add(os.path.join(dataset["img_prefix"], image["file_name"]))
    missing = [
        f"{path}: not found, wanted an image; make the data again"
        for path in sorted(images)
        if not Path(path).is_file()
    ]
    if missing:
        raise InputError(*missing)
    for path in sorted(images):
        digest.update(sha256(path).encode())
    return digest.hexdigest()


def binding(config, data, weights):
    """Hash that a work folder is bound to. More epochs of the same schedule continue the same training."""
    bound = config._cfg_dict.to_dict()
    if bound["lr_config"]["policy"] in ("step", "fixed"):
        bound["runner"].pop("max_epochs")
    bound["load_from"] = weights
    bound.pop("evaluation", None)  # when to validate does not change the weights
    text = repr(sorted(bound.items()))
    return hashlib.sha256(f"{text}\n{data}".encode()).hexdigest()


def code_version():
    """Commit of the project, `-dirty` with uncommitted changes; `unknown` outside git."""
    here = Path(__file__).parent
    done = subprocess.run(
        ["git", "-C", here, "describe", "--always", "--dirty", "--abbrev=12"], capture_output=True, text=True
    )
    return done.stdout.strip() or "unknown"


def now():
    """Wall clock as an ISO 8601 string in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def publish(work, rows, args):
    """Put the finished training's outputs in place: kept weights as hard links, tables and log as copies."""
    out = Path(args.out_checkpoints)
    beside = out.with_name(f".{out.name}.new")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    for path in work.glob("epoch_*.pth"):
        try:
            os.link(path, beside / path.name)
        except OSError:  # another file system
            shutil.copy2(path, beside / path.name)
    kept = {epoch_of(path) for path in beside.iterdir()}
    shutil.rmtree(out, ignore_errors=True)
    beside.rename(out)
    table = io.StringIO()
    writer = csv.DictWriter(table, [*rows[0], "kept"], delimiter="\t", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({**row, "kept": int(row["epoch"] in kept)})
    write_text(args.out_epochs, table.getvalue())
    write_text(args.out_log, (work / "log.jsonl").read_text())


def published(work, epochs, args):
    """Whether another process put this training's outputs in place, for which this one waited; see lock()."""
    outputs = [Path(path) for path in (args.out_checkpoints, args.out_epochs, args.out_log, args.out_provenance)]
    if not all(path.exists() for path in outputs):
        return False
    record = read_json(args.out_provenance)
    return (record.get("work"), record.get("epochs")) == (work.name, epochs)


def lock(folder, label, between):
    """Hold the work folder for this process, freed on any exit; wait while another training holds it.

    One that outlives a killed Snakemake finishes its work so, and this one finds it done. between(): called while
    waiting; may raise to stop.
    """

    def busy():
        return f"another training ({(folder / 'lock').read_text() or 'unknown'}) works in {folder}: waits for it"

    _, handle = claim(["lock"], folder, label, between, busy=busy)
    handle.truncate(0)
    handle.write(f"process {os.getpid()} on {platform.node()}")
    handle.flush()
    return handle


def train(config, work, device, args):
    """Train to the last epoch, from last.pth if there is one. Returns the state saved with the last epoch."""
    import torch
    from mmdet.apis import set_random_seed, train_detector
    from mmdet.datasets import build_dataset

    from nuclei.compute.acceleration import use_bf16, use_channels_last
    from nuclei.compute.compat import patch_epoch_sleep, patch_streams, quiet_amp
    from nuclei.models.pretrained import load_published
    from nuclei.prediction.single_look import build_model
    from nuclei.training.hooks import memory_errors

    keep = {"best": args.keep_best, "metrics": args.keep_metrics, "every": args.keep_every}
    state = newest_state(work, args.label)
    if state:
        done, wanted = state["epoch"], config.runner.max_epochs
        if done >= wanted:
            print(f"{args.label}: all {wanted} epochs are trained already in {work}", file=sys.stderr)
            return state["nuclei"]
        config.resume_from = str(work / LAST)
        print(f"{args.label}: resumes after epoch {done} of {wanted} from {work / LAST}", file=sys.stderr)
    device, _gpu = claim_gpu(device, args.label, StopRequest.check)  # held as long as it is referenced
    config.device = device.type
    config.gpu_ids = [device.index or 0]
    config.work_dir = str(work)
    config.log_level = "WARNING"
    config.checkpoint_config, config.log_config = None, None
    every, workers = config.evaluation.interval, config.data.workers_per_gpu
    config.custom_hooks = [
        *config.get("custom_hooks", []),
        dict(type="EpochSeed", seed=config.seed, priority="VERY_HIGH"),
        dict(type="Narrate", log=str(work / "log.jsonl"), label=args.label),
        dict(
            type="EpochEnd",
            work=str(work),
            validation=config.data.val.to_dict(),
            keep=keep,
            label=args.label,
            every=every,
            workers=workers,
            version=code_version(),
            priority="LOW",
        ),
    ]
    set_random_seed(config.seed)
    dataset = build_dataset(config.data.train)
    model = build_model(config)
    model.CLASSES = dataset.CLASSES
    if config.load_from and not config.resume_from:
        load_published(model, config, config.load_from, args.label)
    config.load_from = None
    if device.type == "cpu":
        use_channels_last(model)
    if precision(config) == "bf16":
        use_bf16(model)
    patch_streams()
    quiet_amp()
    if not workers:
        patch_epoch_sleep()
    with memory_errors(args.label):
        train_detector(model, dataset, config, validate=False, meta={})
    return torch.load(work / LAST, map_location="cpu", weights_only=True)["meta"]["nuclei"]


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
    data = data_sha256(config)
    bound = binding(config, data, weights)
    work = Path(args.work) / bound[:16]
    work.mkdir(parents=True, exist_ok=True)
    started = now()
    try:
        StopRequest.check()
        held = lock(work, args.label, StopRequest.check)
        state = train(config, work, device, args)
    except Stopped as stop:
        print(f"{args.label}: {stop}; run again to go on from the last finished epoch", file=sys.stderr)
        sys.exit(128 + stop.number)
    if published(work, config.runner.max_epochs, args):
        return
    publish(work, state["rows"], args)
    modules = {"torch": torch, "mmcv-full": mmcv, "mmdet": mmdet, "numpy": numpy, "opencv": cv2}
    write_json(
        args.out_provenance,
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
