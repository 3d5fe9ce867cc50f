"""An overlay picture: the image, with the outline of each nucleus; a large image or slide is reduced."""

from collections.abc import Sequence

import cv2
import numpy as np

from nuclei.common.contrast import stretched
from nuclei.common.files import whole_file
from nuclei.export.measurements import MeasuredNucleus
from nuclei.export.outlines import parts
from nuclei.export.writing import Writer

LONGEST = 4096  # px of the picture's longer side
COLOUR = (200, 220, 0)  # blue, green, red
BITS = 4  # of the fractions of px in which OpenCV takes corners


class Overlay(Writer):
    """A JPEG with the outlines along the pixel edges, 1 px wide. A dark image is stretched, for the eye alone."""

    suffix = ".overlay.jpg"

    def begin(self) -> None:
        picture = self.image.small(LONGEST)
        self.picture = np.ascontiguousarray(stretched(picture) if self.image.is_dark else picture)

    def add(self, nuclei: Sequence[MeasuredNucleus], first: int) -> None:
        scale = self.picture.shape[1] / self.image.width
        rings = []
        for nucleus in nuclei:
            for ring in (ring for part in parts(nucleus.mask) for ring in part):
                # OpenCV counts from the middle of the first pixel
                corners = (np.array(ring) + (nucleus.x, nucleus.y)) * scale - 0.5
                rings.append(np.round(corners * 2**BITS).astype(np.int32))
        cv2.polylines(self.picture, rings, True, COLOUR, 1, cv2.LINE_8, BITS)

    def finish(self) -> None:
        # without 4:4:4 a JPEG keeps colours at half the size, in which a thin line fades
        how = [cv2.IMWRITE_JPEG_QUALITY, 92, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
        _, content = cv2.imencode(".jpg", self.picture, how)
        with whole_file(self.path) as path:
            path.write_bytes(content.tobytes())
