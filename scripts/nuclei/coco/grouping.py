"""Rows of COCO files, image by image."""


def by_image(content, rows):
    """{image id: rows of that image, in their order}, for every image of `content`."""
    found = {image["id"]: [] for image in content["images"]}
    for row in rows:
        found[row["image_id"]].append(row)
    return found
