"""How far the tissue of an image lies off its masks: what training.offset moves back.

Nuclei of stained tissue are darker than what is around them. The offset is the shift of the image under its masks at
which they cover the darkest: the peak of their covariance over whole px, refined by a parabola through its neighbours.
"""

import cv2
import numpy as np

REACH = 4  # px, the largest offset that is looked for


def peak(values):
    """Place of a row's maximum, in steps from its middle; between its places by a parabola. None at an end.

    >>> peak([0.0, 3.0, 4.0, 3.0, 0.0]), peak([0.0, 2.0, 4.0, 4.0, 2.0])
    (0.0, 0.5)
    """
    at = int(np.argmax(values))
    if not 0 < at < len(values) - 1:
        return None
    before, top, after = values[at - 1 : at + 2]
    return float(at - len(values) // 2 + (before - after) / (2 * (before - 2 * top + after)))


def offset(image, masks):
    """Offset (x right, y down), px, of the tissue from its masks; None for an axis without a peak within REACH.

    image: (height, width) or (height, width, channels). masks: bool (height, width), all nuclei together.
    """
    grey = image.reshape(*masks.shape, -1).mean(-1)
    dark = -cv2.GaussianBlur(grey, (0, 0), 1)
    inner = np.s_[REACH:-REACH]
    covered = masks[inner, inner] - masks[inner, inner].mean()
    shifts = range(-REACH, REACH + 1)
    return tuple(
        peak([(covered * np.roll(dark, -shift, axis)[inner, inner]).mean() for shift in shifts]) for axis in (1, 0)
    )
