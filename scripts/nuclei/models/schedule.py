"""Where is the learning-rate schedule? In three keys of a cell's config.py, which this module sets.

    optimizer.lr       the highest learning rate
    lr_config          how the rate rises in the warm-up and falls later
    runner.max_epochs  how long the training is

They come from the zoo config. Five keys of `training` in the config change them (null: as in the zoo config):

    training.lr        a number; or linear: the zoo's rate times images per step / 16, those of all GPUs
    training.schedule  a list of epochs, where the rate falls to a tenth; or stretched: the epochs of the zoo config, in
                       proportion to the length of our training; or cosine
    training.warmup    iterations of the warm-up
    training.epochs    epochs of the training; or, in its place,
    training.minutes   time of the training, in which nuclei.models.time_budget sets the number of epochs and the rate

The protocol may fill the null keys (config/protocols.yaml). docs/differences.md, part 2, shows the schedule of each
model, and docs/protocols.md says why the protocols have different ones.

During training, mmcv's hook for lr_config sets the rate of each iteration; no code of this project does. At iteration
i, counted from 0 over the whole training, the rate is

    rate(i) = optimizer.lr * warmup(i) * decay(i)

    warmup(i)  r + (1 - r) * i / w while i < w, then 1; w is lr_config.warmup_iters, r is lr_config.warmup_ratio
    decay(i)   steps: 0.1^k, where k of the listed epochs are over at iteration i
               cosine: 0.01 + 0.99 * (1 + cos(pi * i / n)) / 2, where n is the number of all iterations

While both are active, the hook multiplies them. So where the first listed epoch ends within the warm-up, the rate falls
to a tenth there, rises on to a tenth of optimizer.lr, and never reaches optimizer.lr. The key lr of a row in log.jsonl
is the rate that an iteration really got.
"""

from collections.abc import Iterable
from types import SimpleNamespace

from nuclei.models.config_tree import Tree
from nuclei.workflow.training_section import Training

IMAGES_A_STEP = 16  # for which the zoo's learning rates are meant: 8 GPUs with 2 images each


def set_schedule(config: Tree, training: Training) -> None:
    """Set the number of epochs, the learning rate, its schedule and its warm-up in a config, in place.

    Call it after resolve.set_loader, because the linear rule needs the number of images per iteration. Sources: the
    linear rule is that of Goyal et al., "Accurate, Large Minibatch SGD", 2017, section 2.1; cosine is the decay of
    Loshchilov and Hutter, "SGDR", ICLR 2017, equation 5, without restarts and down to a hundredth of the rate.
    """
    zoo_length = config["runner"].get("max_epochs") or config["runner"]["max_iters"]
    epochs = training["epochs"]
    config["runner"] = dict(type="EpochBasedRunner", max_epochs=epochs)
    if training["minutes"]:
        config["runner"] = dict(type="TimedRunner", minutes=training["minutes"])
    rate = config["lr_config"]
    if training["lr"] == "linear":
        images = config["data"]["samples_per_gpu"] * (training["accumulate"] or 1) * config.get("gpus", 1)
        config["optimizer"]["lr"] *= images / IMAGES_A_STEP
    elif training["lr"]:
        config["optimizer"]["lr"] = training["lr"]
    if training["schedule"] == "cosine":
        for key in ("step", "gamma"):
            rate.pop(key, None)
        policy = "TimedCosine" if training["minutes"] else "CosineAnnealing"
        rate.update(policy=policy, min_lr_ratio=0.01, by_epoch=False)
    elif training["schedule"] == "stretched":
        rate.update(step=[round(step * epochs / zoo_length) for step in rate["step"]], by_epoch=True)
    elif isinstance(training["schedule"], list):
        for key in [key for key in rate if not key.startswith("warmup")]:  # of another policy, or of another unit
            rate.pop(key)
        rate.update(policy="step", step=training["schedule"], by_epoch=True)
    if training["warmup"]:
        rate.update(warmup_iters=training["warmup"])
        rate.pop("warmup_by_epoch", None)  # else they would be epochs


def iterations_an_epoch(groups: Iterable[int], batch: int, gpus: int = 1) -> int:
    """The number of iterations in one epoch.

    groups: number of training images that are wider than high, and number of the others. A batch holds images of one
    group only, and mmdet fills up the last batch of each group. batch: images per iteration on each GPU. gpus: how many
    share the batches; the last iteration is filled up, too.
    """
    return -(-sum(-(-images // batch) for images in groups) // gpus)


def learning_rates(config: Tree, an_epoch: int) -> list[float]:
    """The learning rate of each iteration of a training whose rate falls in steps, as mmcv's own hook sets it.

    config: resolved mmdet config. an_epoch: iterations per epoch.
    """
    from mmcv.runner.hooks.lr_updater import StepLrUpdaterHook

    hook = StepLrUpdaterHook(**{key: value for key, value in config["lr_config"].items() if key != "policy"})
    group = {"lr": config["optimizer"]["lr"]}
    runner = SimpleNamespace(optimizer=SimpleNamespace(param_groups=[group]), epoch=0, iter=0)
    hook.before_run(runner)
    rates: list[float] = []
    for runner.epoch in range(config["runner"]["max_epochs"]):
        hook.before_train_epoch(runner)
        for runner.iter in range(len(rates), len(rates) + an_epoch):
            hook.before_train_iter(runner)
            rates.append(group["lr"])
    return rates
