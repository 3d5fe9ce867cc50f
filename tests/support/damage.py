"""How tests of bad input damage a drawn data set, and the commands that meet it.

All paths are relative to a copy of that data set: dataset/ (3 training and 2 test images of 128 px), test_masks/.
"""

import importlib
import json
import shutil
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import yaml
from conftest import ROOT
from PIL import Image
from support.archives import GOOD, tar_of
from support.merged_config import merged
from support.score_cases import encode

from nuclei.common.stage import run_stage
from nuclei.workflow.configuration import check_config

TRAIN = Path("dataset/train")
IMAGE, MASKS = TRAIN / "DEMO-01/images/DEMO-01.png", TRAIN / "DEMO-01/masks"
MASK, OTHER = MASKS / "mask_0001.png", TRAIN / "DEMO-03/masks/mask_0002.png"
TEST, IDS = Path("dataset/test"), Path("dataset/test_img_ids.json")
SIDE = 128
UNREADABLE = Path("/proc/self/mem")  # a file that nobody can read from its start, not even root

# commands that stand one after the other, as the workflow runs them
CHECK_ONE = "check_part --dataset dataset --part test --out o.json"
CHECK_TRAIN = (
    "check_part --dataset dataset --part train --out c.json; check_part --dataset dataset --part test --out t.json"
)
CHECK = f"{CHECK_TRAIN}; check_part --dataset dataset --test-masks test_masks --part test_masks --out m.json"
CHECK_OVERLAP = CHECK.replace("--out", "--allow-overlap --out")
COUNT = f"{CHECK}; check_raw --train c.json --test t.json --test-masks m.json --out o.json --summary o.md"
CHECK_SPLIT = f"{COUNT} --split s.yaml"
FETCH = "fetch_raw --source raw.tar --out deep/out"
ANSWER = f"check_answer --answer answer.json --test-img-ids {IDS}"
ANSWER_ZIP = f"check_answer --answer answer.zip --test-img-ids {IDS}"
SPLIT = "make_split --checked checked.json --out split.json"
SETTINGS = "write_annotations --annotations train.json --split split.json --out-dir a"
SCORE = "score_predictions --ground-truth truth.json --predictions p.json --out scores.json"
PUBLISHED = (
    "score_published --submissions s --ground-truth truth.json --published p.tsv --models-file m.yaml --out-dir o"
)
CONFIG = "config"  # no stage: Snakemake checks it as it starts

# what several lines end in
NO_MASK = "not a readable PNG, wanted a mask; export it again"
NO_IMAGE = "not a readable PNG, wanted an image; export it again"
GREY = "wanted 1 of uint8; export it as an 8-bit grey PNG"
ROWS = "wanted a list of {file_name, height, width, id}"
HALVES = "wanted two lists of image ids (text; numbers in quotes), train and validation"


def config_main():
    """Check config.json as rules/common.smk does with the merged config."""
    content = json.loads(Path("config.json").read_text())
    check_config(content, content["models_file"], str(ROOT / "config/schema.yaml"))


