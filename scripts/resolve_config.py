"""Zoo config + models.yaml + config -> the one resolved mmdet config.py of a cell.

The result is mmdet's own format with nothing left to inherit; `mmdet`'s tools/train.py reads it as it is.
"""

import argparse
import json

from nuclei.common.files import whole_file
from nuclei.common.stage import run_stage
from nuclei.models.resolve import resolve
from nuclei.models.zoo import zoo_path


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="models.yaml entry as JSON")
    parser.add_argument("--training", required=True, help="the config's `training` section as JSON")
    parser.add_argument("--train", required=True, nargs=2, metavar=("ANNOTATIONS", "IMAGES"))
    parser.add_argument("--validation", required=True, nargs=2, metavar=("ANNOTATIONS", "IMAGES"))
    parser.add_argument("--test", required=True, nargs=2, metavar=("ANNOTATIONS", "IMAGES"))
    parser.add_argument("--polygons", action="store_true", help="the annotations hold polygons, not RLE")
    parser.add_argument("--weights", help="COCO checkpoint to start from (default: random start)")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--out", required=True, help="config.py")
    args = parser.parse_args()
    from mmcv import Config

    model, training = json.loads(args.model), json.loads(args.training)
    paths = {
        part: {"annotations": value[0], "images": value[1]}
        for part, value in (("train", args.train), ("val", args.validation), ("test", args.test))
    }
    zoo = Config.fromfile(str(zoo_path(model["zoo"])))._cfg_dict.to_dict()
    resolved = resolve(zoo, model, training, paths, args.seed, args.polygons, args.weights)
    with whole_file(args.out) as temporary:
        temporary.write_text(Config(resolved).pretty_text, encoding="utf-8")


if __name__ == "__main__":
    run_stage(main)
