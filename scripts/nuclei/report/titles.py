"""Titles of settings and scores, as tables and figures show them."""

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
