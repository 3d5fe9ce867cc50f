"""Write a first config for a folder or archive of images: what was found, and a proposal with its reasons.

It reads the names and sizes of all images and the sizes of their nuclei. It writes config/<name>.yaml, an overlay in
which each proposed value has its reason beside it. Nothing is trained, and no file is written but this one.
"""

import argparse
import math
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

import library  # noqa: F401 - lets the library be found
from nuclei.common.contrast import DARK
from nuclei.common.files import write_text
from nuclei.common.progress import Progress
from nuclei.common.stage import InputError, capped, run_stage
from nuclei.data.masks import image_size, read_nucleus
from nuclei.data.pictures import read_picture
from nuclei.data.raw_layout import read_layout
from nuclei.data.raw_names import COURSE, in_course_layout
from nuclei.data.raw_sources import unpacked
from nuclei.data.tiles import starts
from nuclei.formats.importing import Source, found_images, named
from nuclei.formats.interface import Nucleus

GOAL = 32  # px: a nucleus of this diameter fits the anchors of the finest levels and keeps its outline
CROP = 256  # px
EPOCHS = 4
STEPS = 640  # of training: some minutes on a CPU
BATCH = 4
FEW = """
# So few images say little: `folds` (docs/own_images.md) tests each of them once."""
TILE = 256  # px, where the images are large enough


@dataclass
class Found:
    """What a data set holds. Lengths in px, areas in px²."""

    format: str
    sizes: list[tuple[int, int]]  # (width, height) of each image
    areas: list[int]  # of every nucleus
    most: int  # nuclei in one image
    pixel_sizes: list[float]  # µm, of the images that have one
    brightness: list[float]  # of each image: its mean value, of 255
    overlapping: int = 0  # images in which nuclei share pixels


def look(folder: Path, wanted: str) -> Found:
    """Read a data set. InputError with all problems of it."""
    if wanted == COURSE or (wanted == "auto" and in_course_layout(folder, "")):
        images, _, problems = read_layout(folder / "dataset" if (folder / "dataset").is_dir() else folder)
        if problems:
            raise InputError(*problems)
        found = Found(COURSE, [image_size(image) for image in images], [], 0, [], [])
        for image in images:
            found.brightness.append(float(read_picture(image.file).array.mean()))
            found.areas += [int(read_nucleus(mask)[0].sum()) for mask in image.masks]
            found.most = max(found.most, len(image.masks))
        return found
    name, others = found_images(Source(folder, wanted))
    found, problems = Found(name, [], [], 0, [], []), []
    any_known = any(other.nuclei for other in others)  # else config_text says that there are none at all
    progress = Progress("look", len(others), "images")
    for other in others:
        try:
            picture = read_picture(other.file)
            height, width = picture.array.shape[:2]
            nuclei = other.nuclei(width, height)[0] if other.nuclei else []
        except InputError as error:
            problems += error.problems
            continue
        if any_known and not other.nuclei:
            problems.append(
                f"{other.file}: no nuclei are known of this image, wanted its annotations; add them or remove the image"
            )
        found.sizes.append((width, height))
        found.brightness.append(float(picture.array.mean()))
        found.areas += [int(nucleus.part.sum()) for nucleus in nuclei]
        found.most = max(found.most, len(nuclei))
        found.overlapping += overlap(nuclei, width, height)
        found.pixel_sizes += [size for size in [other.pixel_size or picture.pixel_size] if size]
        progress.step()
    progress.close()
    if problems:
        raise InputError(*capped(problems, folder))
    return found


def overlap(nuclei: list[Nucleus], width: int, height: int) -> bool:
    """Whether nuclei of an image share a pixel."""
    count = np.zeros((height, width), np.uint8)
    for nucleus in nuclei:
        down, across = nucleus.part.shape
        place = count[nucleus.top : nucleus.top + down, nucleus.left : nucleus.left + across]
        if place[nucleus.part].any():
            return True
        place[nucleus.part] = 1
    return False


def diameter(area: float) -> float:
    """The diameter of a disk of an area, px."""
    return math.sqrt(4 * area / math.pi)


