"""Make the one config.py that holds a cell's whole recipe, with nothing left to inherit.

It reads the model's config in mmdet's zoo, the model's entry in models.yaml and the section `training` of the config;
the last two come as JSON on the command line, with the protocol's changes in them. It writes config.py in mmdet's own
format, so that mmdet's tools/train.py can read it. The paths of data and weights go into it and need not exist yet.
"""

import argparse
import json

from nuclei.common.classes import CLASSES
from nuclei.common.files import whole_file
from nuclei.common.stage import run_stage
from nuclei.models.resolve import resolve
from nuclei.models.zoo import zoo_path

PAIR = ("ANNOTATIONS", "IMAGES")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--model", required=True, help="the model's entry in models.yaml, with the protocol's changes, as JSON"
    )
    parser.add_argument(
        "--training", required=True, help="section `training` of the config, with the protocol's values, as JSON"
    )
    parser.add_argument(
        "--train", required=True, nargs=2, metavar=PAIR, help="training data: COCO JSON, folder of the images"
    )
    parser.add_argument(
        "--validation", required=True, nargs=2, metavar=PAIR, help="validation data: COCO JSON, folder of the images"
    )
    parser.add_argument(
        "--test", required=True, nargs=2, metavar=PAIR, help="test data: COCO JSON, folder of the images"
    )
    parser.add_argument("--weights", help="COCO checkpoint that the training starts from (default: a random start)")
    parser.add_argument("--polygons", action="store_true", help="the annotations hold polygons, not RLE")
    parser.add_argument("--tf32", action="store_true", help="let a GPU round fp32 products to TF32")
    parser.add_argument("--gpus", type=int, default=1, help="GPUs that train the cell together (default: %(default)s)")
    parser.add_argument("--class", dest="classes", action="append", help="name of a class (default: nucleus)")
    parser.add_argument("--seed", type=int, required=True, help="seed of the cell")
    parser.add_argument("--out", required=True, help="where to write config.py")
    args = parser.parse_args()
    from mmcv import Config

    from nuclei.models.config_tree import python_text

    model, training = json.loads(args.model), json.loads(args.training)
    paths = {
        part: {"annotations": value[0], "images": value[1]}
        for part, value in (("train", args.train), ("val", args.validation), ("test", args.test))
    }
    zoo = Config.fromfile(str(zoo_path(model["zoo"])))._cfg_dict.to_dict()
    classes = args.classes or CLASSES
    resolved = resolve(
        zoo, model, training, paths, args.seed, args.polygons, args.weights, args.tf32, classes, args.gpus
    )
    with whole_file(args.out) as temporary:
        temporary.write_text(python_text(resolved), encoding="utf-8")


if __name__ == "__main__":
    run_stage(main)
