"""Names of the scores. Each says the kind of average precision and how many detections per image count at most.

`ap` is the mean over the IoU thresholds 0.50, 0.55, … 0.95; `ap50` is at IoU 0.50, `ap75` at IoU 0.75. The number
is the cap: `ap50_100` counts the 100 surest detections of each image.
"""

from typing import Literal, get_args

CAPS = (100, 1000)


# Written out, so that a type checker knows every name; cap by cap, as tables show them.
ScoreName = Literal["ap_100", "ap50_100", "ap75_100", "ap_1000", "ap50_1000", "ap75_1000"]


NAMES: tuple[ScoreName, ...] = get_args(ScoreName)
