"""The real raw data, where it is at hand: counts of the report, what both converters make of it."""

import pytest
import yaml
from conftest import ROOT, SHARED, needs_real_data

from nuclei.data.conversion import convert
from nuclei.data.conversion_loss import compare
from nuclei.data.raw_check import check
from nuclei.data.raw_layout import read_layout
from nuclei.data.raw_sources import fetch

pytestmark = needs_real_data


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    folder = tmp_path_factory.mktemp("real")
    fetch(str(SHARED / "vrdl-raw.tar.xz"), "dataset", folder / "dataset")
    fetch(str(SHARED / "vrdl-test-masks.tar.xz"), "test_masks", folder / "test_masks")
    return folder


def test_counts_of_files_are_the_reports(real):
    images, ignored, problems = read_layout(real / "dataset", real / "test_masks")
    assert problems == []
    assert len(ignored) == 5
    nuclei = {image.id: len(image.masks) for image in images}
    assert sum(nuclei[image.id] for image in images if image.set == "train") == 14598
    assert sum(nuclei[image.id] for image in images if image.set == "test") == 2360
    split = yaml.safe_load((ROOT / "config/splits/report.yaml").read_text())
    assert sum(nuclei[id_] for id_ in split["train"]) == 11109
    assert sum(nuclei[id_] for id_ in split["validation"]) == 3489


def test_both_converters_on_one_image(real):
    images, _, _ = read_layout(real / "dataset")
    (image,) = [image for image in images if image.id == "TCGA-18-5592-01Z-00-DX1"]
    result = compare([image], [convert([image], "exact", "polygon"), convert([image], "imantics")])
    exact, loose = result["converters"]["exact"], result["converters"]["imantics"]
    assert exact["exact"] == exact["nuclei"] == len(image.masks)
    assert loose["annotations"] + loose["nuclei_dropped"] == len(image.masks)
    assert loose["iou_mean"] == pytest.approx(0.901, abs=0.002)  # large nuclei: half a pixel matters less


@pytest.mark.slow
def test_all_masks_are_right_and_equal_the_report(real):
    expected = {"train": 14598, "test": 2360, "setting1_train": 11109, "setting1_validation": 3489}
    split = yaml.safe_load((ROOT / "config/splits/report.yaml").read_text())
    result = check(real / "dataset", real / "test_masks", expected=expected, split=split, threads=2)
    assert result["counts"] == expected
    assert not any(row["overlaps"] for row in result["images"])


@pytest.mark.slow
def test_all_nuclei_in_both_converters(real):
    images = [image for image in read_layout(real / "dataset")[0] if image.set == "train"]
    contents = [convert(images, "exact", "polygon", threads=2), convert(images, "imantics", threads=2)]
    result = compare(images, contents, threads=2)
    exact, loose = result["converters"]["exact"], result["converters"]["imantics"]
    print(result)
    assert len(contents[0]["annotations"]) == exact["exact"] == 14598
    assert exact["iou_5_percent"] == 1.0
    assert loose["annotations"] + loose["nuclei_dropped"] == 14598
    assert loose["iou_mean"] == pytest.approx(0.846, abs=0.002)
    assert loose["share_below_0.9"] == pytest.approx(0.79, abs=0.01)
    assert result["with_parts"] == 32
    assert result["with_holes"] == 68
