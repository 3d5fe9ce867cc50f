"""Options of an mmdet config."""

import pytest

from nuclei.common.stage import InputError
from nuclei.models.config_tree import set_option


def test_misspelt_options_are_named():
    with pytest.raises(InputError, match="option modle.x: modle not found in the mmdet config, wanted one of"):
        set_option({"model": {}}, "modle.x", 1)
    with pytest.raises(InputError, match="option model.head.x: model.head not found"):
        set_option({"model": {"neck": {}}}, "model.head.x", 1)
