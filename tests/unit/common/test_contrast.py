"""Values stretched to 0 to 255, against counts of what lies below black and above white."""

import numpy as np

from nuclei.common.contrast import stretched


def test_black_and_white_have_a_thousandth_of_the_values_each():
    values = np.random.default_rng(0).permutation(10_000).reshape(100, 100) * 3 - 500
    order = np.argsort(np.argsort(values.ravel()))
    found = stretched(values).ravel()
    assert (found[order < 10] == 0).all() and (found[order >= 9990] == 255).all()
    middle = (order >= 20) & (order < 9980)
    assert np.abs(found[middle] - (order[middle] - 10) / 9979 * 255).max() <= 1
    assert (stretched(np.full((2, 2), 7, np.uint16)) == 0).all()


def test_little_contrast_is_not_stretched_further():
    values = np.tile(np.array([10, 12, 14], np.uint8), (50, 1))
    assert np.unique(stretched(values)).tolist() == [0, 127, 255]
    assert np.unique(stretched(values, 16)).tolist() == [0, 31, 63]
    assert np.unique(stretched(values, 2)).tolist() == [0, 127, 255]
