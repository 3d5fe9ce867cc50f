"""Zoo configs of the installed mmdet."""

import pytest

from nuclei.common.stage import InputError
from nuclei.models.zoo import zoo_path


def test_unknown_zoo_config_gets_the_nearest():
    with pytest.raises(InputError, match="nearest: mask_rcnn/mask_rcnn_r50_fpn_1x_coco"):
        zoo_path("mask_rcnn/mask_rcnn_r50_fpn_1x_coc")
