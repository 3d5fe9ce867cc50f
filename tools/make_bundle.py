"""Make a model bundle of a trained cell: one zip file to use the model, or to train on from it, on any machine.

make bundle CELL=results/<run>/cells/setting1/mask_r50/seed0 [BUNDLE=…] [PIXEL_SIZE=…] [LICENCE=…]
"""

import argparse
from pathlib import Path

import library  # noqa: F401 - lets Python find nuclei
from nuclei.common.stage import InputError, run_stage
from nuclei.prediction.bundles import make_bundle


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cell", required=True, help="folder of the cell")
    parser.add_argument("--out", help="the bundle (default: bundle.zip in the cell's folder)")
    parser.add_argument("--pixel-size", type=float, help="µm per px of the training images (default: of their files)")
    parser.add_argument("--licence", default="not told", help="licence of the training images")
    args = parser.parse_args()
    if args.pixel_size is not None and not 0.01 < args.pixel_size < 100:
        raise InputError(f"--pixel-size {args.pixel_size} found, wanted µm per px, such as 0.25; correct it")
    out = Path(args.out or Path(args.cell) / "bundle.zip")
    if out.suffix != ".zip":
        raise InputError(f"--out {out} found, wanted a name that ends in .zip; correct it")
    licences = {"code": "MIT", "training images": args.licence}
    digits = make_bundle(Path(args.cell), out, args.pixel_size, licences)
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB, sha256={digits}")


if __name__ == "__main__":
    run_stage(main)
