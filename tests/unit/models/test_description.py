"""The settings in force in a resolved config, as text."""

from support.resolved_configs import resolved_under

from nuclei.models.description import settings_in_force


def test_settings_in_force_are_read_off_the_right_keys():
    texts = settings_in_force(resolved_under("mask_x101", "as_run"))
    assert texts["normalisation, training"] == "BGR, mean 103.53 116.28 123.675, std 57.375 57.12 58.395"
    assert texts["normalisation, validation"] == "as in training"
    assert texts["normalisation, test"] == "BGR, mean 103.53 116.28 123.675, std 1 1 1"
    assert texts["scale, training"] == "1333 x 640 to 800"
    assert settings_in_force(resolved_under("cascade_x101", "as_run"))["scale, training"] == "1333 x 800"
    assert settings_in_force(resolved_under("pointrend_r50", "report"))["scale, training"].endswith(
        "one of 640, 672, 704, 736, 768, 800"
    )
    assert texts["masks, training"] == "polygons"
    assert texts["NMS"] == "nms, IoU 0.5"
    assert settings_in_force(resolved_under("mask_r101", "as_run"))["score threshold"] == "0.01"
