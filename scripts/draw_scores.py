"""Draw the scores of a run: errors, precision and recall, the report's metric below its ceiling, nuclei by size.

It reads image_statistics.json and errors.csv of every cell of one seed, and comparisons.json. It writes the figures
errors, precision_recall, ceiling and sizes, each as .png and .svg.
"""

import argparse

import numpy as np

from nuclei.common.files import read_json
from nuclei.common.stage import run_stage, written_by
from nuclei.report.cells import by_setting
from nuclei.report.error_figure import draw_errors
from nuclei.report.score_figures import draw_ceiling, draw_precision_recall, draw_sizes
from nuclei.scoring.compared_files import read_statistics
from nuclei.scoring.comparison_types import label
from nuclei.scoring.error_file import count_errors, read_errors
from nuclei.scoring.image_statistics import ceilings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--statistics", nargs="+", required=True, help="image_statistics.json of each cell, by setting, then model"
    )
    parser.add_argument("--errors", nargs="+", required=True, help="errors.csv of each cell, in the same order")
    parser.add_argument("--comparisons", required=True, help="comparisons.json of the run")
    parser.add_argument("--settings", nargs="+", type=int, required=True, help="settings, in the order of the files")
    parser.add_argument("--models", nargs="+", required=True, help="names of the models, in the order of the files")
    parser.add_argument("--seed", type=int, required=True, help="the seed of these cells")
    parser.add_argument("--out-dir", required=True, help="folder to write the figures to")
    args = parser.parse_args()
    files = {
        option: by_setting(args.settings, args.models, [args.seed], getattr(args, option), f"--{option}")
        for option in ("statistics", "errors")
    }
    keys = [(setting, model) for setting in args.settings for model in args.models]
    paths = {
        option: dict(zip(keys, (path for setting in args.settings for path in found[setting]), strict=True))
        for option, found in files.items()
    }
    images = {label(*key): read_statistics(str(path)) for key, path in paths["statistics"].items()}
    scored = {name: [image.detections for image in found] for name, found in images.items() if found}
    errors = {label(*key): read_errors(path) for key, path in paths["errors"].items()}
    errors = {name: rows for name, rows in errors.items() if rows}
    comparisons = read_json(args.comparisons, "what compare_cells.py writes")
    draw_errors({name: count_errors(rows) for name, rows in errors.items()}, f"{args.out_dir}/errors")
    draw_precision_recall(scored, f"{args.out_dir}/precision_recall")
    nuclei = np.array([image.nuclei for image in next(iter(scored.values()), [])], int)
    ceiling = float(ceilings(nuclei, np.ones((1, len(nuclei)), int))[0]) if len(nuclei) else None
    with written_by("compare_cells.py", args.comparisons):
        draw_ceiling(comparisons, ceiling, f"{args.out_dir}/ceiling")
    sizes = {}
    for name, rows in errors.items():
        true = [row for row in rows if row["what"] == "nucleus"]
        found = [row["area"] for row in rows if row["what"] == "detection"]
        matched = np.array([row["kind"] == "matched" for row in true], bool)
        sizes[name] = (np.array([row["area"] for row in true], int), matched, np.array(found, int))
    draw_sizes(sizes, f"{args.out_dir}/sizes")


if __name__ == "__main__":
    run_stage(main)
