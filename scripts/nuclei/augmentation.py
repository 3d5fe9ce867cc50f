"""Import name of the augmentation steps in every config.py that was ever written; the code is in nuclei.models.

A cell's config.py names this module in custom_imports. The name is part of the hash that a finished training is found
by, so it stays as it is.
"""

from nuclei.models.augmentation import AlignedResize, MoveImage, QuarterTurn, VisibleInstances

__all__ = ["AlignedResize", "MoveImage", "QuarterTurn", "VisibleInstances"]
