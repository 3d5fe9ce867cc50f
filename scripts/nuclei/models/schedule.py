"""The learning-rate schedule: how a config's training section sets it, and the rate of each iteration."""

from types import SimpleNamespace

from nuclei.models.config_tree import training_set


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


IMAGES_A_STEP = 16  # of the zoo's learning rates: 8 GPUs x 2 images


def set_schedule(config, training):
    """Epochs, batch, learning rate, schedule, warm-up, clipping, repeats; what is null stays the zoo's."""
    zoo_length = config["runner"].get("max_epochs") or config["runner"]["max_iters"]
    config["runner"] = dict(type="EpochBasedRunner", max_epochs=training["epochs"])
    data, rate = config["data"], config["lr_config"]
    if training["batch"]:
        data["samples_per_gpu"] = training["batch"]
    if training["workers"] is not None:
        data["workers_per_gpu"] = training["workers"]
    if training["lr"] == "linear":
        config["optimizer"]["lr"] *= data["samples_per_gpu"] * (training["accumulate"] or 1) / IMAGES_A_STEP
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
    step = config["optimizer_config"]
    if training["clip"]:
        step["grad_clip"] = dict(max_norm=training["clip"], norm_type=2)
    hook = "OptimizerHook"
    if training["precision"] == "fp16":
        hook = "Fp16OptimizerHook"
        step["loss_scale"] = "dynamic"
    elif training["precision"] == "bf16":
        config["precision"] = "bf16"  # mmdet's own tools do not know it, and train in fp32
    if training["accumulate"]:
        hook = f"GradientCumulative{hook}"
        step["cumulative_iters"] = training["accumulate"]
    if hook != "OptimizerHook":
        step["type"] = hook
    if training["repeat"]:
        data["train"] = dict(type="RepeatDataset", times=training["repeat"], dataset=training_set(config))
    config["evaluation"] = dict(interval=training["validate_every"], metric=["segm"])
