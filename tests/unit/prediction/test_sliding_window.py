"""Windows cover an image, and their cores part it."""

from hypothesis import given
from hypothesis import strategies as st

from nuclei.prediction.sliding_window import windows


@given(st.integers(1, 4000), st.integers(64, 1000), st.integers(0, 63))
def test_windows_cover_with_at_least_their_overlap_and_cores_part_the_side(length, size, overlap):
    found = windows(length, size, overlap)
    assert (found[0][0], found[-1][1]) == (0, length)
    assert all(b[0] <= a[1] - overlap for a, b in zip(found, found[1:], strict=False))
    assert [a[3] for a in found[:-1]] == [b[2] for b in found[1:]]
    assert (found[0][2], found[-1][3]) == (0, length)
    assert all(edge <= left < right <= end for edge, end, left, right in found)
    assert all(end - edge == min(size, length) for edge, end, _, _ in found)
