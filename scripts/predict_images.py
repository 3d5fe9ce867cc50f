"""Find the nuclei in new images and slides with a trained model, and write them in the forms that people use.

It reads a model (a bundle, or the folder of a cell) and images: files, folders, lists. It writes, for each image, a
file of each form (geojson, labels, zarr, coco, table, overlay) and a record, <image>.nuclei.json; and a list of all
images, with what came out. Started again, it goes on: images with a record are done, and so are the finished rows of
windows of a large image or slide. docs/predict.md explains it.
"""

import argparse
import math
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nuclei.common.progress import Progress
from nuclei.common.stage import InputError, capped, run_stage
from nuclei.compute.device import set_up
from nuclei.data.image_files import ImageFile, open_image_file
from nuclei.data.readable_images import check_readable
from nuclei.data.tissue import tissue_of
from nuclei.export.forms import FORMS, write_forms
from nuclei.export.image_records import code_state, finished, short, state_of, write_list, write_record, write_skipped
from nuclei.export.window_rows import WindowRows
from nuclei.prediction.bundles import open_model
from nuclei.prediction.many_looks import ManyLooks
from nuclei.prediction.ready_model import ready_model
from nuclei.prediction.sliding_window import windows
from nuclei.prediction.trained_model import TrainedModel, finer, fitting, test_scale, zoom_warning
from nuclei.workflow.image_list import left_out, list_image_files

RANGES = {  # of options, as config/schema.yaml has them
    "window": (64, math.inf),
    "overlap": (0, math.inf),
    "scales": (0.01, 8),
    "border": (0, 1),
    "tissue": (0, 255),
    "pixel_size": (0.01, 100),
    "score_threshold": (0, 1),
    "threads": (1, math.inf),
}
WHOLE = 1.5  # images up to so many times as large as those that the model saw whole are looked at whole


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--model", required=True, help="bundle (path, or URL with #sha256=<64 hex digits>), or the folder of a cell"
    )
    parser.add_argument("--images", required=True, nargs="+", help="images, slides, folders of them, lists (.txt)")
    parser.add_argument(
        "--forms", nargs="+", choices=list(FORMS), default=["geojson", "table", "overlay"], help="what to write"
    )
    parser.add_argument("--out-dir", required=True, help="folder of the results")
    parser.add_argument("--work", required=True, help="folder of what is kept of unfinished images")
    parser.add_argument("--out", help="where to write the list of all images (tab-separated)")
    parser.add_argument(
        "--together", nargs="+", default=[], help="images, too, which other jobs predict on: stop where one is bad"
    )
    parser.add_argument(
        "--on-bad-image", choices=["stop", "skip"], default="stop", help="stop before any work, or skip the image"
    )
    parser.add_argument("--pixel-size", type=float, help="µm per px of images whose files tell none")
    parser.add_argument(
        "--tissue",
        type=int,
        default=15,
        help="difference of colours that makes tissue on a slide that is neither grey nor dark; 0: all is looked at",
    )
    parser.add_argument(
        "--score-threshold",
        type=float,
        help="nuclei of a lower score are left out (default: the model's own threshold; all where it has none)",
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
    parser.add_argument(
        "--overlap",
        type=int,
        default=128,
        help="overlap of neighbouring windows, px; without --window that of the model's run counts, if it had windows",
    )
    parser.add_argument("--soft-nms", dest="soft", action="store_true", help="lower the scores of nuclei that overlap")
    parser.add_argument(
        "--border", type=float, default=1.0, help="factor on the scores of nuclei that touch the border of the image"
    )
    return parser.parse_args()


def check_options(args: argparse.Namespace) -> None:
    """InputError names every option whose value is out of its range."""
    problems = []
    for name, (low, high) in RANGES.items():
        values = getattr(args, name)
        for value in values if isinstance(values, list) else [values]:
            if value is not None and not low <= value <= high:  # not a number, too
                wanted = f"{low} to {high}" if high < math.inf else f"{low} or more"
                problems.append(f"--{name.replace('_', '-')} {value} found, wanted {wanted}; correct it")
    if args.window and args.overlap >= args.window:
        problems.append(f"--overlap {args.overlap} found, wanted less than --window {args.window}; correct one")
    if problems:
        raise InputError(*problems)


def window_of(image: ImageFile, model: TrainedModel, args: argparse.Namespace) -> tuple[int | None, int]:
    """(side of the windows of an image, their overlap), px; no side where it is looked at whole.

    Windows are those that are asked for, else those of the model's run; the model of a run without windows has windows
    of the size of its images, for images that are much larger.
    """
    more = finer(model, image, args.pixel_size)
    side, own = args.window or round(model.side / more), model.overlap is not None
    overlap = round(model.overlap / more) if model.overlap is not None and not args.window else args.overlap
    large = max(image.width, image.height) > WHOLE * side
    return (side if args.window or own or large else None), min(overlap, side // 2)


def check(path: Path, model: TrainedModel, args: argparse.Namespace) -> int:
    """How often the detector runs on an image, as if a slide were full of tissue.

    An image is read whole, of a slide a corner. InputError where it cannot be predicted on.
    """
    image = open_image_file(path, model.pixel_size)
    image.corner()
    if warning := zoom_warning(model, image, args.pixel_size):
        print(f"warning: {warning}", file=sys.stderr, flush=True)
    rows, columns = (windows(length, *window_of(image, model, args)) for length in (image.height, image.width))
    return len(rows) * len(columns) * len(args.scales) * args.views


def warn(states: Mapping[Path, Mapping[str, Any]], model: TrainedModel) -> None:
    """Say which images the model was trained or validated on."""
    lines = [
        f"{path}: the model was trained or validated on it ({state['trained_on']}), so that what it finds there says "
        "nothing of new images"
        for path, state in states.items()
        if state["trained_on"]
    ]
    for line in capped(lines, model.name):
        print(f"warning: {line}", file=sys.stderr, flush=True)


def skip(folder: Path, path: Path, state: dict[str, Any], problem: str) -> None:
    """Report an image that is skipped."""
    write_skipped(folder, path, state, problem)
    print(f"skipped: {problem}", file=sys.stderr, flush=True)


def try_writing(folder: Path) -> None:
    """OSError now, not after hours, where a folder cannot be written to."""
    folder.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=folder).close()


def viewer_of(image: ImageFile, model: TrainedModel, looks: ManyLooks, args: argparse.Namespace, config: Any) -> None:
    """Set the looks for an image: its windows, and scales that show it at the zoom of the model."""
    looks.window, looks.overlap = window_of(image, model, args)
    width, height = (min(looks.window or length, length) for length in (image.width, image.height))
    own = fitting(test_scale(config), width, height)  # the zoom that mmdet would give a window
    zoom = model.zoom * finer(model, image, args.pixel_size)
    looks.scales = [scale * (zoom / own) for scale in args.scales]


def main() -> None:
    args = arguments()
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda number, _frame: sys.exit(128 + number))
    folder, forms = Path(args.out_dir), list(dict.fromkeys(args.forms))
    check_options(args)
    images, model = list_image_files(args.images), open_model(args.model)
    others = [f"{path}: left out, since {path.suffix} is not read; export it as TIFF" for path in left_out(args.images)]
    for line in capped(others, "images"):
        print(f"warning: {line}", file=sys.stderr, flush=True)
    if args.together:
        check_readable(list_image_files(args.together), Path(args.work) / "readable.json")
    if args.score_threshold is None:
        args.score_threshold = model.threshold or 0.0
    names = ("views", "scales", "window", "overlap", "soft", "border", "tissue", "pixel_size", "score_threshold")
    options, code = {name: getattr(args, name) for name in names}, code_state(__file__)
    states = {path: state_of(path, model, options, code) for path in images}
    records = {path: record for path in images if (record := finished(folder, path, states[path], forms))}
    looks: dict[Path, int] = {}
    bad: dict[Path, str] = {}
    for path in (path for path in images if path not in records):
        try:
            looks[path] = check(path, model, args)
        except InputError as error:
            bad[path] = str(error)
    if bad and args.on_bad_image == "stop":
        raise InputError(*(line for problem in bad.values() for line in problem.splitlines()))
    for path, problem in bad.items():
        skip(folder, path, states[path], problem)
    warn(states, model)
    if records:
        print(f"{args.label}: {len(records)} of {len(images)} images are done", file=sys.stderr, flush=True)
    if looks:
        for path in (folder, Path(args.work)):
            try_writing(path)
        predict(args, model, looks, states, records, bad, forms)
    if args.out:
        write_list(Path(args.out), images, records, bad)


