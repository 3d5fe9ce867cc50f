"""The first config of a folder: valid, made from what the folder holds, and read by the workflow."""

import os
import shutil

import pytest
import yaml
from conftest import ROOT
from new_config import Found, config_text, look, yaml_text
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


def test_an_image_without_annotations_is_named(tmp_path):
    folder, _ = write_set("masks", tmp_path / "given")
    shutil.rmtree(folder / "stage1_train/z/masks")
    with pytest.raises(InputError, match="z.png: no nuclei are known of this image, wanted its annotations; add"):
        look(folder, "auto")


def test_the_layout_of_the_course_too(drawn):
    found = look(drawn, "auto")
    assert found.format == "course" and found.sizes[0] == (128, 128) and found.most == max(found.most, 8)


@pytest.mark.parametrize(
    ("area", "size", "tile", "scale", "anchor"),
    [
        (804, 1000, 256, 256, 8),  # 32 px across: as they are
        (201, 1000, 256, 512, 8),  # 16 px: enlarged twice
        (7854, 1000, 608, 320, 13),  # 100 px: six of them a side, shrunk to a half at most
        (804, 200, 200, 192, 8),  # small images
    ],
)
def test_proposals_follow_the_sizes_of_nuclei(tmp_path, area, size, tile, scale, anchor):
    folder = tmp_path / "own images: 1"
    folder.mkdir()
    found = Found("labels", [(size, size)] * 5, [area] * 300, 120, [0.25, 0.25], [200.0] * 5, overlapping=2)
    text = config_text("mine", str(folder), found)
    config = whole(tmp_path, text)
    assert config["raw"]["dataset"]["path"] == str(folder)
    assert config["raw"]["allow_overlap"] is True
    assert (config["tiles"]["size"], config["inference"]["window"]) == (tile, tile)
    assert config["training"]["test_scale"] == [scale, scale]
    assert config["training"]["options"]["model.rpn_head.anchor_generator.scales"] == [anchor]
    assert config["training"]["detections"] == 200
    assert "pixel size 0.25 µm" in text


@pytest.mark.parametrize("text", ["/a/my, folder", "/a/b}", "[x]", "a: b", "#x", "it's", '"', "2024", "no", "é b"])
def test_any_path_and_name_is_text(text):
    assert yaml.safe_load(f"{{path: {yaml_text(text)}}}") == {"path": text}
    found = Found("labels", [(300, 300)] * 3, [300] * 30, 10, [], [200.0] * 3)
    config = yaml.safe_load(config_text("2024", text, found))
    assert (config["run"], config["raw"]["dataset"]["path"]) == ("2024", text)


@pytest.mark.parametrize(
    ("brightness", "stretch"),
    [([200, 220, 180], False), ([9, 12, 230], True), ([90, 100, 200], True), ([20, 30, 40], True)],
)
def test_dark_images_and_those_that_differ_are_stretched(tmp_path, brightness, stretch):
    found = Found("labels", [(300, 300)] * 3, [300] * 30, 10, [], list(map(float, brightness)))
    assert whole(tmp_path, config_text("mine", str(tmp_path), found))["training"]["stretch"] is stretch


def test_counts_in_the_reasons_are_those_of_the_data(tmp_path):
    found = Found("labels", [(300, 300)] * 12, [300] * 29 + [30000], 10, [], [200.0] * 12)
    text = config_text("mine", str(tmp_path), found)
    assert "fraction: 0.2, seed: 0} # 2 images" in text and "validation_fraction: 0.2, seed: 0} # 2 of the" in text
    assert "# the largest has 195 px.\n# snakemake plan" in text  # 4 * 30000 / pi = 195.4^2
    few = config_text("mine", str(tmp_path), Found("labels", [(300, 300)] * 4, [300] * 30, 10, [], [200.0] * 4))
    assert "fraction: 0.25, seed: 0} # 1 images" in few and "# So few images say little" in few
    (tmp_path / "gpu.yaml").write_text("\n".join(line[2:] for line in text.splitlines()[-2:]))
    (tmp_path / "mine.yaml").write_text(text)
    config = merged(*(os.path.relpath(tmp_path / name, ROOT / "config") for name in ("mine", "gpu")))
    check_config(config, str(ROOT / "config/models.yaml"), str(ROOT / "config/schema.yaml"))
    assert config["training"]["options"]["optimizer"] is None and config["compute"]["device"] == "cuda"


@pytest.mark.parametrize(("images", "repeat"), [(3, 37), (50, 2), (400, 1)])
def test_small_data_sets_are_repeated_until_a_training_has_its_steps(images, repeat):
    """9 tiles an image (256 px, one every 192 px, of 600 px), 64 % of them train: 4 epochs of 4 a step, 640 steps."""
    found = Found("labels", [(600, 600)] * images, [804] * 30, 10, [], [200.0] * images)
    training = yaml.safe_load(config_text("mine", "x", found))["training"]
    assert (training["repeat"], training["batch"], training["epochs"]) == (repeat, 4, 4)


def test_too_little_is_refused(tmp_path, stage):
    with pytest.raises(InputError, match="x: 2 images found, wanted 3 at least"):
        config_text("n", "x", Found("labels", [(9, 9)] * 2, [5] * 9, 5, [], [9.0] * 2))
    with pytest.raises(
        InputError, match="x: 4 images of format images without a nucleus found, wanted the nuclei of each"
    ):
        config_text("n", "x", Found("images", [(9, 9)] * 4, [], 0, [], [9.0] * 4))
    for arguments, said in (
        (("--name", "", "--images", ""), "NAME not given and IMAGES not given, wanted make new NAME=mine IMAGES="),
        (("--name", "n", "--images", str(tmp_path / "no")), f"IMAGES: {tmp_path}/no not found, wanted a folder or an"),
        (
            ("--name", "n", "--images", "https://example.org/a.zip"),
            "IMAGES: https://example.org/a.zip found, wanted a fo",
        ),
        (("--name", "a b", "--images", str(tmp_path)), "NAME: a b found, wanted letters, digits, and . _ -"),
    ):
        done = stage("new_config", *arguments)
        assert (done.returncode, done.stderr.splitlines()[-1][: len(said) + 7]) == (2, f"error: {said}")
    folder, _ = write_set("qupath", tmp_path / "given")
    (tmp_path / "c.yaml").write_text("")
    done = stage("new_config", "--name", "n", "--images", folder, "--out", tmp_path / "c.yaml")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        2, f"error: {tmp_path}/c.yaml: exists, wanted none; remove it or give another name",
    )  # fmt: skip
