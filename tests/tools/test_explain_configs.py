"""Fidelity: each resolved config is its zoo config but for changes with a reason, all shown in docs/differences.md."""

import copy
import re
import shutil
import subprocess
import sys
from pathlib import Path

import mmdet
import pytest
from conftest import ROOT
from explain_configs import (
    EFFECTS,
    REASONS,
    kept_versions,
    list_differences,
    page,
    resolve_all,
    versions_part,
    zoo_path,
)
from mmcv import Config

from nuclei.common.documents import read_yaml
from nuclei.common.nested import changes
from nuclei.common.stage import InputError
from nuclei.models.zoo import read_zoo

PAGE = ROOT / "docs/differences.md"
CONFIG = read_yaml(ROOT / "config/config.yaml")
MODELS = read_yaml(ROOT / "config/models.yaml")["models"]
PROTOCOLS = read_yaml(ROOT / "config/protocols.yaml")
PINNED = re.search(r"^REPORTS_MMDET := (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1]


@pytest.fixture(scope="module")
def resolved():
    """Zoo config and resolved config of every model under every protocol, not to be changed."""
    return resolve_all(CONFIG, MODELS, PROTOCOLS)


def test_the_committed_page_is_what_the_code_makes():
    assert PAGE.read_text() == page(CONFIG, MODELS, PROTOCOLS, out=PAGE), "run make docs"


def test_the_page_compares_the_pinned_and_the_installed_mmdet():
    assert f"## 3. Zoo configs of mmdet {PINNED} and {mmdet.__version__}\n" in PAGE.read_text()


@pytest.mark.slow
def test_the_comparison_of_versions_is_what_the_reports_wheel_gives(tmp_path):
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", str(tmp_path), f"mmdet=={PINNED}"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"pip cannot download mmdet {PINNED}: {done.stderr[-200:]}")
    assert PAGE.read_text() == page(CONFIG, MODELS, PROTOCOLS, old=next(tmp_path.glob("*.whl")))


def test_the_page_takes_what_the_default_config_sets():
    """The page resolves with polygons and with COCO weights."""
    assert CONFIG["conversion"] == {"method": "imantics", "segmentation": "polygon"}
    assert CONFIG["training"]["weights"] == "coco"
    assert (CONFIG["tiles"], CONFIG["model_options"], CONFIG["training"]["options"]) == (None, {}, {})


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("optimizer.weight_decay", 0.0005, "optimizer.weight_decay is 0.0005 instead of 0.0001"),
        ("model.train_cfg.rpn.assigner.pos_iou_thr", 0.5, "pos_iou_thr is 0.5 instead of 0.7"),
        ("model.rpn_head.new", 1, "model.rpn_head.new is 1 instead of absent"),
        ("data.samples_per_gpu", 1, "data.samples_per_gpu is 1 instead of 2"),  # listed under as_run alone
    ],
)
def test_a_change_without_a_reason_is_one_error(resolved, key, value, line):
    changed = copy.deepcopy(resolved)
    *parents, last = key.split(".")
    node = changed["report"]["mask_r50"][1]
    for parent in parents:
        node = node[parent]
    node[last] = value
    with pytest.raises(InputError) as error:
        list_differences(changed)
    assert len(error.value.problems) == 1
    assert error.value.problems[0].startswith("mask_r50, report: ")
    assert line in error.value.problems[0]


def test_the_same_change_in_many_cells_is_one_error(resolved):
    changed = copy.deepcopy(resolved)
    for cells in changed.values():
        for _, ours in cells.values():
            ours["model"]["neck"]["num_outs"] = 6
    with pytest.raises(InputError) as error:
        list_differences(changed)
    (problem,) = [line for line in error.value.problems if "instead of 5," in line]
    assert problem.startswith("mask_r50, report and 20 more: model.neck.num_outs is 6 instead of 5")


def test_another_order_of_the_pipeline_is_a_change(resolved):
    changed = copy.deepcopy(resolved)
    pipeline = changed["scaled"]["ms_rcnn_x101"][1]["data"]["train"]["pipeline"]
    pipeline[2], pipeline[3] = pipeline[3], pipeline[2]
    with pytest.raises(InputError, match=r"ms_rcnn_x101, scaled: data.train.pipeline.types is .*RandomFlip', 'Resize"):
        list_differences(changed)


