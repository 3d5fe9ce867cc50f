"""True masks of raw images, read by OpenCV alone."""

import cv2


def true_masks(images):
    """{(image number, mask file's name): bool mask (height x width)} of RawImages."""
    return {(i.number, p.name): cv2.imread(str(p), 0) > 0 for i in images for p in i.masks}
