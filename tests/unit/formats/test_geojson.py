"""GeoJSON of QuPath and others: which objects are nuclei, holes, classes, and what is refused."""

import json

import numpy as np
import pytest
from conftest import needs_real_data
from support.foreign import CORNER, ELL, SQUARE, feature

from nuclei.common.stage import InputError
from nuclei.data.left_out import NO_AREA, OTHER, SHORT
from nuclei.formats.geojson import nuclei, read

BOX = [[[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]], [[2, 2], [4, 2], [4, 5], [2, 5], [2, 2]]]  # with a hole


def write(path, content):
    path.write_text(json.dumps(content))
    return path


def shape(kind, coordinates, **properties):
    return {"type": "Feature", "geometry": {"type": kind, "coordinates": coordinates}, "properties": properties}


def test_holes_and_several_parts(tmp_path):
    parts = [BOX, [[[20, 20], [22, 20], [22, 21], [20, 21], [20, 20]]]]
    rows = [shape("MultiPolygon", parts), shape("Polygon", BOX)]
    found, notes = nuclei(write(tmp_path / "a.geojson", {"type": "FeatureCollection", "features": rows}), 40, 30)
    assert notes == []
    wanted = np.zeros((21, 22), bool)
    wanted[:10, :10], wanted[2:5, 2:4], wanted[20, 20:22] = True, False, True
    assert (found[0].part == wanted).all()
    assert int(found[1].part.sum()) == 94


def test_a_part_within_a_hole_stays(tmp_path):
    outer, hole, inner = (
        [[a, a], [b, a], [b, b], [a, b], [a, a]] for a, b in ((0, 10), (2, 8), (4, 6))
    )  # fmt: skip
    for parts in ([[outer, hole], [inner]], [[inner], [outer, hole]]):
        found, _ = nuclei(write(tmp_path / "a.geojson", shape("MultiPolygon", parts)), 40, 30)
        assert int(found[0].part.sum()) == 100 - 36 + 4 and found[0].part[5, 5]


def test_regions_around_detections_are_no_nuclei_but_annotations_alone_are(tmp_path):
    region, detection = feature(SQUARE, "annotation"), feature(ELL, "detection", classification={"name": "Tumor"})
    found, notes = nuclei(write(tmp_path / "a.geojson", [region, detection]), 40, 30)
    assert [nucleus.category for nucleus in found] == ["Tumor"]
    assert [(note.nucleus, note.kind) for note in notes] == [("feature 1", OTHER)]
    found, notes = nuclei(write(tmp_path / "a.geojson", [region]), 40, 30)
    assert ([nucleus.category for nucleus in found], notes) == (["nucleus"], [])


def test_annotations_around_drawn_nuclei_are_no_nuclei(tmp_path):
    """A person outlined nuclei, gave them the class, and outlined the tumour around them."""
    drawn = feature(ELL, "annotation", classification={"name": "nucleus"})
    tumour = feature(SQUARE, "annotation", classification={"name": "Tumor"})
    plain = feature(SQUARE, "annotation")
    found, notes = nuclei(write(tmp_path / "a.geojson", [tumour, drawn, plain]), 40, 30)
    assert ([nucleus.name for nucleus in found], [note.nucleus for note in notes]) == (
        ["feature 2"], ["feature 1", "feature 3"],
    )  # fmt: skip
    found, notes = nuclei(write(tmp_path / "a.geojson", [tumour, plain]), 40, 30)
    assert (len(found), notes) == (2, [])


