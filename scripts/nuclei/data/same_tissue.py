"""Whether two images show the same tissue: the same pixels, or a part that was cut, turned, mirrored or rescaled.

Points of an image are described by ORB (Rublee et al., "ORB: an efficient alternative to SIFT or SURF", ICCV 2011),
whose descriptors do not change with turns and little with scale and brightness. Points of two images with descriptors
that fit (the second best is clearly worse: Lowe, IJCV 2004, section 7.1) must also agree on one shift, turn and scale
(RANSAC). Tissue is full of places that look alike, but these do not agree. Mirrored copies are looked for by mirroring
one of the images, since ORB does not see through a mirror.

docs/metrics.md has what is found and what is not, on the report's 30 images; tests/unit/data has the copies that are
found.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

POINTS, FEW_POINTS = 4000, 1000  # per image: with few pairs of images, and with many
FEW_PAIRS = 5000  # pairs of images up to which POINTS are compared, at most 0.2 s per pair on one core
RATIO = 0.8  # largest quotient of the best and the second best distance of a descriptor
AGREEING = 12  # points from which two images show the same tissue
LONGEST = 1200  # px: larger images are reduced before


@dataclass(frozen=True)
class Points:
    """Points of an image: places (x, y), float32, (points, 2), px of the reduced image; descriptors, uint8, (points,
    32), in the order of the places. mirrored: the same of the mirrored image."""

    places: NDArray[np.float32]
    descriptors: NDArray[np.uint8]


def points_for(pairs: int) -> int:
    """How many points per image are compared where so many pairs of images are.

    >>> points_for(6 * 24), points_for(100 * 500)
    (4000, 1000)
    """
    return POINTS if pairs <= FEW_PAIRS else FEW_POINTS


def describe(pixels: NDArray[np.uint8], points: int = POINTS) -> Points:
    """The points of an image, at most so many; pixels: uint8, height x width x 3 or height x width."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY) if pixels.ndim == 3 else pixels
    scale = LONGEST / max(grey.shape)
    if scale < 1:
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    found, descriptors = cv2.ORB.create(nfeatures=points, fastThreshold=8).detectAndCompute(grey, None)
    places = np.array([point.pt for point in found], np.float32).reshape(-1, 2)
    return Points(places, np.zeros((0, 32), np.uint8) if descriptors is None else descriptors)


def mirrored(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The image with left and right exchanged."""
    return np.ascontiguousarray(pixels[:, ::-1])


def agreeing(first: Points, second: Points) -> int:
    """How many points of two images fit and agree on one shift, turn and scale; 0 where too few fit to tell."""
    if min(len(first.places), len(second.places)) < 2:
        return 0
    pairs = cv2.BFMatcher(cv2.NORM_HAMMING).knnMatch(first.descriptors, second.descriptors, k=2)
    good = [best for best, next_best in pairs if best.distance < RATIO * next_best.distance]
    # several points of one image on one point of the other would agree by shrinking all to that point
    single = {match.trainIdx: match for match in sorted(good, key=lambda match: -match.distance)}
    if len(single) < AGREEING:
        return 0
    one = np.array([first.places[match.queryIdx] for match in single.values()])
    other = np.array([second.places[match.trainIdx] for match in single.values()])
    cv2.setRNGSeed(0)
    _, inside = cv2.estimateAffinePartial2D(one, other, method=cv2.RANSAC, ransacReprojThreshold=4.0)
    return 0 if inside is None else int(inside.sum())
