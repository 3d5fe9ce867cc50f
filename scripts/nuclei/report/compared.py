"""The scores that tables and figures of comparisons show, with their titles; comparisons.json has all scores."""

COMPARED = {
    "ap50_100": "mAP (AP50 @100)",
    "ap_1000": "AP 0.50:0.95 @1000",
    "pq": "PQ",
    "aji_plus": "AJI+",
}
# under every comparison of a run with one seed
ONE_SEED = (
    "one seed: each row is one training, and how much a training with another seed would change is not in the "
    "intervals, so a better row need not be a better model or setting"
)
