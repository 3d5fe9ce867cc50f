"""The changes of tests/workflow/rerun_rows.py: each is called with the folder of a copy of the finished run."""

import os
import shutil

import cv2
import numpy as np
import yaml
from conftest import checkout
from support.two_cells import CONFIG, write_config

from nuclei.data.drawing import draw


def config(**change):
    return lambda project: write_config(project, **change)


def edit(name, old, new):
    """A change of one place in a file."""

    def change(project):
        text = (project / name).read_text()
        assert text.count(old) == 1, f"{name}: {text.count(old)} times {old}"
        (project / name).write_text(text.replace(old, new))

    return change


def clone(folders, times):
    """A fresh clone with folders of the finished run copied in; `times`: whether the copy keeps their times."""

    def change(project):
        old = project.rename(project.with_name("old"))
        checkout(project).joinpath("tiny.yaml").write_text((old / "tiny.yaml").read_text())
        for path in project.rglob("*"):
            os.utime(path)
        for name in ("given", *folders):
            copy = shutil.copy2 if times else shutil.copyfile
            shutil.copytree(old / name, project / name, copy_function=copy)
        shutil.rmtree(old)

    return change


def move(project):
    project.rename(project.with_name("moved"))


def mask_file(project, part="dataset/train", which=0):
    return sorted((project / "given" / part).glob("*/masks/*.png"))[which]


def erase_pixel(path):
    """Take the first pixel from a mask, in place."""
    mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    mask[tuple(np.argwhere(mask)[0])] = 0
    assert cv2.imwrite(str(path), mask)


def shade(path):
    """Change the first pixel of an image, in place."""
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    image[0, 0] = 255 - image[0, 0]
    assert cv2.imwrite(str(path), image)


def shade_images(project):
    """Change a pixel of one training and of one test image."""
    for pattern in ("train/*/images/*.png", "test/*.png"):
        shade(min((project / "given/dataset").glob(pattern)))


def clutter(project):
    """Leave what file managers, editors and notebooks leave, in every folder of the raw data."""
    for folder in [path for path in (project / "given").rglob("*") if path.is_dir()]:
        for name in (".DS_Store", "Thumbs.db", ".ipynb_checkpoints/mask_0001-checkpoint.png"):
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text("clutter")
        (folder / ".#mask_0001.png").symlink_to("somebody@host.1234:5678")


def move_data(project):
    """Move the raw data, and name the new place in the config."""
    (project / "given").rename(project / "moved_data")
    raw = {part: {"path": f"moved_data/{part}"} for part in ("dataset", "test_masks")}
    write_config(project, raw={"draw": None, **raw})


def add_image(project):
    draw(project / "more", train=6, test=1, size=64, seed=4)  # DEMO-04 and DEMO-05 are test images
    shutil.move(project / "more/dataset/train/DEMO-06", project / "given/dataset/train")
    shutil.rmtree(project / "more")


def add_model(project):
    """An entry at the end of models.yaml: a copy of mask_r50's under another name, with another option."""
    path = project / "config/models.yaml"
    entry = yaml.safe_load(path.read_text())["models"]["mask_r50"] | {"options": {"optimizer.momentum": 0.8}}
    lines = yaml.safe_dump({"mask_r50_calm": entry}).splitlines()
    path.write_text(path.read_text().rstrip() + "\n" + "".join(f"  {line}\n" for line in lines))
    write_config(project, models=[*CONFIG["models"], "mask_r50_calm"])
