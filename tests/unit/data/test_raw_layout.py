"""The layout of the real raw data, where it is at hand: the report's counts of files."""

import yaml
from conftest import ROOT, needs_real_data

from nuclei.data.raw_layout import read_layout


@needs_real_data
def test_counts_of_files_are_the_reports(real):
    images, ignored, problems = read_layout(real / "dataset", real / "test_masks")
    assert problems == []
    assert len(ignored) == 5
    nuclei = {image.id: len(image.masks) for image in images}
    assert sum(nuclei[image.id] for image in images if image.set == "train") == 14598
    assert sum(nuclei[image.id] for image in images if image.set == "test") == 2360
    split = yaml.safe_load((ROOT / "config/splits/report.yaml").read_text())
    assert sum(nuclei[id_] for id_ in split["train"]) == 11109
    assert sum(nuclei[id_] for id_ in split["validation"]) == 3489
