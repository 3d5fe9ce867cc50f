"""Whether an image is known again that a model was trained on, whatever form its file has."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile

from nuclei.data.pictures import pixels_sha256, read_picture
from nuclei.export import image_records
from nuclei.export.image_records import state_of
from nuclei.prediction.trained_model import TrainedModel

RGB = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)


def state(path, *known):
    model = TrainedModel("m", Path(), Path(), "", 1.0, 256, None, dict(known), None)
    return state_of(path, model, {}, "")["trained_on"]


@pytest.mark.parametrize("kind", ["png", "opaque", "tif", "tiled", "deep", "grey"])
def test_the_users_own_file_is_known_by_its_colours(tmp_path, kind):
    path = tmp_path / ("a.png" if kind in ("png", "opaque") else "a.tif")
    if kind == "png":
        cv2.imwrite(str(path), RGB[..., ::-1])
    elif kind == "opaque":
        cv2.imwrite(str(path), np.dstack([RGB[..., ::-1], np.full((40, 50), 255, np.uint8)]))
    elif kind == "deep":
        tifffile.imwrite(path, RGB.astype(np.uint16) * 5)
    elif kind == "grey":
        tifffile.imwrite(path, RGB[..., 0])
    else:
        tifffile.imwrite(path, RGB, photometric="rgb", **({"tile": (16, 16)} if kind == "tiled" else {}))
    made = read_picture(path).array  # what import_raw makes of it
    png = tmp_path / "imported.png"
    cv2.imwrite(str(png), made if made.ndim == 2 else made[..., ::-1])
    digits = pixels_sha256(read_picture(png).array)
    assert state(path, (digits, "train/a.png")) == state(png, (digits, "train/a.png")) == "train/a.png"
    assert state(path, ("0" * 64, "train/a.png")) is None
    if kind not in ("deep", "grey"):
        assert digits == pixels_sha256(RGB)


def test_what_is_no_image_or_large_is_compared_by_its_file_alone(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_text("no image")
    assert state(path, ("0" * 64, "b.png")) is None
    cv2.imwrite(str(path), RGB[..., ::-1])
    monkeypatch.setattr(image_records, "wants_a_job", lambda path: True)
    assert state(path, (pixels_sha256(RGB), "b.png")) is None
    assert state(path, (image_records.sha256(path), "b.png")) == "b.png"


def test_a_large_slide_is_not_read_whole(tmp_path, monkeypatch):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, RGB, photometric="rgb", tile=(16, 16))
    monkeypatch.setattr(image_records, "LARGEST", RGB.shape[0] * RGB.shape[1])
    assert state(path, (pixels_sha256(RGB), "b.png")) == "b.png"
    monkeypatch.setattr(image_records, "LARGEST", RGB.shape[0] * RGB.shape[1] - 1)
    assert state(path, (pixels_sha256(RGB), "b.png")) is None
