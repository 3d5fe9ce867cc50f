"""Find the nuclei in new images and slides with a trained model, and write them in the forms that people use.

It reads a model (a bundle, or the folder of a cell) and images: files, folders, lists. It writes, for each image, a
file of each form (geojson, labels, zarr, coco, table, overlay) and a record, <image>.nuclei.json; and a list of all
images, with what came out. Started again, it goes on: images with a record are done, and so are the finished rows of
windows of a large image or slide. docs/predict.md explains it.
"""

import argparse
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

from nuclei.common.progress import Progress
from nuclei.common.stage import InputError, run_stage
from nuclei.compute.device import set_up
from nuclei.data.image_files import ImageFile, open_image_file
from nuclei.data.tissue import Tissue
from nuclei.export.forms import FORMS, write_forms
from nuclei.export.image_records import code_state, finished, short, state_of, write_list, write_record, write_skipped
from nuclei.export.window_rows import WindowRows
from nuclei.prediction.bundles import open_model
from nuclei.prediction.many_looks import ManyLooks
from nuclei.prediction.ready_model import ready_model
from nuclei.prediction.trained_model import TrainedModel, finer, fitting, test_scale, zoom_warning
from nuclei.workflow.image_list import list_image_files

WHOLE = 1.5  # images up to so many times as large as those that the model saw are looked at whole


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--model", required=True, help="bundle (path, or URL with #sha256=<64 hex digits>), or the folder of a cell"
    )
    parser.add_argument("--images", required=True, nargs="+", help="images, slides, folders of them, lists (.txt)")
    parser.add_argument("--forms", nargs="+", choices=list(FORMS), default=["geojson", "table"], help="what to write")
    parser.add_argument("--out-dir", required=True, help="folder of the results")
    parser.add_argument("--work", required=True, help="folder of what is kept of unfinished images")
    parser.add_argument("--out", help="where to write the list of all images (tab-separated)")
    parser.add_argument(
        "--on-bad-image", choices=["stop", "skip"], default="stop", help="stop before any work, or skip the image"
    )
    parser.add_argument("--pixel-size", type=float, help="µm per px of images whose files tell none")
    parser.add_argument(
        "--tissue", type=int, default=15, help="difference of colours that makes tissue; 0: all is looked at"
    )
    parser.add_argument("--label", default="predict_images", help="start of progress lines")
    parser.add_argument("--device", default="auto", help="auto (a GPU where there is one), cpu, cuda or cuda:N")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of the process")
    parser.add_argument(
        "--views", type=int, choices=[1, 2, 4, 8], default=1, help="how many flipped and turned views are fused"
    )
    parser.add_argument(
        "--scales", type=float, nargs="+", default=[1.0], help="factors on the scale, whose predictions are fused"
    )
    parser.add_argument(
        "--window", type=int, help="side of the windows of large images, px (default: as the model saw)"
    )
    parser.add_argument("--overlap", type=int, default=128, help="overlap of neighbouring windows, px")
    parser.add_argument("--soft-nms", dest="soft", action="store_true", help="lower the scores of nuclei that overlap")
    return parser.parse_args()


def check(path: Path, model: TrainedModel) -> str | None:
    """The problem of an image that cannot be predicted on, or None. An image is read whole, of a slide a corner."""
    try:
        image = open_image_file(path, model.pixel_size)
        image.read(0, 0, min(image.width, 64), min(image.height, 64))
    except InputError as error:
        return str(error)
    return None


def skip(folder: Path, path: Path, state: dict[str, Any], problem: str) -> None:
    """Report an image that is skipped."""
    write_skipped(folder, path, state, problem)
    print(f"skipped: {problem}", file=sys.stderr, flush=True)


