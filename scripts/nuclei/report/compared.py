"""The scores that tables and figures of comparisons show, with their titles; comparisons.json has all scores."""

COMPARED = {
    "ap50_100": "report's mAP (AP50 @100)",
    "ap_1000": "AP 0.50:0.95 @1000",
    "pq": "PQ",
    "aji_plus": "AJI+",
}
