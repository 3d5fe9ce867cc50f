"""Titles of settings and scores, as tables and figures show them."""

from nuclei.scoring.names import NAMES

SETTINGS = {
    1: "trained on the training images, checkpoint chosen on the validation images",
    2: "trained and checkpoint chosen on all training images",
}


TITLES = {
    "ap": "AP 0.50:0.95",
    "ap50": "AP50",
    "ap75": "AP75",
}


def column(name):
    """Title of a score's column.

    >>> column("ap75_1000")
    'AP75 @1000'
    """
    kind, cap = name.split("_")
    return f"{TITLES[kind]} @{cap}"


def long_title(name):
    """Title of a score in a figure or in a column that stands alone.

    >>> long_title("ap_100")
    'AP 0.50:0.95, 100 detections an image'
    """
    kind, cap = name.split("_")
    return f"{TITLES[kind]}, {cap} detections an image"


def score_of(title):
    """(key of scores.json, whether its deviation over the seeds) of a table's column; None for other columns.

    >>> score_of("AP75 @1000 sd"), score_of("mAP"), score_of("epoch")
    (('ap75_1000', True), ('map_report', False), None)
    """
    plain = title.removesuffix(" sd")
    keys = {"mAP": "map_report", **{column(name): name for name in NAMES}}
    return (keys[plain], plain != title) if plain in keys else None
