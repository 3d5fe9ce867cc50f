"""How far the tissue of an image lies from where its masks say: what training.offset moves back.

Nuclei in stained tissue are darker than what is around them. So the image is shifted under its masks by whole pixels,
and for each shift the covariance of mask and darkness is computed. The offset is the shift at which the masks cover the
darkest pixels; a parabola through the largest covariance and its two neighbours gives it in fractions of a pixel.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

REACH = 4  # px, the largest offset that is looked for


def peak(values: Sequence[float]) -> float | None:
    """Where a row of values has its maximum, in steps from the middle of the row; None where that is at an end.

    A parabola through the maximum and its two neighbours gives fractions of a step.

    >>> peak([0.0, 3.0, 4.0, 3.0, 0.0]), peak([0.0, 2.0, 4.0, 4.0, 2.0])
    (0.0, 0.5)
    """
    at = int(np.argmax(values))
    if not 0 < at < len(values) - 1:
        return None
    before, top, after = values[at - 1 : at + 2]
    return float(at - len(values) // 2 + (before - after) / (2 * (before - 2 * top + after)))


def offset(image: NDArray[np.number], masks: NDArray[np.bool_]) -> tuple[float | None, float | None]:
    """The offset (x right, y down), px, of the tissue from its masks; None for an axis without a peak within REACH.

    image: height x width or height x width x channels, bright where the stain is weak. masks: bool, height x width,
    true in every nucleus.
    """
    grey = image.reshape(*masks.shape, -1).mean(-1)
    dark = -cv2.GaussianBlur(grey, (0, 0), 1)
    inner = np.s_[REACH:-REACH]
    covered = masks[inner, inner] - masks[inner, inner].mean()
    shifts = range(-REACH, REACH + 1)

    def along(axis: int) -> float | None:
        return peak([(covered * np.roll(dark, -shift, axis)[inner, inner]).mean() for shift in shifts])

    return along(1), along(0)
