"""Titles of settings and scores, as tables and figures show them."""

from nuclei.scoring.names import NAMES, ScoreName

# by the policy that chose the checkpoints, then by the setting
SETTINGS = {
    "best": {
        1: "trained on the training images, checkpoint chosen on the validation images",
        2: "trained and checkpoint chosen on all training images",
    },
    "last": {
        1: "trained on the training images, checkpoint of the last epoch",
        2: "trained on all training images, checkpoint of the last epoch",
    },
    "epoch": {
        1: "trained on the training images, checkpoint of an epoch given in the config",
        2: "trained on all training images, checkpoint of an epoch given in the config",
    },
}


TITLES = {
    "ap": "AP 0.50:0.95",
    "ap50": "AP50",
    "ap75": "AP75",
}


def column(name: ScoreName) -> str:
    """Title of a score's column. The number after @ is the cap: how many detections per image count at most.

    >>> column("ap75_1000")
    'AP75 @1000'
    """
    kind, cap = name.split("_")
    return f"{TITLES[kind]} @{cap}"


def long_title(name: ScoreName) -> str:
    """Title of a score in a figure, or of a column whose table does not explain the @.

    >>> long_title("ap_100")
    'AP 0.50:0.95, 100 detections an image'
    """
    kind, cap = name.split("_")
    return f"{TITLES[kind]}, {cap} detections an image"


def score_of(title: str) -> tuple[str, bool] | None:
    """Which score a table's column shows; None for a column that shows no score.

    Returns (key of scores.json, whether the column shows its standard deviation over the seeds).

    >>> score_of("AP75 @1000 sd"), score_of("mAP"), score_of("epoch")
    (('ap75_1000', True), ('map_report', False), None)
    """
    plain = title.removesuffix(" sd")
    keys = {"mAP": "map_report", **{column(name): name for name in NAMES}}
    return (keys[plain], plain != title) if plain in keys else None
