"""The learning-rate schedule: how a config's training section sets it, and the rate of each iteration."""

from types import SimpleNamespace

IMAGES_A_STEP = 16  # of the zoo's learning rates: 8 GPUs x 2 images


def set_schedule(config, training):
    """Set epochs, learning rate, its schedule and warm-up; what is null stays the zoo's. After set_loader.

    config: nested mmdet config, changed in place. training: the section of our config.
    """
    zoo_length = config["runner"].get("max_epochs") or config["runner"]["max_iters"]
    config["runner"] = dict(type="EpochBasedRunner", max_epochs=training["epochs"])
    rate = config["lr_config"]
    if training["lr"] == "linear":
        images = config["data"]["samples_per_gpu"] * (training["accumulate"] or 1)
        config["optimizer"]["lr"] *= images / IMAGES_A_STEP
    elif training["lr"]:
        config["optimizer"]["lr"] = training["lr"]
    if training["schedule"] == "cosine":
        for key in ("step", "gamma"):
            rate.pop(key, None)
        rate.update(policy="CosineAnnealing", min_lr_ratio=0.01, by_epoch=False)
    elif training["schedule"] == "stretched":
        rate.update(step=[round(step * training["epochs"] / zoo_length) for step in rate["step"]], by_epoch=True)
    elif isinstance(training["schedule"], list):
        rate.update(policy="step", step=training["schedule"])
    if training["warmup"]:
        rate.update(warmup_iters=training["warmup"])


def iterations_an_epoch(groups, batch):
    """Iterations of an epoch; groups: number of images of each aspect (mmdet fills up each group's last batch)."""
    return sum(-(-images // batch) for images in groups)


def learning_rates(config, an_epoch):
    """The rate of every iteration of a training with a step schedule, from mmcv's own hook.

    config: resolved nested dict. an_epoch: iterations of an epoch. Returns a list of floats.
    """
    from mmcv.runner.hooks.lr_updater import StepLrUpdaterHook

    hook = StepLrUpdaterHook(**{key: value for key, value in config["lr_config"].items() if key != "policy"})
    group = {"lr": config["optimizer"]["lr"]}
    runner = SimpleNamespace(optimizer=SimpleNamespace(param_groups=[group]), epoch=0, iter=0)
    hook.before_run(runner)
    rates = []
    for runner.epoch in range(config["runner"]["max_epochs"]):
        hook.before_train_epoch(runner)
        for runner.iter in range(len(rates), len(rates) + an_epoch):
            hook.before_train_iter(runner)
            rates.append(group["lr"])
    return rates
