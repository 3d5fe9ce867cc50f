"""The name under which a cell's config.py imports the augmentation steps; their code is in nuclei.models.augmentation.

Every config.py with such a step names this module in `custom_imports`. The name is therefore part of the hash by which
a training finds its work folder: with another name, finished trainings would not be found and would start again.
"""

from nuclei.models.augmentation import AlignedResize, MoveImage, QuarterTurn, VisibleInstances

__all__ = ["AlignedResize", "MoveImage", "QuarterTurn", "VisibleInstances"]
