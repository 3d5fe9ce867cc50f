"""The first config of a folder: valid, made from what the folder holds, and read by the workflow."""

import os

import pytest
import yaml
from conftest import ROOT
from new_config import Found, config_text, look
from support.foreign import NUCLEI, SETS, mask, write_set
from support.merged_config import merged

from nuclei.common.stage import InputError
from nuclei.workflow.configuration import check_config


def whole(tmp_path, text):
    """The default config with an overlay on top, checked as a run checks it."""
    (tmp_path / "new.yaml").write_text(text)
    config = merged(os.path.relpath(tmp_path / "new", ROOT / "config"))
    check_config(config, str(ROOT / "config/models.yaml"), str(ROOT / "config/schema.yaml"))
    return config


@pytest.mark.parametrize("case", ["qupath", "labels float", "monuseg"])
def test_a_folder_is_read_as_it_is(tmp_path, case):
    folder, name = write_set(case, tmp_path / "given")
    found = look(folder, "auto")
    assert (found.format, found.sizes, found.most) == (SETS[case][0], [(40, 30)] * 4, 3)
    assert sorted(found.areas) == sorted(int(mask(one).sum()) for nuclei in NUCLEI.values() for one in nuclei)
    assert found.pixel_sizes == ([0.25] * 4 if case == "monuseg" else [])
    assert yaml.safe_load(config_text("n", str(folder), found))["tiles"] is None  # images too small to be cut


def test_the_layout_of_the_course_too(drawn):
    found = look(drawn, "auto")
    assert found.format == "course" and found.sizes[0] == (128, 128) and found.most == max(found.most, 8)


@pytest.mark.parametrize(
    ("area", "size", "tile", "scale", "anchor"),
    [
        (314, 1000, 256, 256, 5),  # 20 px across: as they are
        (79, 1000, 256, 512, 5),  # 10 px: enlarged twice
        (7854, 1000, 608, 320, 13),  # 100 px: six of them a side, shrunk to a half at most
        (314, 200, 200, 192, 5),  # small images
    ],
)
def test_proposals_follow_the_sizes_of_nuclei(tmp_path, area, size, tile, scale, anchor):
    folder = tmp_path / "own images: 1"
    folder.mkdir()
    found = Found("labels", [(size, size)] * 5, [area] * 300, 120, [0.25, 0.25], overlapping=2)
    text = config_text("mine", str(folder), found)
    config = whole(tmp_path, text)
    assert config["raw"]["dataset"]["path"] == str(folder)
    assert config["raw"]["allow_overlap"] is True
    assert (config["tiles"]["size"], config["inference"]["window"]) == (tile, tile)
    assert config["training"]["test_scale"] == [scale, scale]
    assert config["training"]["options"]["model.rpn_head.anchor_generator.scales"] == [anchor]
    assert config["training"]["detections"] == 200
    assert "pixel size 0.25 µm" in text


def test_too_little_is_refused(tmp_path, stage):
    with pytest.raises(InputError, match="2 images with 9 nuclei found, wanted 3 images at least"):
        config_text("n", "x", Found("labels", [(9, 9)] * 2, [5] * 9, 5, []))
    folder, _ = write_set("qupath", tmp_path / "given")
    (tmp_path / "c.yaml").write_text("")
    done = stage("new_config", "--name", "n", "--images", folder, "--out", tmp_path / "c.yaml")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        2, f"error: {tmp_path}/c.yaml: exists, wanted none; remove it or give another name",
    )  # fmt: skip
