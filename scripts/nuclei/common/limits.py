"""Limits that several subjects share."""

MOST_PIXELS = 2**30  # of an image; OpenCV reads no larger one
