"""Light that stained tissue absorbs, and how much of it haematoxylin, eosin and DAB account for."""

import numpy as np
from numpy.typing import NDArray

# Red, green and blue absorbed by haematoxylin, eosin and DAB: Ruifrok and Johnston, Analytical and Quantitative
# Cytology and Histology 23 (2001), in the digits that scikit-image's rgb_from_hed has.
STAINS = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]])
UNMIXING = np.linalg.inv(STAINS)
DENSITIES = -np.log10(np.maximum(np.arange(256), 1) / 255)


def density(colours: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Optical density of red, green and blue: -log10(value / 255), 0 taken for 1. colours: (…, blue, green, red)."""
    return np.asarray(DENSITIES[colours[..., ::-1]])


def stains(densities: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much of an optical density is haematoxylin's, eosin's and DAB's, by colour deconvolution (source above).

    densities: (…, red, green, blue). It is linear: the stains of a mean density are the mean of the stains.
    """
    return np.asarray(densities @ UNMIXING)
