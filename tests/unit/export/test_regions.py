"""Regions cut out of an image: which pixels, which nuclei, and what is refused."""

import numpy as np
import pytest
import tifffile
from support.qupath import row, square, write
from support.slides import tissue_image, write_slide

from nuclei.common.stage import InputError
from nuclei.data.image_files import open_image_file
from nuclei.data.left_out import CLIPPED
from nuclei.export.regions import regions, write_regions
from nuclei.formats.geojson import nuclei, read

ROWS = [
    row("annotation", "Tumor", square(0, 0, 500, 300)),  # tissue around all, not a nucleus beside detections
    row("annotation", "Region*", square(100.4, 50, 220, 149.6)),
    row("annotation", "Region*", square(400, 250, 600, 400)),  # reaches over the border
    row("detection", "nucleus", square(110, 60, 120, 70), square(113, 63, 116, 66)),
    row("detection", "Ignore*", square(130, 60, 140, 70)),
    row("annotation", "Nucleus", square(95, 100, 105, 110)),  # cut by the region
    row("annotation", "nucleus", [square(410, 260, 415, 265)], [square(420, 260, 422, 262)], geometry="MultiPolygon"),
    row("detection", None, square(300, 10, 310, 20)),  # outside of both
    row("detection", "nucleus", square(220, 60, 230, 70)),  # touches
]


def test_regions_hold_their_pixels_and_their_nuclei(tmp_path):
    image = tissue_image(300, 500)
    slide = open_image_file(write_slide(tmp_path / "a b.tif", image, 0.25, levels=3))
    found = regions(write(tmp_path / "a b.geojson", *ROWS), (500, 300))
    written = list(write_regions(slide, found, tmp_path / "out"))
    assert [(path.name, count) for path, count in written] == [("a b_x100_y50.tif", 2), ("a b_x400_y250.tif", 1)]
    with tifffile.TiffFile(written[0][0]) as file:
        assert np.array_equal(file.asarray(), image[50:150, 100:220])
    assert open_image_file(written[0][0]).pixel_size == pytest.approx(0.25)
    assert np.array_equal(tifffile.imread(written[1][0]), image[250:, 400:])
    first, notes = nuclei(tmp_path / "out/a b_x100_y50.geojson", 120, 100)
    assert [(n.left, n.top, int(n.part.sum())) for n in first] == [(10, 10, 91), (0, 50, 50)]
    assert [note.kind for note in notes] == [CLIPPED]
    (second,), _ = nuclei(tmp_path / "out/a b_x400_y250.geojson", 100, 50)
    assert (second.left, second.top, int(second.part.sum())) == (10, 10, 29)
    assert [one.id for one in read(tmp_path / "out")] == ["a b_x100_y50", "a b_x400_y250"]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([ROWS[3]], "no region found, wanted annotations of the class Region"),
        ([row("annotation", "Region*", square(0, 0, 9, 9)[:3] + [[0, 0]])], "feature 1: a region that is no rectangle"),
        (
            [row("annotation", "Region*", square(600, 0, 700, 90))],
            "feature 1: a region outside of the image of 500x300",
        ),
        ([row("annotation", "Region*", [[1, 2], [3]])], "feature 1: no outline"),
        (
            [row("annotation", "Region*", square(-20, 0, side, side)) for side in (50, 90)],  # both begin at the border
            "feature 2: a second region with the corner 0, 0 found, wanted one",
        ),
        ([row("annotation", "Region*")], "feature 1: a region that is no rectangle"),
        (
            [{"type": "Feature", "geometry": None, "properties": ROWS[1]["properties"]}],
            "feature 1: a region that is no",
        ),
    ],
)
def test_what_is_no_region_is_refused(tmp_path, rows, said):
    with pytest.raises(InputError, match=said):
        regions(write(tmp_path / "a.geojson", *rows), (500, 300))