def put(path, array):
    """Write an image."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), array)


def full(value, kind=np.uint8, shape=(SIDE, SIDE)):
    """An image of one value."""
    return np.full(shape, value, kind)


def edit(path, change):
    """Apply `change` to the content of a JSON file."""
    content = json.loads(Path(path).read_text())
    change(content)
    Path(path).write_text(json.dumps(content))


def cut(path, share):
    """Keep the first share of a file alone."""
    content = Path(path).read_bytes()
    Path(path).write_bytes(content[: int(len(content) * share)])


def flip(path, at):
    """Flip a bit of one byte of a file."""
    content = bytearray(Path(path).read_bytes())
    content[at] ^= 0x40
    Path(path).write_bytes(content)


def empty(folder):
    """Remove all that a folder holds."""
    shutil.rmtree(folder)
    Path(folder).mkdir()


def replace(path, content):
    """Put a text, a link (Path) or nothing in the place of a file or folder."""
    path = Path(path)
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    if isinstance(content, Path):
        path.symlink_to(content)
    elif content is not None:
        path.write_text(content)


def copy_mask(name):
    """Add a copy of a mask under another name."""
    shutil.copy(MASK, MASKS / name)


def text(path, content):
    """Write a text."""
    Path(path).write_text(content, encoding="utf-8")


def labels(kind, count):
    """A label image of so many nuclei."""
    array = np.zeros((SIDE, SIDE), kind)
    array.ravel()[: 3 * count] = np.repeat(np.arange(1, count + 1), 3)
    return array


def oriented(path, value):
    """Let a PNG say that it has an EXIF orientation."""
    picture = Image.open(path)
    exif = Image.Exif()
    exif[0x0112] = value
    picture.save(path, exif=exif)


def split_file(**halves):
    """s.yaml: a right split with changed halves."""
    text("s.yaml", yaml.safe_dump({"train": ["DEMO-01", "DEMO-02"], "validation": ["DEMO-03"], **halves}))


def row(**change):
    """A detection of the first test image, with changes."""
    rle = encode(np.eye(SIDE, dtype=bool))
    return {"image_id": 1, "bbox": [0, 0, 4, 4], "score": 0.5, "category_id": 1, "segmentation": rle, **change}


def answer(*rows):
    """answer.json of these rows."""
    text("answer.json", json.dumps(rows))


def rle(**change):
    """A detection whose RLE is changed."""
    return row(segmentation={**row()["segmentation"], **change})


def truth(predictions=(), **annotation):
    """truth.json with one nucleus and p.json."""
    nucleus = {"id": 1, "image_id": 1, "category_id": 1, "iscrowd": 0, "area": 4, "bbox": [0, 0, 4, 4]}
    images = [{"id": 1, "file_name": "a.png", "height": SIDE, "width": SIDE}]
    rows = [{**nucleus, "segmentation": row()["segmentation"], **annotation}]
    text("truth.json", json.dumps({"images": images, "annotations": rows, "categories": [{"id": 1}]}))
    text("p.json", json.dumps(list(predictions)))


def config(catalogue=None, **changes):
    """config.json: the demo's with changes by dotted path; models.yaml: the project's, or the text `catalogue`."""
    content = {**merged("demo"), "models_file": "models.yaml"}
    for path, value in changes.items():
        *parents, last = path.split("__")
        node = content
        for key in parents:
            node = node[key]
        node[last] = value
    text("config.json", json.dumps(content))
    text("models.yaml", catalogue or (ROOT / "config/models.yaml").read_text())


def archive(**members):
    """raw.tar with the wanted files and more."""
    tar_of(Path("raw.tar"), {**GOOD, **members}, "w")


def lock(path):
    """Say in a zip file that its first member is encrypted."""
    content = bytearray(Path(path).read_bytes())
    for start in (content.find(b"PK\x03\x04") + 6, content.find(b"PK\x01\x02") + 8):
        content[start] |= 1
    Path(path).write_bytes(content)


def zipped(path, **members):
    """A zip file; in the names of members, __ stands for / and _json for .json."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name.replace("__", "/").replace("_json", ".json"), content)


def main_of(script):
    """The main() of a stage or tool, or the check of the config."""
    return config_main if script == "config" else importlib.import_module(script).main


def answered(capsys, monkeypatch, commands):
    """Highest exit status and the lines, each once, of commands (`one; another`) run in this process.

    A command that fails must not leave its outcome.
    """
    statuses, lines = [0], {}
    for command in commands.split("; "):
        out = Path(command.partition(" --out ")[2].split(" ")[0] or "-")
        monkeypatch.setattr(sys, "argv", command.split())
        try:
            run_stage(main_of(command.split()[0]))
        except SystemExit as stop:
            statuses.append(stop.code)
            assert not stop.code or not out.is_file(), command
        lines |= dict.fromkeys(capsys.readouterr().err.splitlines())
    return max(statuses), [line for line in lines if not line.startswith(("check ", "masks "))]
