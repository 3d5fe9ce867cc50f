"""Figures of scores: lines as long as the intervals, rows in the order of the tables, no text on the curves."""

import json

import pytest
from support.score_cases import random_case

from nuclei.report import comparison_figures, score_figures
from nuclei.scoring.comparisons import compare
from nuclei.scoring.instance_scores import measure

ROWS = ["setting1/mask_r50", "setting1/cascade_r50", "setting2/mask_r50"]
EVERY = {"value": None, "chosen_on": "nothing", "pq": None}


@pytest.fixture(scope="module")
def cells():
    """{label: statistics}, of predictions of which every second, third and fourth one is left out."""
    content, rows = random_case(5, images=4, most=14)
    return {
        label: measure(content, [row for at, row in enumerate(rows) if at % by], EVERY, {}).statistics
        for by, label in enumerate(ROWS, 2)
    }


@pytest.fixture(scope="module")
def comparisons(cells):
    """As in comparisons.json, whose keys are sorted."""
    return json.loads(json.dumps(compare({label: [cell] for label, cell in cells.items()}), sort_keys=True))


@pytest.fixture
def drawn(monkeypatch):
    """The figures that are drawn, in place of their files."""
    figures = []
    for module in (comparison_figures, score_figures):
        monkeypatch.setattr(module, "save", lambda figure, stem: figures.append(figure))
    return figures


def test_rows_of_the_figures_are_in_the_order_of_the_tables(comparisons, drawn):
    assert list(comparisons["groups"]) != ROWS
    comparison_figures.draw_forest(comparisons, "x")
    comparison_figures.draw_better(comparisons, "x")
    score_figures.draw_ceiling(comparisons, 1.0, "x")
    for figure in drawn:
        names = [tick.get_text().split("  ")[0] for tick in figure.axes[0].get_yticklabels()]
        assert names == ["mask_r50, 1", "cascade_r50, 1", "mask_r50, 2"]


def test_lines_end_where_the_intervals_end(comparisons, drawn):
    comparison_figures.draw_forest(comparisons, "x")
    score_figures.draw_ceiling(comparisons, 1.0, "x")
    forest, ceiling = drawn
    lines = {line.get_ydata()[0]: line for line in ceiling.axes[0].lines if line.get_linewidth() == 2}
    for at, label in enumerate(ROWS):
        one = comparisons["groups"][label]["pooled"]["ap50_100"]
        assert list(lines[at].get_xdata()) == [one["low"], one["high"]]
    for axis in [*forest.axes, *ceiling.axes]:
        ends = [line.get_solid_capstyle() for line in axis.lines if line.get_linewidth() == 2]
        assert set(ends) == {"butt"}


def test_the_largest_recall_is_named_in_the_legend(cells, drawn):
    score_figures.draw_precision_recall(
        {label: [image.detections for image in cell] for label, cell in cells.items()}, "x"
    )
    for number, axis in enumerate(drawn[0].axes):
        assert not axis.texts
        names = [text.get_text() for text in axis.get_legend().get_texts()]
        assert names[-1] == "largest recall with the cap: 1.0000"
        assert len(names) == (1 if number % 2 == 0 else 3 if number == 1 else 2)