def test_a_reason_that_fits_no_difference_is_one_error(resolved):
    reasons = {**REASONS, "scaled": {**REASONS["scaled"], "optimizer.momentum": "no such change"}}
    with pytest.raises(InputError) as error:
        list_differences(resolved, reasons)
    assert len(error.value.problems) == 1
    assert "reason for optimizer.momentum (scaled) fits no difference" in error.value.problems[0]


def test_settings_differ_in_the_paths_of_the_annotations_and_seeds_in_the_seed():
    one, two, three = (
        resolve_all(CONFIG, MODELS, PROTOCOLS, setting, seed) for setting, seed in ((1, 0), (2, 0), (1, 5))
    )
    for protocol in PROTOCOLS:
        for model in MODELS:
            first = one[protocol][model][1]
            found = [key.replace("train.dataset", "train") for key, *_ in changes(first, two[protocol][model][1])]
            assert found == ["data.train.ann_file", "data.val.ann_file"]
            assert changes(first, three[protocol][model][1]) == [("seed", 0, 5)]


def test_the_committed_runs_cells_differ_between_settings_in_data_paths_alone():
    """The same of what the whole pipeline wrote."""
    ones = list(ROOT.glob("results/2*/cells/setting1/*/*/config.py"))
    pairs = [(one, two) for one in ones if (two := Path(str(one).replace("setting1", "setting2"))).exists()]
    assert len(pairs) >= 6  # a run may hold one setting alone
    for one, two in pairs:
        found = changes(*(Config.fromfile(str(path))._cfg_dict.to_dict() for path in (one, two)))
        assert {key.rsplit(".")[-1] for key, *_ in found} <= {"ann_file", "img_prefix"}
        assert any(key == "data.val.ann_file" for key, *_ in found)


@pytest.fixture
def other_mmdet(tmp_path):
    """The installed mmdet's version 1.0, whose PointRend trains at another rate."""
    configs = zoo_path("point_rend/point_rend_r50_caffe_fpn_mstrain_3x_coco").parents[1]
    (tmp_path / "mmdet").mkdir()
    (tmp_path / "mmdet/version.py").write_text("__version__ = '1.0'\n")
    for name in ("_base_", "mask_rcnn", "point_rend"):
        shutil.copytree(configs / name, tmp_path / "mmdet/.mim/configs" / name)
    with (tmp_path / "mmdet/.mim/configs/point_rend/point_rend_r50_caffe_fpn_mstrain_3x_coco.py").open("a") as file:
        file.write("optimizer = dict(lr=0.5)\n")
    return tmp_path


def test_zoo_configs_of_two_versions_are_compared_key_by_key(other_mmdet):
    names = [MODELS[model]["zoo"] for model in ("mask_r50", "pointrend_r50")]
    lines = versions_part(names, other_mmdet, {"optimizer.lr": "yes: the rate"})
    assert f"| `optimizer.lr` | `0.5` | `0.02` | {names[1]} | yes: the rate |" in lines
    assert lines[-1] == "No other key differs."
    with pytest.raises(InputError, match="optimizer.lr is 0.02 instead of 0.5") as error:
        versions_part(names, other_mmdet)
    assert len(error.value.problems) == 1 + len(EFFECTS)  # and no effect fits
    assert versions_part(names[:1], other_mmdet, {})[-2:] == ["No key differs.", ""]


def test_the_comparison_is_kept_only_for_the_configs_it_compares(tmp_path):
    names = [entry["zoo"] for entry in MODELS.values()] + [PROTOCOLS["as_run"]["models"]["mask_r50"]["zoo"]]
    assert kept_versions(names, PAGE)[-1] == "No other key differs."
    with pytest.raises(InputError, match="run make docs"):
        kept_versions([*names, "mask_rcnn/mask_rcnn_r50_fpn_1x_coco"], PAGE)
    with pytest.raises(InputError, match="run make docs"):
        kept_versions(names, tmp_path / "none.md")


def test_the_1x_config_that_the_author_ran_differs_from_the_3x_one_in_its_schedule():
    one, three = (read_zoo(zoo_path(f"mask_rcnn/mask_rcnn_r50_caffe_fpn_mstrain-poly_{n}x_coco")) for n in (1, 3))
    assert changes(three, one) == [("lr_config.step", [28, 34], [8, 11]), ("runner.max_epochs", 36, 12)]
