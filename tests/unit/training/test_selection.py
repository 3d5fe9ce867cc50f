"""Checkpoint selection: policies, ties, what is not kept."""

import pytest

from nuclei.common.stage import InputError
from nuclei.scoring.names import NAMES
from nuclei.training.selection import choose, read_epochs


def rows(*values, kept=None):
    """Rows of epochs 1, 2, …; values: ap50_100, None for an epoch without validation."""
    return [
        {"epoch": at, "kept": kept is None or at in kept, **dict.fromkeys(NAMES, value)}
        for at, value in enumerate(values, 1)
    ]


def test_best_takes_the_highest_and_the_earlier_at_a_tie():
    assert choose(rows(0.1, 0.3, 0.3, 0.2), "best")["epoch"] == 2


def test_metric_decides():
    table = rows(0.1, 0.2, 0.3)
    table[0]["ap_1000"] = 0.9
    assert choose(table, "best", "ap_1000")["epoch"] == 1
    assert choose(table, "best", "ap50_100")["epoch"] == 3


def test_epochs_without_validation_are_passed_over():
    choice = choose(rows(None, 0.2, None, 0.1), "best")
    assert (choice["epoch"], choice["value"]) == (2, 0.2)
    assert "2 scored epochs" in choice["reason"]


def test_last_and_given():
    assert choose(rows(0.3, 0.2, None), "last")["epoch"] == 3
    assert choose(rows(0.3, 0.2, None), "epoch", epoch=2)["value"] == 0.2


def test_best_epoch_that_was_not_kept_is_said():
    choice = choose(rows(0.5, 0.2, 0.3, kept={2, 3}), "best")
    assert choice["epoch"] == 3
    assert "epoch 1 scored 0.5000 but its weights were not kept" in choice["reason"]


def test_impossible_choices_are_named():
    with pytest.raises(InputError, match="epoch 1 are not kept, wanted one of 2, 3"):
        choose(rows(0.5, 0.2, 0.3, kept={2, 3}), "epoch", epoch=1)
    with pytest.raises(InputError, match="no kept epoch has a score ap50_100"):
        choose(rows(None, None), "best")


def test_a_training_under_other_caps_has_no_score_under_these(tmp_path):
    (tmp_path / "epochs.tsv").write_text("epoch\tap50_100\tkept\n1\t0.2\t1\n")
    (row,) = read_epochs(tmp_path / "epochs.tsv")
    assert row == {"epoch": 1, "kept": True, **dict.fromkeys(NAMES), "ap50_100": 0.2}
    assert choose([row], "best")["value"] == 0.2
    with pytest.raises(InputError, match="no kept epoch has a score ap_1000"):
        choose([row], "best", "ap_1000")