def count_tiles(sizes: list[tuple[int, int]], tile: int, stride: int) -> int:
    """Number of tiles that images of these sizes (width, height) are cut into."""
    return sum(math.prod(len(starts(side, tile, stride)) for side in size) for size in sizes)


def rounded(length: float, step: int = 32) -> int:
    """The nearest multiple of `step` to a length, at least one step."""
    return max(step, round(length / step) * step)


def config_text(name: str, source: str, found: Found) -> str:
    """The config of a data set as YAML, with a reason beside each proposed value.

    InputError where there are fewer than 3 images or no nucleus.
    """
    count = len(found.sizes)
    if not found.areas:
        raise InputError(
            f"{source}: {count} images of format {found.format} without a nucleus found, wanted the nuclei of each, to "
            "learn from; add label images or outlines (docs/own_images.md)"
        )
    if count < 3:
        raise InputError(
            f"{source}: {count} {'images' if count > 1 else 'image'} found, wanted 3 at least, to train, validate and "
            "test; add images, or cut a large one into several"
        )
    small, middle, large = (diameter(area) for area in np.percentile(found.areas, (10, 50, 90)))
    least, widest = min(map(min, found.sizes)), max(map(max, found.sizes))
    zoom = float(np.clip(GOAL / middle, 0.5, 3))
    tile = min(max(TILE, rounded(6 * large)), least)
    scale = rounded(tile * zoom)
    anchor = max(2, round(small * zoom / 4))
    detections = math.ceil(1.5 * found.most / 100) * 100
    test, validation = max(0.2, 1 / count), max(1, round(0.2 * (count - max(1, round(0.2 * count)))))
    diameters = f"{small:.0f}, {middle:.0f}, {large:.0f}"
    sizes = f"{least} to {widest} px a side" if least != widest else f"all {least}x{least} px"
    pixel = f"; pixel size {np.median(found.pixel_sizes):g} µm (median)" if found.pixel_sizes else ""
    raw = f"  format: {found.format}\n"
    if found.format != COURSE:
        raw += (
            f"  test: {{fraction: {test:.3g}, seed: 0}} # {max(1, round(test * count))} images, for the scores alone\n"
        )
    if found.overlapping:
        raw += f"  allow_overlap: true # nuclei share pixels in {found.overlapping} images\n"
    tiles, window, why = "null", "null", f"images of {least} px are too small to be cut"
    if least >= 64:
        tiles = f"{{size: {tile}, stride: {round(tile * 0.75)}, min_area: {max(4, round(0.05 * middle**2))}}}"
        window = f"{tile}, overlap: {min(tile // 4, rounded(2 * large))}"
        why = "the smallest side of an image" if tile == least else f"{tile / large:.0f} large nuclei a side"
    low, high = rounded(scale * 0.875), rounded(scale * 1.25)
    trains = 0.64 * (count_tiles(found.sizes, tile, round(tile * 0.75)) if least >= 64 else len(found.sizes))
    repeat = max(1, round(STEPS * BATCH / EPOCHS / trains))
    dark, light = min(found.brightness), max(found.brightness)
    stretch = "true" if np.median(found.brightness) < DARK or light - dark > 96 else "false"
    seen = f"a tile is enlarged {scale / tile:.2g} times: a median nucleus has {middle * scale / tile:.0f} px"
    return f"""\
# {name}: made by `make new` from what the data hold; read the reasons and change what you know better.
# {len(found.sizes)} images of format {found.format}, {sizes}{pixel}.
# {len(found.areas)} nuclei, {found.most} at most in one image; 10, 50, 90 % have diameters up to {diameters} px,
# the largest has {diameter(max(found.areas)):.0f} px.{FEW if count < 10 else ""}
# snakemake plan --cores 2 --configfile config/{name}.yaml
run: {yaml_text(name)}
settings: [1] # validation images choose the score from which nuclei count; 2 would be a model that trains on them, too
models: [mask_r50] # further ones: see config/models.yaml
raw:
  dataset: {{path: {yaml_text(source)}}}
  test_masks: {{path: null}}
{raw}  expected: null
split: {{file: null, validation_fraction: 0.2, seed: 0}} # {validation} of the images left
conversion: {{method: exact, segmentation: polygon}} # loses nothing
tiles: {tiles} # {why}
training: # for a CPU: an eighth of the channels, a quarter of the blocks, from random start
  weights: none
  epochs: {EPOCHS}
  batch: {BATCH}
  workers: 0
  repeat: {repeat} # passes an epoch: some {round(EPOCHS * repeat * trains / BATCH, -1):.0f} steps in all
  schedule: cosine
  warmup: 60
  clip: 10
  width: 0.125
  depth: 0.25
  train_scales: [[{low}, {low}], [{high}, {high}]] # {seen}
  test_scale: [{scale}, {scale}] # of a window, as of a tile
  crop: {min(CROP, low)} # a step sees a part of a tile
  turns: true
  flips: [horizontal, vertical, diagonal] # tissue has no upright
  stretch: {stretch} # images have a mean of {dark:.0f} to {light:.0f} of 255: stretched where they are dark or differ
  detections: {detections} # 1.5 times the most nuclei in one image, in whole hundreds
  validate_every: 4
  options:
    optimizer: {{type: AdamW, lr: 0.003, weight_decay: 0.05}} # from random start far quicker than the zoo's SGD
    model.rpn_head.anchor_generator.scales: [{anchor}] # the smallest anchors have {4 * anchor} px, as a small nucleus
    model.train_cfg.rcnn.sampler.num: 128
    model.train_cfg.rpn_proposal.nms_pre: 1000
    model.test_cfg.rpn.nms_pre: {max(1000, 2 * detections)}
    model.test_cfg.rpn.max_per_img: {max(1000, 2 * detections)}
compute: {{device: cpu, threads: 1, mem_mb: 6000, runtime: 240}}
selection: {{policy: last}} # validation looks at whole images at once, test images are seen window by window
inference: {{window: {window}}} # windows as large as tiles
tables: {{published: false, note: "A first run on {name}."}}
# On a GPU of 8 GB or more, put these lines into a second config and name both after --configfile:
# training: {{weights: coco, width: 1, depth: 1, epochs: 24, lr: linear, workers: 2, options: {{optimizer: null}}}}
# compute: {{device: cuda}}
"""


