"""Which epochs' weights stay on disk."""

import pytest

from nuclei.training.kept_epochs import epochs_to_keep


def table(*scores):
    return [{"epoch": at, "a": a, "b": b} for at, (a, b) in enumerate(scores, 1)]


@pytest.mark.parametrize(
    ("best", "every", "wanted"),
    [(1, 0, {1, 3, 4}), (2, 0, {1, 2, 3, 4}), (0, 0, {4}), (0, 2, {2, 4}), (1, 3, {1, 3, 4})],
)
def test_which_checkpoints_are_kept(best, every, wanted):
    rows = table((0.9, 0.1), (0.5, 0.2), (0.4, 0.3), (None, None))
    assert epochs_to_keep(rows, best, ["a", "b"], every) == wanted


def test_ties_keep_the_earlier_epoch():
    assert epochs_to_keep(table((0.5, 0), (0.5, 0), (0.1, 0)), 1, ["a"], 0) == {1, 3}
