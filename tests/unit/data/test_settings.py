"""The settings' parts of the annotations."""

from nuclei.data.conversion import convert
from nuclei.data.settings import subset


def test_settings_keep_numbers(training_images):
    content = convert(training_images, "imantics")
    part = subset(content, {"DEMO-02"})
    assert [image["id"] for image in part["images"]] == [2]
    assert part["annotations"] == [row for row in content["annotations"] if row["image_id"] == 2]
    assert [row["image"] for row in part["info"]["dropped"]] == ["DEMO-02"]
