"""ROIs of ImageJ: shapes, holes, what is left out, and a real RoiSet.zip."""

import zipfile

import numpy as np
import pytest
import roifile
from conftest import needs_real_data

from nuclei.common.stage import InputError
from nuclei.data.left_out import NO_AREA
from nuclei.data.pictures import read_picture
from nuclei.formats.imagej import nuclei, read

BOX = np.array([[2, 3], [9, 3], [9, 8], [2, 8]])


def roi(points, kind="POLYGON", **more):
    found = roifile.ImagejRoi.frompoints(np.asarray(points))
    found.roitype = roifile.ROI_TYPE[kind]
    for key, value in more.items():
        setattr(found, key, value)
    return found


def save(path, *rois):
    if path.suffix == ".roi":
        path.write_bytes(rois[0].tobytes())
    else:
        roifile.roiwrite(path, list(rois), mode="w")
    return path


def test_areas_are_nuclei_and_lines_are_counted(tmp_path):
    path = save(tmp_path / "a.zip", roi(BOX, name="one"), roi(BOX[:2], "LINE", name="l"), roi(BOX + 20, "FREEHAND"))
    found, notes = nuclei(path, 40, 40)
    assert [(nucleus.left, nucleus.top, nucleus.part.shape, nucleus.part.all()) for nucleus in found] == [
        (2, 3, (5, 7), True),
        (22, 23, (5, 7), True),
    ]
    assert found[0].name == "ROI 1 (one)"
    assert [(note.kind, note.detail) for note in notes] == [(NO_AREA, "LINE")]


@pytest.mark.parametrize(("kind", "area"), [("RECT", 35), ("OVAL", 27)])
def test_rectangles_and_ovals(tmp_path, kind, area):
    shape = roifile.ImagejRoi(roitype=roifile.ROI_TYPE[kind], left=2, top=3, right=9, bottom=8)
    found, _ = nuclei(save(tmp_path / "a.roi", shape), 40, 40)
    assert abs(int(found[0].part.sum()) - area) <= (2 if kind == "OVAL" else 0)


def test_a_composite_has_its_hole(tmp_path):
    path = [0, *BOX[0], 1, *BOX[1], 1, *BOX[2], 1, *BOX[3], 4, 0, 4, 4, 1, 6, 4, 1, 6, 6, 1, 4, 6, 4]
    shape = roifile.ImagejRoi(
        roitype=roifile.ROI_TYPE.RECT, left=2, top=3, right=9, bottom=8, shape_roi_size=len(path),
        multi_coordinates=np.array(path, np.float32),
    )  # fmt: skip
    found, _ = nuclei(save(tmp_path / "a.roi", shape), 40, 40)
    assert int(found[0].part.sum()) == 35 - 4


def test_a_part_within_a_hole_stays(tmp_path):
    rings = BOX, [[3, 4], [8, 4], [8, 7], [3, 7]], [[5, 5], [6, 5], [6, 6], [5, 6]]
    path = [v for ring in rings for v in (0, *ring[0], 1, *ring[1], 1, *ring[2], 1, *ring[3], 4)]
    shape = roifile.ImagejRoi(
        roitype=roifile.ROI_TYPE.RECT, left=2, top=3, right=9, bottom=8, shape_roi_size=len(path),
        multi_coordinates=np.array(path, np.float32),
    )  # fmt: skip
    found, _ = nuclei(save(tmp_path / "a.roi", shape), 40, 40)
    assert int(found[0].part.sum()) == 35 - 15 + 1 and found[0].part[2, 3]


@pytest.mark.parametrize("kind", ["position", "z_position", "t_position"])
def test_pages_of_a_stack_are_refused(tmp_path, kind):
    path = save(tmp_path / "a.zip", *(roi(BOX, name=str(page), **{kind: page}) for page in (1, 2)))
    with pytest.raises(InputError, match=r"a.zip: ROIs on pages \[1, 2\] found"):
        nuclei(path, 40, 40)


def test_an_image_whose_rois_are_in_several_files_is_refused(tmp_path):
    """ImageJ can save each ROI as a file of its own: no nucleus may be lost."""
    (tmp_path / "a.tif").write_bytes(b"")
    for number in (1, 2, 3):
        save(tmp_path / f"{number}.roi", roi(BOX))
    with pytest.raises(InputError) as caught:
        read(tmp_path)
    assert caught.value.problems == [
        f"{tmp_path}/{number}.roi: found beside {tmp_path}/1.roi, wanted one file about the image a; save all ROIs of "
        "an image together, as RoiSet.zip"
        for number in (2, 3)
    ]


def test_a_zip_file_may_be_made_by_hand(tmp_path):
    save(tmp_path / "1.roi", roi(BOX))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.mkdir("mine")
        file.write(tmp_path / "1.roi", "mine/1.roi")
        file.writestr("mine/.DS_Store", b"x" * 99)
        file.writestr("__MACOSX/mine/._1.roi", b"x" * 99)
    assert len(nuclei(tmp_path / "a.zip", 40, 40)[0]) == 1
    with zipfile.ZipFile(tmp_path / "a.zip", "a") as file:
        file.writestr("mine/readme.txt", b"x" * 99)
    with pytest.raises(InputError, match="a.zip: not readable"):
        nuclei(tmp_path / "a.zip", 40, 40)


def test_names_of_images_may_end_like_those_of_sets(tmp_path):
    for name in ("x_ROI.tif", "y_ROI.tif", "z.tif"):
        (tmp_path / name).write_bytes(b"")
    for name in ("x_ROI.zip", "y_ROI_RoiSet.zip", "z_roiset.ZIP"):
        save(tmp_path / name, roi(BOX))
    assert [image.id for image in read(tmp_path)] == ["x_ROI", "y_ROI", "z"]


@pytest.mark.parametrize("content", [b"", b"PK\3\4" + b"x" * 50, b"Iout" + b"\0" * 10, b"x" * 100])
def test_damaged_files_end_in_a_line(tmp_path, content):
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(InputError, match="a.zip: .*(not readable|found)"):
        nuclei(tmp_path / "a.zip", 40, 40)


@needs_real_data
def test_the_set_of_a_real_image(foreign_files):
    """CryoNuSeg: 59 freehand outlines beside the only image of their folder; areas near those of the outlines."""
    (image,) = read(foreign_files / "cryonuseg")
    height, width = read_picture(image.file).array.shape[:2]
    found, notes = image.nuclei(width, height)
    rois = roifile.roiread(foreign_files / "cryonuseg/TCGA-DE-A4MA/RoiSet.zip")
    assert len(found) == len(rois) == 59
    for nucleus, one in zip(found, rois, strict=True):
        x, y = one.coordinates().T.astype(float)
        area = abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2  # shoelace formula
        assert int(nucleus.part.sum()) == pytest.approx(area, abs=len(x) / 4 + 3)
