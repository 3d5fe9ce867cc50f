"""The images that models are measured on, taken from a raw data set."""

import json
from collections import Counter
from pathlib import Path

from gpu.material import VARIABLE, make_paths
from gpu.subjects import Subject


def test_the_fullest_images_of_a_raw_data_set_are_taken(drawn, tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(drawn / "dataset"))
    paths = make_paths(tmp_path, small=False)
    content = json.loads(Path(paths["train"]["annotations"]).read_text())
    nuclei = Counter(path.parts[-3] for path in (drawn / "dataset/train").glob("*/masks/*.png"))
    found = Counter(row["image_id"] for row in content["annotations"])
    assert [(image["file_name"].split("/")[0], found[image["id"]]) for image in content["images"]] == (
        nuclei.most_common(2)
    )
    assert all((Path(paths["train"]["images"]) / image["file_name"]).is_file() for image in content["images"])
    one = Subject("mask_r50", paths, True)
    assert one.image_ids == set(found) and one.nuclei == len(content["annotations"])
