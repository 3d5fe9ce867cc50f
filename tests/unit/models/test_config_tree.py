"""Options of an mmdet config."""

import pytest
from mmcv import Config

from nuclei.common.stage import InputError
from nuclei.models.config_tree import python_text, set_option


def test_misspelt_options_are_named():
    with pytest.raises(InputError, match="option modle.x: modle not found in the mmdet config, wanted one of"):
        set_option({"model": {}}, "modle.x", 1)
    with pytest.raises(InputError, match="option model.head.x: model.head not found"):
        set_option({"model": {"neck": {}}}, "model.head.x", 1)


def test_any_text_in_a_config_is_read_again_as_it_was(tmp_path):
    texts = ["plain", 'it\'s {a} "tést" $x;\\n', "new\nline", "back\\", "'", '"', "'''", ""]
    for number, text in enumerate(texts):
        config = {"a": text, "b": [{"c": text}], "d": [text, 1], "e": {"f": text, "g": (text,)}}
        (tmp_path / f"c{number}.py").write_text(python_text(config), encoding="utf-8")
        assert Config.fromfile(str(tmp_path / f"c{number}.py"))._cfg_dict.to_dict() == config
    config = {"a": "plain", "b": [{"c": 1.5}]}
    assert python_text(config) == Config(config).pretty_text
