"""The summary of an import: what was lost is listed, and pixel sizes that differ are a warning."""

import pytest

from nuclei.data.import_summary import short_form, size_warnings, summary_lines
from nuclei.data.left_out import CROSSES, SHORT


def row(set_, id_, size, notes=(), changed=(), **categories):
    return {"set": set_, "id": id_, "pixel_size": size, "notes": list(notes), "changed": list(changed),
            "categories": categories}  # fmt: skip


def imported(*rows, **more):
    return {"format": "labels", "test_format": None, "found_by_itself": True, "images": list(rows), "notes": {}} | more


@pytest.mark.parametrize(
    ("train", "test", "warned"),
    [([0.25], [0.3], False), ([0.25], [0.3001], True), ([0.5, 0.5, 9], [0.25], True), ([None], [0.3], False)],
)
def test_pixel_sizes_that_differ_by_more_than_a_fifth(train, test, warned):
    rows = [row("train", "a", size) for size in train] + [row("test", "b", size) for size in test]
    assert bool(size_warnings(imported(*rows))) == warned
    assert any("WARNING: pixel size" in line for line in summary_lines(imported(*rows))) == warned


def test_the_summary_lists_what_is_lost_and_counts_the_rest():
    notes = [["n1", SHORT, "2 points"], ["n2", CROSSES, ""]]
    rows = [row("train", "a", 0.25, notes, ["alpha channel left out"], x=3, y=1), row("test", "b", None, x=2)]
    text = "\n".join(summary_lines(imported(*rows, notes={SHORT: 1, CROSSES: 1}, test_format="images")))
    assert "Format: `labels` (found by itself); test images: `images`." in text
    assert f"| {SHORT} | 1 | left out |" in text and f"| {CROSSES} | 1 | kept |" in text
    assert f"| a | n1 | {SHORT} | 2 points |" in text and "n2" not in text
    for line in ("- Images: alpha channel left out: 1", "- Pixel size: 0.25 µm in 1 training images",
                 "- Category `x`: 5 nuclei", "- Category `y`: 1 nuclei"):  # fmt: skip
        assert line in text


def test_the_short_form_keeps_pixel_sizes():
    found = short_form(imported(row("train", "a", 0.25), row("test", "b", None)))
    assert found["pixel_sizes"] == {"a": 0.25, "b": None} and "images" not in found
