"""Bring a data set of another format into the raw layout of this project.

It reads a folder or an archive with images and annotations as other programs write them, and where one is named a
second one with test images. It writes dataset/ and test_masks/ in the layout that every later stage reads, and
imported.json: the format, and of each image what was changed, its pixel size, and what happened to which nucleus.
"""

import argparse
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

from nuclei.common.classes import CLASSES
from nuclei.common.files import write_json
from nuclei.common.stage import run_stage
from nuclei.data.made_folder import mark_made
from nuclei.data.raw_sources import unpacked
from nuclei.formats.importing import Choice, Source, import_data, named

PREFIX = ".importing-"  # of the folder of an import that is not finished


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", required=True, help="the data set: a folder, or path or URL of an archive")
    parser.add_argument("--sha256", help="SHA-256 of the archive, which a URL must have")
    parser.add_argument(
        "--format", default="auto", help="its format, and that of --test-source if need be; auto: found by itself"
    )
    parser.add_argument("--test-source", help="a second data set, all of whose images test")
    parser.add_argument("--test-sha256", help="SHA-256 of the archive of --test-source")
    parser.add_argument("--test-file", type=Path, help="YAML or JSON list of the ids of the test images")
    parser.add_argument(
        "--test-fraction", type=float, default=0.2, help="share of the images that test, without a list"
    )
    parser.add_argument("--test-seed", type=int, default=0, help="seed of the choice by --test-fraction")
    parser.add_argument(
        "--groups", type=Path, help="CSV or TSV with the columns image and --column; no group is divided"
    )
    parser.add_argument("--column", default="group", help="column of --groups that names the groups")
    parser.add_argument("--no-test-masks", action="store_true", help="the nuclei of the test images are not known")
    parser.add_argument(
        "--class", dest="classes", action="append", help="name of a class (default: nucleus); of one all nuclei are"
    )
    parser.add_argument("--threads", type=int, default=1, help="how many processes work at the same time")
    parser.add_argument("--out", type=Path, required=True, help="folder to write dataset/ and test_masks/ to")
    parser.add_argument("--report", required=True, help="where to write imported.json")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for left in args.out.glob(f"{PREFIX}*"):  # by an import that was killed
        shutil.rmtree(left, ignore_errors=True)
    with ExitStack() as stack:
        beside = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=PREFIX, dir=args.out)))
        folder = stack.enter_context(unpacked(args.source, args.sha256, beside / "source", "dataset"))
        places = {folder: args.source}
        test: Source | None = None
        if args.test_source:
            other = stack.enter_context(unpacked(args.test_source, args.test_sha256, beside / "test", "test"))
            test = Source(other, otherwise=args.format)
            places[other] = args.test_source
        groups = (args.groups, args.column) if args.groups else None
        choice = Choice(test, args.test_file, args.test_fraction, args.test_seed, not args.no_test_masks, groups)
        stack.enter_context(named(places))
        report = import_data(Source(folder, args.format), choice, beside, args.classes or CLASSES, args.threads)
        for part in ["dataset"] if args.no_test_masks else ["test_masks", "dataset"]:
            shutil.rmtree(args.out / part, ignore_errors=True)
            (beside / part).rename(args.out / part)
            mark_made(args.out / part)
    write_json(args.report, report)


if __name__ == "__main__":
    run_stage(main)
