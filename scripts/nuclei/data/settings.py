"""The annotation files of the two settings: which part of all annotations belongs to which images."""

from collections.abc import Collection

from nuclei.coco.types import Content


def subset(content: Content, ids: Collection[str]) -> Content:
    """The part of a COCO file that belongs to the images with these ids (the names of their folders).

    content: of a file that convert_train.py writes. The ids of images and annotations stay as they are, so that one
    image has the same number in every file.
    """
    images = [image for image in content["images"] if image["file_name"].split("/")[0] in ids]
    numbers = {image["id"] for image in images}
    annotations = [row for row in content["annotations"] if row["image_id"] in numbers]
    dropped = [row for row in content["info"]["dropped"] if row["image"] in ids]
    return {**content, "images": images, "annotations": annotations, "info": {**content["info"], "dropped": dropped}}