def yaml_text(text: str) -> str:
    """A text as YAML in one line, in quotes where it needs them, also within braces."""
    return yaml.safe_dump([text], default_flow_style=True, width=10**6, allow_unicode=True).strip()[1:-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", required=True, help="name of the run and of the config")
    parser.add_argument("--images", required=True, help="the data set: a folder or an archive")
    parser.add_argument("--format", default="auto", help="its format; auto: found by itself")
    parser.add_argument("--out", help="config to write; default: config/<name>.yaml")
    args = parser.parse_args()
    missing = [f"{name} not given" for name, value in (("NAME", args.name), ("IMAGES", args.images)) if not value]
    if missing:
        raise InputError(f"{' and '.join(missing)}, wanted make new NAME=mine IMAGES=/path/to/folder; add them")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", args.name):
        raise InputError(f"NAME: {args.name} found, wanted letters, digits, and . _ - ; give another name")
    out = Path(args.out or f"config/{args.name}.yaml")
    if out.exists():
        raise InputError(f"{out}: exists, wanted none; remove it or give another name")
    source = os.path.expanduser(args.images)
    if "://" in source:
        raise InputError(f"IMAGES: {source} found, wanted a folder or an archive that is here; download it first")
    if not os.path.exists(source):
        raise InputError(f"IMAGES: {source} not found, wanted a folder or an archive; correct the path")
    with tempfile.TemporaryDirectory() as beside, unpacked(source, None, Path(beside) / "source", "dataset") as folder:
        with named({folder: source}):
            found = look(folder, args.format)
        text = config_text(args.name, source, found)
    write_text(out, text)
    print(text)
    print(f"written to {out}; next: snakemake plan --cores 2 --configfile {out}")


if __name__ == "__main__":
    run_stage(main)
