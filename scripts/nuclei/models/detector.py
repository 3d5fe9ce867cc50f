"""The detector of a resolved config."""


def build_model(config):
    """Build the detector of a resolved mmdet Config, initialised, on the CPU."""
    from mmdet.models import build_detector

    model = build_detector(config.model, train_cfg=config.get("train_cfg"), test_cfg=config.get("test_cfg"))
    model.init_weights()
    model.CLASSES = tuple(config.data.test.classes)
    return model