def viewer_of(
    image: ImageFile, model: TrainedModel, looks: ManyLooks, args: argparse.Namespace, config: Any
) -> ManyLooks:
    """Set the looks for an image: its windows, and scales that show it at the zoom of the model."""
    more = finer(model, image, args.pixel_size)
    side = args.window or round(model.side / more)
    longest = max(image.width, image.height)
    looks.window = side if args.window or longest > WHOLE * side else None
    looks.overlap = min(args.overlap, side // 2)
    width, height = (min(looks.window or length, length) for length in (image.width, image.height))
    own = fitting(test_scale(config), width, height)  # the zoom that mmdet would give a window
    looks.scales = [scale * (model.zoom * more / own) for scale in args.scales]
    return looks


def main() -> None:
    args = arguments()
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    folder, forms = Path(args.out_dir), list(dict.fromkeys(args.forms))
    images, model = list_image_files(args.images), open_model(args.model)
    if args.window and args.overlap >= args.window:
        raise InputError(f"--overlap {args.overlap} found, wanted less than --window {args.window}; correct one")
    names = ("views", "scales", "window", "overlap", "soft", "tissue", "pixel_size")
    options, code = {name: getattr(args, name) for name in names}, code_state(__file__)
    states = {path: state_of(path, model, options, code) for path in images}
    records = {path: record for path in images if (record := finished(folder, path, states[path], forms))}
    waiting = [path for path in images if path not in records]
    bad = {path: problem for path in waiting if (problem := check(path, model))}
    if bad and args.on_bad_image == "stop":
        raise InputError(*(line for problem in bad.values() for line in problem.splitlines()))
    for path, problem in bad.items():
        skip(folder, path, states[path], problem)
    waiting = [path for path in waiting if path not in bad]
    if records:
        print(f"{args.label}: {len(records)} of {len(images)} images are done", file=sys.stderr, flush=True)
    if waiting:
        predict(args, model, waiting, states, records, bad, forms)
    if args.out:
        write_list(Path(args.out), images, records, bad)


def predict(
    args: argparse.Namespace,
    model: TrainedModel,
    images: list[Path],
    states: dict[Path, dict[str, Any]],
    records: dict[Path, dict[str, Any]],
    bad: dict[Path, str],
    forms: list[str],
) -> None:
    """Predict on the images, and fill `records` and `bad`."""
    args.config = str(model.config)
    config, device = set_up(args, trains=False)
    import torch

    detector, _gpu = ready_model(config, str(model.weights), device, args.label)  # held as long as it is referenced
    pipeline = config.data.test.pipeline
    at = next(i for i, step in enumerate(pipeline) if step["type"] == "MultiScaleFlipAug")
    looks = ManyLooks(detector, pipeline[at:], args.views, soft=args.soft)
    for number, path in enumerate(images, 1):
        start = time.monotonic()
        image = open_image_file(path, model.pixel_size)
        viewer = viewer_of(image, model, looks, args, config)
        if warning := zoom_warning(model, image, args.pixel_size):
            print(f"warning: {warning}", file=sys.stderr, flush=True)
        rows = WindowRows(image, viewer, Path(args.work) / short(states[path]))
        done = rows.finished()
        label = f"{args.label} {path.name} ({number}/{len(images)})"
        progress = Progress(label, len(rows.rows) * rows.looks_a_row(), "looks", done=done * rows.looks_a_row())
        rows.skipped, viewer.between = progress.step, progress.step
        if image.is_slide and args.tissue:
            rows.tissue = Tissue(image, args.tissue)
        try:
            most = rows.predict()
        except torch.cuda.OutOfMemoryError as error:
            raise InputError(
                f"{label}: out of GPU memory ({str(error)[:120]}), wanted more; lower inference.window (--window), or "
                "take a larger GPU"
            ) from None
        except InputError as error:  # a part of a slide that cannot be read is found only now
            if args.on_bad_image == "stop":
                raise
            bad[path] = str(error)
            skip(Path(args.out_dir), path, states[path], bad[path])
            continue
        count = write_forms(Path(args.out_dir), image, rows.batches(), most, forms)
        seconds = time.monotonic() - start
        records[path] = write_record(Path(args.out_dir), image, states[path], forms, count, seconds)
        progress.close(f", {count} nuclei")
        shutil.rmtree(rows.folder)


if __name__ == "__main__":
    run_stage(main)
