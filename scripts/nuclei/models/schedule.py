"""The learning rate that a resolved config really gives, iteration by iteration."""

from types import SimpleNamespace


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
