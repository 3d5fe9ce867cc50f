"""Find the nuclei in the test images with a cell's chosen checkpoint: COCO results with RLE masks."""

import argparse
import os
import signal
import sys

from nuclei.stage import InputError, run_stage, write_json


def load_weights(model, path):
    """Load a checkpoint of this project into a model; every layer must fit."""
    import torch

    state = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    try:
        model.load_state_dict(state, strict=True)
    except RuntimeError as error:
        first = str(error).split("\n")[1].strip() if "\n" in str(error) else str(error)
        raise InputError(f"{path}: does not fit the cell's config.py ({first[:160]}); train the cell again") from None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="resolved config.py of the cell")
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--label", default="predict", help="name of the cell in progress lines")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", required=True, help="predictions.json")
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(args.threads)
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    import cv2
    import mmcv
    import torch
    from mmcv import Config
    from mmdet.apis import set_random_seed
    from mmdet.datasets import build_dataset
    from mmdet.utils import build_dp

    from nuclei.compat import patch_streams
    from nuclei.device import find_device
    from nuclei.inference import build_model, predict

    torch.set_num_threads(args.threads)
    cv2.setNumThreads(0)
    device, _held = find_device(args.device, args.label)
    mmcv.utils.get_logger("mmcv", log_level="WARNING")
    config = Config.fromfile(args.config)
    set_random_seed(config.seed)
    model = build_model(config)
    load_weights(model, args.checkpoint)
    patch_streams()
    dataset = build_dataset(config.data.test, dict(test_mode=True))
    model = build_dp(model, device.type, device_ids=[device.index or 0])
    write_json(args.out, predict(model, dataset, label=args.label), indent=None)


if __name__ == "__main__":
    run_stage(main)
