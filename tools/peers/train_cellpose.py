"""Train Cellpose (Stringer et al., Nature Methods 2021) from scratch, find the nuclei.

Version 3 is the last one whose network is the U-Net `cpnet`, which learns from random weights; version 4 is a
transformer that starts from SAM's weights. train_seg() has its defaults, and three colours. Its learning rate follows
from the number of epochs, so the first epochs of another network, which is thrown away, measure how many fit into the
time, of which they are a part. If the time is up before the last epoch, the training ends there. Cellpose has no score
of an instance: it is the mean over its pixels of the probability of a cell, the sigmoid of the third output.
"""

import logging
import sys
import time
from typing import Any

import numpy as np

import exchange

PROBED = 3  # epochs
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
    clock, device = exchange.Clock(args.minutes), torch.device("cpu")
    y, y_val = (dynamics.labels_to_flows(labels, device=device) for labels in (y, y_val))
    epochs_done = [0.0]

    def fit(epochs: int) -> Any:
        """A model trained for so many epochs, or until the time is up."""
        model = models.CellposeModel(gpu=False, device=device, nchan=3)
        steps = -(-len(x) // 8)  # its batch size

        def watch(module: Any, inputs: Any) -> None:
            if module.training:
                if clock.left() <= 0:
                    raise TimeIsUp
                epochs_done[0] += 1 / steps

        epochs_done[0] = 0
        hook = model.net.register_forward_pre_hook(watch)
        try:
            data = {"train_data": x, "train_labels": y, "test_data": x_val, "test_labels": y_val}
            train.train_seg(model.net, n_epochs=epochs, save_path=args.out, model_name="model", **data)
        except TimeIsUp:
            print("the time is up", flush=True)
        hook.remove()
        model.net.eval()
        model.diam_labels = model.net.diam_labels.item()
        return model

    start = clock.left()
    fit(PROBED)
    each = (start - clock.left()) / PROBED
    planned = max(1, int(clock.left() / each / PROBE_SPARE))
    model = fit(planned)
    record = {**clock.read(), "epochs": round(epochs_done[0], 1), "epochs_planned": planned}
    record |= {"epoch_seconds_measured": round(each, 2), "diameter": round(model.diam_labels, 2)}
    begun = time.monotonic()
    for path, image in exchange.to_predict(args.data):
        labels, flows, _ = model.eval(image, channel_axis=2)
        exchange.write(args.out / path, labels, exchange.mean_inside(1 / (1 + np.exp(-flows[2])), labels))
    exchange.finish(args.out, {**record, "predict_seconds": round(time.monotonic() - begun, 1)})


if __name__ == "__main__":
    main()
