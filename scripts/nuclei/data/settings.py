"""The settings' parts of the annotations."""


def subset(content, ids):
    """The part of a COCO content that belongs to the images with these ids (folder names); all numbers unchanged."""
    images = [image for image in content["images"] if image["file_name"].split("/")[0] in ids]
    numbers = {image["id"] for image in images}
    annotations = [row for row in content["annotations"] if row["image_id"] in numbers]
    dropped = [row for row in content["info"]["dropped"] if row["image"] in ids]
    return {**content, "images": images, "annotations": annotations, "info": {**content["info"], "dropped": dropped}}
