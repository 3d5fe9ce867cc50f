"""Names of the scores: kind of average precision, and how many detections per image count."""

CAPS = (100, 1000)


NAMES = tuple(f"{kind}_{cap}" for cap in CAPS for kind in ("ap", "ap50", "ap75"))