def test_a_corrected_prediction(tmp_path):
    """Detections of a model, nuclei that a person drew beside them, and what is marked to be ignored."""
    found = feature(ELL, "detection", classification={"name": "nucleus"})
    drawn = feature(SQUARE, "annotation", classification={"name": "Nucleus"})
    ignored = feature(CORNER, "detection", classification={"name": "Ignore*"})
    region = feature(CORNER, "annotation", classification={"name": "Region*"})
    derived = feature(CORNER, "detection", classification={"names": ["Tumor", "Positive"]})
    nuclei_, notes = nuclei(write(tmp_path / "a.geojson", [found, drawn, ignored, region, derived]), 40, 30)
    assert [nucleus.category for nucleus in nuclei_] == ["nucleus", "Nucleus", "Tumor: Positive"]
    assert [(note.nucleus, note.kind) for note in notes] == [("feature 3", OTHER), ("feature 4", OTHER)]
    assert "'Region*'" in notes[1].detail
    nuclei_, _ = nuclei(write(tmp_path / "a.geojson", [region, drawn]), 40, 30)
    assert [nucleus.category for nucleus in nuclei_] == ["Nucleus"]


def test_of_a_cell_the_nucleus_counts(tmp_path):
    cell = feature(SQUARE, "cell") | {"nucleusGeometry": feature(ELL)["geometry"]}
    found, _ = nuclei(write(tmp_path / "a.geojson", cell), 40, 30)
    assert [int(nucleus.part.sum()) for nucleus in found] == [72]  # 4 x 10 + 8 x 4 px


def test_points_lines_and_short_rings_are_counted(tmp_path):
    rows = [shape("Point", [3, 4]), shape("LineString", [[1, 1], [2, 2]]), shape("Polygon", [[[1, 1], [5, 5], [1, 1]]])]
    found, notes = nuclei(write(tmp_path / "a.geojson", [*rows, {"type": "Feature", "geometry": None}]), 40, 30)
    assert found == []
    assert [note.kind for note in notes] == [NO_AREA, NO_AREA, SHORT, NO_AREA]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({}, r"\{\} found, wanted GeoJSON"),
        ({"type": "FeatureCollection", "features": [3]}, "feature 1 is no object"),
        ([shape("Polygon", [[[1, 1], ["a", 2], [3, 3]]])], "feature 1: coordinates .* found, wanted rings"),
        ([shape("Polygon", [])], "feature 1: coordinates .* found, wanted rings"),
        ([shape("Polygon", None)], "feature 1: coordinates None found, wanted rings"),
        ([shape("Polygon", [[[1], [2], [3]]])], "feature 1: coordinates .* found, wanted rings"),
        ([shape("Polygon", [[[900, 1], [905, 1], [905, 9]]])], r"feature 1: coordinates from \(900, 1\)"),
    ],
)
def test_what_is_no_geojson_is_refused(tmp_path, content, problem):
    with pytest.raises(InputError, match=f"a.geojson: {problem}"):
        nuclei(write(tmp_path / "a.geojson", content), 40, 30)


def test_files_may_be_named_with_the_ending_of_the_image(tmp_path):
    for name in ("a.tif", "b.tif"):
        (tmp_path / name).write_bytes(b"")
    write(tmp_path / "a.tif.geojson", [])
    with pytest.raises(InputError, match="b found without GeoJSON"):
        read(tmp_path)
    write(tmp_path / "b.geojson", [])
    assert [image.id for image in read(tmp_path)] == ["a", "b"]
    write(tmp_path / "a.geojson", [])
    with pytest.raises(
        InputError, match=r"a.tif.geojson: found beside .*/a.geojson, wanted one file about the image a;"
    ):
        read(tmp_path)


@needs_real_data
def test_files_of_other_tools(foreign_files):
    """Two polygons among a point and a line; a MultiPolygon of a whole slide, which no image of its size is beside."""
    folder = foreign_files / "geojson"
    rows = json.loads((folder / "rois.geojson").read_text())["features"]
    areas = sum(row["geometry"]["type"] == "Polygon" for row in rows)
    found, notes = nuclei(folder / "rois.geojson", 600, 600)
    assert (len(found), len(notes)) == (areas, len(rows) - areas)
    with pytest.raises(InputError, match="polygon.geojson: feature 1: coordinates from"):
        nuclei(folder / "polygon.geojson", 600, 600)
