"""Train InstanSeg (Goldsborough et al., 2024) from scratch, find the nuclei.

Network, loss, optimizer and augmentation are the defaults of instanseg/scripts/train.py, whose parts this calls; the
images keep their size. Its epochs of 1,000 samples, 10 of them with other losses as a hot start, are made for hundreds
of epochs on a GPU. Here an epoch has 100 samples, and the hot start has as many epochs, but no new one begins after a
tenth of the time. The weights of highest F1 on crops of the validation images count, as there. InstanSeg has no score
of an instance: it is the mean over its pixels of the seed map, which is 1 in the middle of a nucleus and 0 outside.
"""

import ast
import copy
import time
from typing import Any

import numpy as np

import exchange

SAMPLES = 100  # of an epoch
HOT_SHARE = 0.1  # of the time
MAX_SEEDS = 4000  # per image; with its 2,000 an image of more would have no nucleus at all


class TimeIsUp(Exception):
    """Ends a training from within."""


def options(seed: int) -> Any:
    """The options of instanseg/scripts/train.py, nearly all as they are by default."""
    from instanseg.scripts import train as stock

    found = stock.parser.parse_args([])
    found.layers = ast.literal_eval(found.layers)
    found.rng_seed, found.length_of_epoch, found.on_cluster, found.cells_and_nuclei = seed, SAMPLES, True, False
    found.num_workers = 1
    return found


def loaders(args: Any, chosen: Any) -> tuple[Any, Any]:
    """Loaders of crops of the training and of the validation images, in this process."""
    from instanseg.utils.data_loader import get_loaders
    from torch.utils.data import DataLoader

    about = {"image_modality": "Brightfield", "pixel_size": 0.25}  # the size is not used without one to scale to
    (x, y), (x_val, y_val) = (exchange.read(args.data, part) for part in ("train", "validation"))
    made = get_loaders(x, y, x_val, y_val, [about] * len(x), [about] * len(x_val), chosen)
    # its own loaders must have processes of their own, which the number of cores would not count
    return tuple(
        DataLoader(one.dataset, chosen.batch_size, sampler=one.sampler, collate_fn=one.collate_fn) for one in made
    )


def fit(args: Any, chosen: Any, model: Any, method: Any, clock: exchange.Clock) -> dict[str, Any]:
    """Train until the time is up; the model gets the weights of highest F1, if an epoch ended. What was done."""
    import torch
    from instanseg.utils.AI_utils import test_epoch, train_epoch

    optimizer = torch.optim.Adam(model.parameters(), lr=chosen.lr, weight_decay=chosen.weight_decay)
    train, validation = loaders(args, chosen)
    method.update_seed_loss("binary_xloss")
    method.update_binary_loss("dice_loss")
    done: dict[str, Any] = {"steps": 0, "epochs": 0, "hot_epochs": None, "f1": []}
    best, weights = -1.0, None

    def loss(*given: Any, **named: Any) -> Any:
        if model.training:
            if clock.left() <= 0:
                raise TimeIsUp
            done["steps"] += 1
        return method.forward(*given, **named)

    try:
        while True:
            late = clock.left() < clock.limit * (1 - HOT_SHARE)
            if done["hot_epochs"] is None and (late or done["epochs"] >= chosen.hotstart_training):
                done["hot_epochs"] = done["epochs"]
                method.update_seed_loss(chosen.seed_loss_fn)
                method.update_binary_loss(chosen.binary_loss_fn)
            train_epoch(model, "cpu", train, loss, optimizer, args=chosen)
            shown = {"best_f1": np.inf, "save_bool": False, "iou_threshold": np.linspace(0.5, 1.0, 10)}
            asked = {"args": chosen, "postprocessing_fn": method.postprocessing, "method": method, **shown}
            lost, f1, _ = test_epoch(model, "cpu", validation, loss, **asked)
            done["epochs"] += 1
            done["f1"].append(round(float(f1[0]), 4))
            print(f"epoch {done['epochs']}: validation loss {lost:.4f}, F1 {f1[0]:.4f}", flush=True)
            if f1[0] > best:
                best, weights = float(f1[0]), copy.deepcopy(model.state_dict())
    except TimeIsUp:
        print("the time is up", flush=True)
    if weights:
        model.load_state_dict(weights)
    return done


def main() -> None:
    args = exchange.arguments(__doc__)
    import torch

    torch.set_num_threads(args.cores)
    torch.manual_seed(args.seed)
    np.random.seed(args.seed)
    from instanseg.utils.loss.instanseg_loss import InstanSeg
    from instanseg.utils.model_loader import build_model_from_dict
    from instanseg.utils.tiling import _instanseg_padding, _recover_padding
    from instanseg.utils.utils import percentile_normalize

    chosen = options(args.seed)
    method = InstanSeg(
        binary_loss_fn_str=chosen.binary_loss_fn,
        seed_loss_fn=chosen.seed_loss_fn,
        device="cpu",
        n_sigma=chosen.n_sigma,
        window_size=chosen.window_size,
        dim_coords=chosen.dim_coords,
        dim_seeds=chosen.dim_seeds,
        feature_engineering_function=chosen.feature_engineering,
        bg_weight=chosen.bg_weight,
    )
    chosen.dim_out = method.dim_out
    model = method.initialize_pixel_classifier(
        build_model_from_dict(vars(chosen), random_seed=args.seed), MLP_width=chosen.mlp_width
    )
    clock = exchange.Clock(args.minutes)
    done = fit(args, chosen, model, method, clock)
    record = {**done, **clock.read()}
    model.eval()
    start = time.monotonic()
    for path, image in exchange.to_predict(args.data):
        pixels = percentile_normalize(torch.tensor(image, dtype=torch.float32).permute(2, 0, 1).contiguous())
        padded, pad = _instanseg_padding(pixels, min_dim=32)
        with torch.no_grad():
            output = _recover_padding(model(padded[None]), pad)[0]
            found = method.postprocessing(output, max_seeds=MAX_SEEDS).numpy().reshape(image.shape[:2])
        labels = np.unique(found, return_inverse=True)[1].reshape(found.shape) if (found == 0).any() else found
        seeds = (output[-1].numpy() / 15 + 0.5).clip(0, 1)
        exchange.write(args.out / path, labels, exchange.mean_inside(seeds, labels))
    exchange.finish(args.out, {**record, "predict_seconds": round(time.monotonic() - start, 1)})


if __name__ == "__main__":
    main()
