"""Train StarDist (Schmidt et al., MICCAI 2018) from scratch, choose its thresholds, find the nuclei.

Config2D() as it is but for the three colours and the grid of 2 x 2 px, which StarDist's own training notebook sets;
normalization and augmentation are those of this notebook (examples/2D/2_training.ipynb of the package). A callback ends
the training when the time is up; the weights of lowest validation loss count, as always there. optimize_thresholds()
then looks at the validation images. The score is StarDist's probability of an object.
"""

import time
from typing import Any

import numpy as np

import exchange


def augment(image: Any, labels: Any) -> tuple[Any, Any]:
    """The augmentation of StarDist's notebook: quarter turns and mirror images, intensity, noise."""
    if np.random.rand() > 0.5:
        image, labels = image.transpose(1, 0, 2), labels.T
    for axis in (0, 1):
        if np.random.rand() > 0.5:
            image, labels = np.flip(image, axis), np.flip(labels, axis)
    image = image * np.random.uniform(0.6, 2) + np.random.uniform(-0.2, 0.2)
    sigma = 0.02 * np.random.uniform(0, 1)
    return image + sigma * np.random.normal(0, 1, image.shape), labels


def main() -> None:
    args = exchange.arguments(__doc__)
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(args.cores)
    tf.config.threading.set_inter_op_parallelism_threads(args.cores)
    tf.keras.utils.set_random_seed(args.seed)
    from csbdeep.utils import normalize
    from stardist import fill_label_holes
    from stardist.models import Config2D, StarDist2D

    class Stop(tf.keras.callbacks.Callback):
        """Ends the training when the time is up, and counts its steps."""

        steps = 0

        def on_train_batch_end(self, batch: int, logs: object = None) -> None:
            self.steps += 1
            if clock.left() <= 0:
                self.model.stop_training = True

    def ready(image: Any) -> Any:
        return normalize(image, 1, 99.8, axis=(0, 1))

    (x, y), (x_val, y_val) = (exchange.read(args.data, part) for part in ("train", "validation"))
    x, x_val = [ready(image) for image in x], [ready(image) for image in x_val]
    y, y_val = [fill_label_holes(labels) for labels in y], [fill_label_holes(labels) for labels in y_val]
    config = Config2D(n_channel_in=3, grid=(2, 2), train_tensorboard=False)
    model = StarDist2D(config, name="model", basedir=str(args.out))
    model.prepare_for_training()
    clock, stop = exchange.Clock(args.minutes), Stop()
    model.callbacks.append(stop)
    history = model.train(x, y, validation_data=(x_val, y_val), augmenter=augment)
    record = {**clock.read(), "steps": stop.steps, "epochs": len(history.history["loss"])}
    start = time.monotonic()
    thresholds = model.optimize_thresholds(x_val, y_val)
    record |= {"thresholds": thresholds, "threshold_seconds": round(time.monotonic() - start, 1)}
    start = time.monotonic()
    for path, image in exchange.to_predict(args.data):
        image = ready(image)
        labels, found = model.predict_instances(image, n_tiles=model._guess_n_tiles(image), show_tile_progress=False)
        exchange.write(args.out / path, labels, found["prob"])
    record["predict_seconds"] = round(time.monotonic() - start, 1)
    exchange.finish(args.out, {**record, "validation_loss": [float(v) for v in history.history["val_loss"]]})


if __name__ == "__main__":
    main()
