"""Train Cellpose (Stringer et al., Nature Methods 2021) from scratch, find the nuclei.

Version 3 is the last one whose network is the U-Net `cpnet`, which learns from random weights; version 4 is a
transformer that starts from SAM's weights. train_seg() has its defaults, and three colours. Its learning rate follows
from the number of epochs, so the first epochs of another network, which is thrown away, measure how many fit into the
time, of which they are a part; the flow fields of the labels are made before. If the time is up before the last epoch,
the training ends there. Cellpose has no score of an instance: it is the mean over its pixels of the probability of a
cell, the sigmoid of the third output.
"""

import logging
import sys
import time
from typing import Any

import numpy as np

import exchange

PROBED = 3  # epochs
BATCH = 8  # the default of train_seg()
PROBE_SPARE = 1.05  # the validation every ten epochs, the saving of the weights


class TimeIsUp(Exception):
    """Ends a training from within."""


def main() -> None:
    args = exchange.arguments(__doc__)
    import torch

    torch.set_num_threads(args.cores)
    torch.manual_seed(args.seed)
    from cellpose import dynamics, models, train

    logging.basicConfig(level=logging.INFO, stream=sys.stdout)
    (x, y), (x_val, y_val) = (exchange.read(args.data, part) for part in ("train", "validation"))
    x, x_val = ([np.moveaxis(image, 2, 0) for image in images] for images in (x, x_val))
    device, begun = torch.device("cpu"), time.monotonic()
    y, y_val = (dynamics.labels_to_flows(labels, device=device) for labels in (y, y_val))
    flow_seconds = time.monotonic() - begun
    clock, steps = exchange.Clock(args.minutes), -(-len(x) // BATCH)
    began: list[float] = []  # when each step of the last training began

    def fit(epochs: int) -> Any:
        """A model trained for so many epochs, or until the time is up."""
        model = models.CellposeModel(gpu=False, device=device, nchan=3)

        def watch(module: Any, inputs: Any) -> None:
            if module.training:
                if clock.left() <= 0:
                    raise TimeIsUp
                began.append(time.monotonic())

        began.clear()
        hook = model.net.register_forward_pre_hook(watch)
        try:
            data = {"train_data": x, "train_labels": y, "test_data": x_val, "test_labels": y_val, "batch_size": BATCH}
            train.train_seg(model.net, n_epochs=epochs, save_path=args.out, model_name="model", **data)
        except TimeIsUp:
            print("the time is up", flush=True)
        hook.remove()
        model.net.eval()
        model.diam_labels = model.net.diam_labels.item()
        return model

    start = time.monotonic()
    fit(PROBED)
    if not began:
        sys.exit("the time was up before the first step; give it more minutes")
    each = (time.monotonic() - began[0]) / PROBED
    planned = max(1, int((clock.left() - (began[0] - start)) / each / PROBE_SPARE))
    model = fit(planned)
    done = {"epochs": round(len(began) / steps, 1), "epochs_planned": planned, "epoch_seconds_measured": round(each, 2)}
    record = {**clock.read(), **done, "flow_seconds": round(flow_seconds, 1), "diameter": round(model.diam_labels, 2)}
    begun = time.monotonic()
    for path, image in exchange.to_predict(args.data):
        labels, flows, _ = model.eval(image, channel_axis=2)
        exchange.write(args.out / path, labels, exchange.mean_inside(1 / (1 + np.exp(-flows[2])), labels))
    exchange.finish(args.out, {**record, "predict_seconds": round(time.monotonic() - begun, 1)})


if __name__ == "__main__":
    main()