def predict(
    args: argparse.Namespace,
    model: TrainedModel,
    asked: dict[Path, int],
    states: dict[Path, dict[str, Any]],
    records: dict[Path, dict[str, Any]],
    bad: dict[Path, str],
    forms: list[str],
) -> None:
    """Predict on the images of `asked`, {path: looks}, and fill `records` and `bad`."""
    args.config = str(model.config)
    config, device = set_up(args, trains=False)
    import torch

    detector, _gpu = ready_model(config, str(model.weights), device, args.label)  # held as long as it is referenced
    pipeline, classes = config.data.test.pipeline, tuple(config.data.test.classes)
    at = next(i for i, step in enumerate(pipeline) if step["type"] == "MultiScaleFlipAug")
    viewer = ManyLooks(detector, pipeline[at:], args.views, soft=args.soft, border=args.border)
    progress = Progress(args.label, sum(asked.values()), "looks")
    viewer.between = progress.step
    later, folder = sum(asked.values()), Path(args.out_dir)
    for number, path in enumerate(asked, 1):
        start, later = time.monotonic(), later - asked[path]
        name = f"{path.name} ({number}/{len(asked)})"
        try:
            image = open_image_file(path, model.pixel_size)
            viewer_of(image, model, viewer, args, config)
            tissue = tissue_of(image, args.tissue)
            rows = WindowRows(image, viewer, Path(args.work) / short(states[path]), tissue, len(classes))
            progress.total = progress.done + rows.remaining() + later  # without glass, and what an earlier start did
            if done := rows.finished():
                print(f"{args.label}: {name}: {done} of {len(rows.rows)} rows of windows are done", file=sys.stderr)
            if problem := rows.problem():
                print(f"warning: {problem}", file=sys.stderr, flush=True)
            most = rows.predict()
            count = write_forms(folder, image, rows.batches(args.score_threshold), most, forms, classes)
        except torch.cuda.OutOfMemoryError as error:
            raise InputError(
                f"{args.label}: {name}: out of GPU memory ({str(error)[:120]}), wanted more; lower inference.window "
                "(--window), or take a larger GPU"
            ) from None
        except InputError as error:  # a part of a slide that cannot be read is found only now
            if args.on_bad_image == "stop":
                raise
            bad[path] = str(error)
            progress.total = progress.done + later
            skip(folder, path, states[path], bad[path])
            continue
        records[path] = write_record(folder, image, states[path], forms, count, time.monotonic() - start, problem)
        progress.show(f", {name}: {count} nuclei")
        shutil.rmtree(rows.folder)
    progress.close(f", {len(records)} images done")


if __name__ == "__main__":
    run_stage(main)
