"""What figures share: colours and line styles that people tell apart without seeing all colours, and their files."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from nuclei.common.files import whole_file

# Okabe and Ito, "Color Universal Design", 2008, without yellow, which is too light for a line
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
LINES = ("-", "--", "-.", ":")
FORMS = ("png", "svg")


def style(number: int) -> tuple[str, str]:
    """(colour, line style) of the curve with this number; no two of the first 28 are the same."""
    return COLOURS[number % len(COLOURS)], LINES[(number + number // len(COLOURS)) % len(LINES)]


def save(figure: Figure, stem: Path | str) -> None:
    """Write a figure as <stem>.png and <stem>.svg, each complete or not at all, with equal bytes for equal figures."""
    stated = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}
    with matplotlib.rc_context({"svg.hashsalt": Path(stem).name}):
        for form in FORMS:
            with whole_file(f"{stem}.{form}") as temporary:
                figure.savefig(temporary, dpi=110, format=form, metadata=stated[form])
    plt.close(figure)
