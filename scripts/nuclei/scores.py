"""scratch"""
import numpy as np, contextlib, io, copy
from faster_coco_eval import COCO, COCOeval_faster
def score(ground_truth, predictions, caps=(100, 1000), per_image=True):
    out = {}
    if not predictions:
        return {f"{n}_{c}": 0.0 for n in ("ap","ap50","ap75") for c in caps}
    with contextlib.redirect_stdout(io.StringIO()):
        gt = COCO(copy.deepcopy(ground_truth)); dt = gt.loadRes(copy.deepcopy(predictions))
        e = COCOeval_faster(gt, dt, "segm"); e.params.maxDets = [1, *caps]; e.evaluate(); e.accumulate()
    p = e.eval["precision"]
    for i, c in enumerate(caps):
        for n, s in (("ap", slice(None)), ("ap50", 0), ("ap75", 5)):
            q = p[s, :, 0, 0, i + 1]; out[f"{n}_{c}"] = float(q[q > -1].mean()) if (q > -1).any() else None
    return out
