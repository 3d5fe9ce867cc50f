"""MoNuSeg's release: odd regions are counted, and the nuclei of the real one are those of the course."""

import numpy as np
import pytest
from conftest import SHARED, needs_real_data

from nuclei.common.archives import unpack
from nuclei.common.stage import InputError
from nuclei.data.left_out import CLIPPED, COVERED, CROSSES, EMPTY, NO_AREA, SHORT
from nuclei.data.left_out import SHARED as LEFT
from nuclei.data.masks import read_nucleus
from nuclei.data.raw_layout import read_layout
from nuclei.formats.monuseg import nuclei, read

BOX = [(2, 2), (8, 2), (8, 8), (2, 8)]  # in px, along pixel edges; half a pixel more in the file
LINE = "<A><Region><Vertex X='{}' Y='1'/><Vertex X='1' Y='2'/><Vertex X='1' Y='3'/></Region></A>"


def xml(path, *outlines, hole=()):
    rows = [
        f'<Region Id="{10 * number}" NegativeROA="{int(number in hole)}"><Vertices>'
        + "".join(f'<Vertex X="{x + 0.5}" Y="{y + 0.5}"/>' for x, y in outline)
        + "</Vertices></Region>"
        for number, outline in enumerate(outlines, 1)
    ]
    path.write_text(f"<Annotations><Annotation><Regions>{''.join(rows)}</Regions></Annotation></Annotations>")
    return path


def notes_of(found):
    return [(note.nucleus.split()[1], note.kind, note.detail) for note in found[1]]


def areas(found):
    return [int(nucleus.part.sum()) for nucleus in found[0]]


def test_pixels_that_two_regions_share_stay_with_the_earlier(tmp_path):
    right = [(x + 4, y) for x, y in BOX]
    found = nuclei(xml(tmp_path / "a.xml", BOX, right, [(3, 3), (5, 3), (5, 5), (3, 5)]), 20, 20)
    assert areas(found) == [36, 24]
    assert (found[0][1].left, found[0][1].top, found[0][1].part.shape) == (8, 2, (6, 4))
    assert notes_of(found) == [("2", LEFT, "12 px"), ("3", COVERED, "4 px")]


def test_odd_regions_are_listed_and_kept_where_a_pixel_is_left(tmp_path):
    bow = [(2, 2), (8, 8), (8, 2), (2, 8)]  # crosses itself in the middle
    over = [(-1.5, 10), (3, 10), (3, 21), (-1.5, 21)]
    speck = [(12, 12), (12.2, 12), (12.2, 12.2)]
    found = nuclei(xml(tmp_path / "a.xml", bow, over, [(1, 1), (2, 2)], speck, [], BOX, hole=(6,)), 20, 20)
    assert areas(found) == [18, 30]
    assert notes_of(found) == [
        ("1", CROSSES, ""),
        ("2", CLIPPED, ""),
        ("3", SHORT, "2 points"),
        ("4", EMPTY, ""),
        ("5", SHORT, "0 points"),
        ("6", NO_AREA, "NegativeROA"),
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("<Annotations><Region><Vertex X='a' Y='1'/></Region></Annotations>", "a vertex without X and Y found"),
        ("<Annotations><Region><Vertex X='1'/></Region></Annotations>", "a vertex without X and Y found"),
        ("<Annotations>", "not XML"),
        ("", "not XML"),
        (
            "<A><Region><Vertex X='nan' Y='1'/><Vertex X='1' Y='2'/><Vertex X='1' Y='3'/></Region></A>",
            "no number found",
        ),
        (
            "<A><Region><Vertex X='1' Y='1'/><Vertex X='9e3' Y='2'/><Vertex X='1' Y='3'/></Region></A>",
            "wanted px within",
        ),
    ],
)
def test_damaged_files_end_in_a_line(tmp_path, text, problem):
    (tmp_path / "a.xml").write_text(text)
    with pytest.raises(InputError, match=f"a.xml: .*{problem}"):
        nuclei(tmp_path / "a.xml", 20, 20)


def test_an_image_without_annotations_is_named(tmp_path):
    (tmp_path / "a.tif").write_bytes(b"")
    (tmp_path / "b.tif").write_bytes(b"")
    xml(tmp_path / "a.xml", BOX)
    with pytest.raises(InputError, match=r"b found without annotations \(.xml\)"):
        read(tmp_path)


@needs_real_data
def test_the_release_gives_the_masks_of_the_course(tmp_path, real):
    """Over all 13 images: equal numbers, 4,946 of 4,948 masks equal, mean IoU above 0.9999."""
    unpack(SHARED / "monuseg-release-part.tar.xz", tmp_path)
    course = {image.id: image for image in read_layout(real / "dataset", real / "test_masks")[0]}
    ious = []
    for image in read(tmp_path):
        found, _ = image.nuclei(1000, 1000)
        assert len(found) == len(course[image.id].masks)
        labels = np.zeros((1000, 1000), np.int32)
        for number, nucleus in enumerate(found, 1):
            down, across = nucleus.part.shape
            place = labels[nucleus.top : nucleus.top + down, nucleus.left : nucleus.left + across]
            assert not place[nucleus.part].any()
            place[nucleus.part] = number
        sizes = np.bincount(labels.ravel())
        for path in course[image.id].masks:
            part, left, top, _ = read_nucleus(path, (1000, 1000))
            inside = np.bincount(labels[top : top + part.shape[0], left : left + part.shape[1]][part])
            best = int(inside[1:].argmax()) + 1
            ious.append(inside[best] / (sizes[best] + part.sum() - inside[best]))
    assert len(ious) == 4948
    assert sum(iou == 1 for iou in ious) >= 4946
    assert np.mean(ious) > 0.9999
