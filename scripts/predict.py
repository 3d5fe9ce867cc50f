"""Find the nuclei in the test images, or in the validation images, with the chosen checkpoint of one cell.

It reads the cell's config.py, which names the images, and its checkpoint.pth. It writes COCO results (such as
predictions.json) with masks as run-length codes (RLE) and boxes [x, y, width, height] in px. The options --views,
--scales and --window make several predictions for each place of an image and fuse them (test-time augmentation, sliding
window).
"""

import argparse
import signal
import sys

from nuclei.common.files import write_json
from nuclei.common.stage import InputError, run_stage
from nuclei.compute.device import set_up
from nuclei.prediction.ready_model import ready_model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", required=True, help="resolved config.py of the cell")
    parser.add_argument("--checkpoint", required=True, help="checkpoint.pth, the chosen weights of the cell")
    parser.add_argument(
        "--part", choices=["test", "val"], default="test", help="images of config.py's data.test or data.val"
    )
    parser.add_argument("--label", default="predict", help="name of the cell in progress lines")
    parser.add_argument("--device", default="auto", help="auto (a GPU where there is one), cpu, cuda or cuda:N")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of the process")
    parser.add_argument(
        "--views", type=int, choices=[1, 2, 4, 8], default=1, help="how many flipped and turned views are fused"
    )
    parser.add_argument(
        "--scales", type=float, nargs="+", default=[1.0], help="factors on the test scale, whose predictions are fused"
    )
    parser.add_argument("--window", type=int, help="side of the windows that larger images are cut into, px")
    parser.add_argument("--overlap", type=int, default=128, help="overlap of neighbouring windows, px")
    parser.add_argument("--soft-nms", dest="soft", action="store_true", help="lower the scores of nuclei that overlap")
    parser.add_argument(
        "--border", type=float, default=1.0, help="factor on the scores of nuclei that touch the border of the image"
    )
    parser.add_argument("--out", required=True, help="where to write the COCO results")
    args = parser.parse_args()
    if args.window is not None and args.window < 1:
        raise InputError(f"--window {args.window}: wanted a side of 1 px or more; correct it")
    if args.window and not 0 <= args.overlap < args.window:
        raise InputError(
            f"--overlap {args.overlap} with --window {args.window}: wanted 0 or more and less than the window; "
            "correct one"
        )
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    config, device = set_up(args, trains=False)
    from mmdet.datasets import build_dataset

    from nuclei.prediction.many_looks import predict_views
    from nuclei.prediction.single_look import predict

    model, _gpu = ready_model(config, args.checkpoint, device, args.label)  # held as long as it is referenced
    images = config.data[args.part]
    dataset = build_dataset(images, dict(test_mode=True))
    if args.views == 1 and args.scales == [1.0] and not args.window and not args.soft and args.border == 1:
        found = predict(model, dataset, label=args.label)
    else:
        options = {key: getattr(args, key) for key in ("views", "scales", "window", "overlap", "soft", "border")}
        found = predict_views(model, dataset, images.pipeline, args.label, **options)
    write_json(args.out, found, indent=None)


if __name__ == "__main__":
    run_stage(main)
