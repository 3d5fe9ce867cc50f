"""The rate of each iteration, from mmcv's own hook, against the rate by hand."""

import pytest
from support.resolved_configs import resolved_under

from nuclei.models.schedule import iterations_an_epoch, learning_rates


def test_each_aspects_last_batch_is_filled_up():
    assert iterations_an_epoch([60], 2) == 30
    assert iterations_an_epoch([31, 29], 2) == 31


def test_warm_up_outlasts_the_first_fall_of_the_rate():
    """The rate by hand: lr (1 - (1 - i / warm-up) (1 - ratio)) until the fall, a tenth from then on."""
    rates = learning_rates(resolved_under("mask_r50", "report"), an_epoch=10)
    assert len(rates) == 2000
    assert rates[0] == pytest.approx(0.02 * 0.001)
    assert max(rates) == rates[279] == pytest.approx(0.02 * (1 - (1 - 279 / 500) * 0.999))
    assert rates[280] == pytest.approx(0.002 * (1 - (1 - 280 / 500) * 0.999))
    assert rates[-1] == pytest.approx(0.0002)
    scaled = learning_rates(resolved_under("mask_r50", "scaled"), an_epoch=10)
    assert [scaled[i] for i in (100, 1559, 1560, 1890)] == pytest.approx([0.0025, 0.0025, 0.00025, 0.000025])
