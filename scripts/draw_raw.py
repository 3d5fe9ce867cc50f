"""Draw a small data set that looks like stained tissue (H&E), in exactly the layout of the real raw data.

It reads nothing: the seed decides every pixel. It writes dataset/ and test_masks/ with images, masks and test ids, and
a few files that are no data, as a real data set may hold them. Masks have hard edges and never overlap.

Colours follow the law of Beer and Lambert: intensity = 255 * exp(-(hematoxylin * H + eosin * E)), with optical
densities of each channel (blue, green, red) near those of Ruifrok & Johnston, "Quantification of histochemical staining
by color deconvolution", 2001.
"""

import argparse
from pathlib import Path

from nuclei.common.stage import InputError, run_stage
from nuclei.data.drawing import draw
from nuclei.data.made_folder import mark_made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=int, default=8, help="number of training images")
    parser.add_argument("--test", type=int, default=4, help="number of test images")
    parser.add_argument("--size", type=int, default=256, help="side of an image, px")
    parser.add_argument("--seed", type=int, default=7, help="seed of all random numbers")
    parser.add_argument("--out", required=True, help="folder to write dataset/ and test_masks/ to")
    args = parser.parse_args()
    wanted = {"train": 1, "test": 1, "size": 64, "seed": 0}
    small = {name: least for name, least in wanted.items() if getattr(args, name) < least}
    if small:
        raise InputError(
            *(
                f"--{name}: {getattr(args, name)} found, wanted {least} at least; correct it"
                for name, least in small.items()
            )
        )
    draw(args.out, args.train, args.test, args.size, args.seed)
    for part in ("dataset", "test_masks"):
        mark_made(Path(args.out) / part)


if __name__ == "__main__":
    run_stage(main)
