"""resolve_config.py writes a file that mmcv reads."""

import json

from mmcv import Config
from support.resolved_configs import MODELS, training


def test_command_writes_a_file_that_mmcv_reads(stage, tmp_path):
    done = stage(
        "resolve_config",
        "--model",
        json.dumps(MODELS["mask_r50"] | {"options": {"optimizer.lr": 1e-5}}),  # 1e-05 in JSON, a text in YAML 1.1
        "--training",
        json.dumps(training("demo")),
        "--train",
        "a.json",
        "b",
        "--validation",
        "c.json",
        "d",
        "--test",
        "e.json",
        "f",
        "--polygons",
        "--seed",
        5,
        "--out",
        tmp_path / "config.py",
    )
    assert done.returncode == 0, done.stderr
    config = Config.fromfile(str(tmp_path / "config.py"))
    assert (config.seed, config.data.test.ann_file, config.runner.max_epochs) == (5, "e.json", 3)
    assert config.optimizer.lr == 0.00001
    assert "_base_" not in (tmp_path / "config.py").read_text()
