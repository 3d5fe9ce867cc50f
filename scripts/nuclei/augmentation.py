"""The name under which a cell's config.py imports the augmentation steps; their code is in nuclei.models.augmentation.

Every config.py with such a step names this module in `custom_imports`, also that of a finished training, which must
stay readable.
"""

from nuclei.models.augmentation import (
    AlignedResize,
    MoveImage,
    QuarterTurn,
    StainJitter,
    StretchContrast,
    VisibleInstances,
)

__all__ = ["AlignedResize", "MoveImage", "QuarterTurn", "StainJitter", "StretchContrast", "VisibleInstances"]
