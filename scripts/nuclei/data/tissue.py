"""Where on a slide tissue is, so that glass is skipped.

Stained tissue has a colour, glass is grey or white: a pixel is tissue where its largest and its smallest of red, green
and blue differ by a given number. This is looked up on a reduced picture, where noise and dust are below a pixel. It
says nothing of grey or dark images (ImageFile.is_stained), such as fluorescence, which have no glass.
"""

import cv2
import numpy as np

from nuclei.data.image_files import ImageFile

MARGIN = 2  # px of the reduced picture by which tissue is widened: nuclei at its border count


def tissue_of(image: ImageFile, least: int) -> "Tissue | None":
    """The tissue of a slide, by which its windows are chosen. None where no window is to be skipped.

    Skipped is nothing of an ordinary image, of a slide that is grey or dark, and with `least` 0.
    """
    return Tissue(image, least) if image.is_slide and least and image.is_stained else None


class Tissue:
    """The tissue of an image. least: difference between the colours of a pixel, 0 to 255, from which it is tissue."""

    def __init__(self, image: ImageFile, least: int) -> None:
        picture = cv2.medianBlur(image.overview, 3)
        found = (picture.max(axis=2) - picture.min(axis=2) >= least).astype(np.uint8)
        self.mask = cv2.dilate(found, np.ones((2 * MARGIN + 1, 2 * MARGIN + 1), np.uint8)) > 0
        self.scale = found.shape[1] / image.width

    def within(self, left: int, top: int, right: int, bottom: int) -> bool:
        """Whether a part of the image holds tissue; its edges in px of the image, right and bottom exclusive."""
        x0, y0 = int(left * self.scale), int(top * self.scale)
        x1, y1 = int(right * self.scale) + 1, int(bottom * self.scale) + 1
        return bool(self.mask[y0:y1, x0:x1].any())
