"""Limits that several subjects share."""

# Most pixels that an image may have: OpenCV (4.14) refuses to read larger ones, so the checks name them beforehand.
MOST_PIXELS = 2**30
