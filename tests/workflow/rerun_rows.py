"""The changes of tests/workflow/test_rerun.py: what each does to a small finished run and what then runs again."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import yaml
from conftest import checkout
from workflow.tiny import reverse_times, snakemake

from nuclei.data.drawing import draw

CONFIG = {
    "run": "tiny",
    "raw": {"draw": None, "dataset": {"path": "given/dataset"}, "test_masks": {"path": "given/test_masks"}},
    "split": {"validation_fraction": 0.34},
    "conversion": {"method": "imantics"},
    "models": ["mask_r50", "pointrend_r50"],
    "settings": [1],
    "seeds": [0],
    "scoring": {"instances": False},
    "training": {
        "epochs": 1,
        "repeat": 1,
        "warmup": 1,
        "schedule": [4],
        "train_scales": [[64, 64], [96, 96]],
        "test_scale": [64, 64],
        "detections": 150,
    },
}
DRAWN = {"draw": {"train": 3, "test": 2, "size": 64, "seed": 3}}
MASK, POINT = "setting1.mask_r50.seed0", "setting1.pointrend_r50.seed0"
CELLS = [MASK, POINT]
SEEDS = [f"setting1.{model}.seed{seed}" for seed in (1, 2) for model in ("mask_r50", "pointrend_r50")]
STAGES = [
    "resolve_config",
    "train",
    "select_checkpoint",
    "predict",
    "write_answer",
    "score_predictions",
    "draw_overlays",
]
FIRST = [
    "draw_raw",
    "check_part",
    "check_raw",
    "make_split",
    "convert_train",
    "write_annotations",
    "measure_conversion_loss",
    "convert_test",
    "list_test_images",
]
FUSED = ["fuse_predictions", "write_ensemble_answer", "score_ensemble"]
LAST = ["draw_curves", "make_table", "make_cells_table", "make_report", "write_manifest"]
TABLES = {"make_table setting1", "make_report", "write_manifest"}
SCORED = TABLES | {"make_cells_table"}
TRAINED = SCORED | {"draw_curves setting1"}
CONVERTED_TRAIN = {"convert_train exact", "convert_train imantics", "write_annotations", "measure_conversion_loss"}
CONVERTED = CONVERTED_TRAIN | {"convert_test", "list_test_images"}
TRAIN_DATA = CONVERTED_TRAIN | {"check_part train", "check_raw", "make_split"}
TEST_MASKS = {"check_part test_masks", "check_raw", "convert_test"}
DATA = CONVERTED | TRAIN_DATA | TEST_MASKS | {"check_part test"}


def stages(cells, first):
    """Jobs of cells from one stage on; overlays show the first seed alone."""
    found = {f"{stage} {cell}" for stage in STAGES[STAGES.index(first) :] for cell in cells}
    return {job for job in found if not re.fullmatch(r"draw_overlays .*seed[12]", job)}


@dataclass
class Row:
    """A change, the jobs that it makes run, the epochs that it makes a cell train, and what to say of it.

    base: the fixture that makes the finished run: on a given raw folder, or on drawn data.
    """

    name: str
    change: Callable  # of the project's folder
    note: str
    jobs: set = field(default_factory=set)
    trained: dict = field(default_factory=dict)
    effect: Callable = lambda project, base: None
    seconds: bool = False  # cheap enough for `make test`
    base: str = "finished"


def cell_folder(project, cell, *names):
    """Folder of a cell's results, or a file in it."""
    return project.joinpath("results/tiny/cells", *cell.split("."), *names)


def read(project, name):
    """A JSON file of the run folder."""
    return json.loads((project / "results/tiny" / name).read_text())


def trained_epochs(project, cell):
    """Epochs that the last `train` job of a cell went through, from what it said."""
    said = (project / f"results/tiny/logs/{cell}.train.log").read_text()
    return [int(epoch) for epoch in re.findall(r" epoch (\d+)/\d+: validation", said)]


def write_config(project, **change):
    """The config with changes; those of `training` go on top of what is there."""
    change = {key: CONFIG[key] | value if key == "training" else value for key, value in change.items()}
    (project / "tiny.yaml").write_text(yaml.safe_dump(CONFIG | change))


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


def nuclei(project):
    """{(image, mask): area in px} of the training masks by the lossless converter."""
    found = read(project, "data/coco/exact/train.json")
    names = {image["id"]: image["file_name"] for image in found["images"]}
    return {(names[row["image_id"]], row["mask"]): row["area"] for row in found["annotations"]}


def one_pixel_less(project, base):
    before, after = nuclei(base), nuclei(project)
    (key,) = [key for key in before if before[key] != after[key]]
    assert after[key] == before[key] - 1
    for cell in CELLS:  # the state of the training on the former data stays beside the new one
        assert len(list(project.joinpath("work/tiny/cells", *cell.split(".")).iterdir())) == 2


def one_test_pixel_less(project, base):
    before, after = (sum(row["area"] for row in read(p, "data/coco/test.json")["annotations"]) for p in (base, project))
    assert after == before - 1


def other_pixels(project, base):
    """One training and one test image differ, and all cells know it."""
    for name in ("data/coco/test_images.json", "data/coco/exact/train.json"):
        before, after = ([image["sha256"] for image in read(folder, name)["images"]] for folder in (base, project))
        assert sum(one != other for one, other in zip(before, after, strict=True)) == 1
    found = {
        read(folder, f"cells/{cell.replace('.', '/')}/training.json")["data_sha256"]
        for folder in (base, project)
        for cell in CELLS
    }
    assert len(found) == 2


def all_drawn_anew(project, base):
    before, after = (read(folder, "data/raw.json")["images"] for folder in (base, project))
    assert not [row for row in after if row in before]


def the_same_training(project, base):
    for cell in CELLS:
        for name in ("checkpoint.pth", "predictions.json", "scores.json"):
            assert cell_folder(base, cell).joinpath(name).read_bytes() == cell_folder(project, cell, name).read_bytes()
        assert len(list(project.joinpath("work/tiny/cells", *cell.split(".")).iterdir())) == 1
        assert "moved_data/" in cell_folder(project, cell, "config.py").read_text()


def count_compared(project, base):
    assert not read(base, "data/raw.json")["comparison"]
    assert read(project, "data/raw.json")["comparison"]["train"]["expected"] == 1
    assert "WARNING: counts differ" in (project / "results/tiny/data/raw.md").read_text()


def one_image_more(project, base):
    images = [read(project, f"data/annotations/setting1/{part}.json")["images"] for part in ("train", "validation")]
    assert sum(map(len, images)) == 4


def one_nucleus_less(project, base):
    assert len(nuclei(project)) == len(nuclei(base)) - 1


def exact_annotations(project, base):
    assert read(base, "data/annotations/setting1/train.json")["info"]["converter"] == "imantics"
    assert read(project, "data/annotations/setting1/train.json")["info"]["converter"] == "exact"


def rate_of_one(project, base):
    wanted = cell_folder(base, MASK).joinpath("config.py").read_text()
    found = cell_folder(project, MASK).joinpath("config.py").read_text()
    assert "lr=0.02" in wanted
    assert found == wanted.replace("lr=0.02", "lr=0.001")


def as_from_the_start(project, base):
    """Both cells after 1 and then 2 epochs hold the same bytes as after 2 from the start."""
    fresh = project.with_name("fresh")
    subprocess.run(["cp", "-a", project, fresh], check=True)
    shutil.rmtree(fresh / "work/tiny/cells")
    shutil.rmtree(fresh / "results/tiny/cells")
    names = ["predictions.json", "checkpoint.json"]
    done = snakemake(fresh, "--", *(cell_folder(Path(), cell) / name for cell in CELLS for name in names))
    assert done.returncode == 0, done.stderr[-3000:]
    for cell in CELLS:
        one, two = cell_folder(fresh, cell), cell_folder(project, cell)
        assert trained_epochs(fresh, cell) == [1, 2]
        for name in (*names, "epochs.tsv", "config.py", *(f"checkpoints/{p.name}" for p in one.glob("*/*.pth"))):
            assert (two / name).read_bytes() == (one / name).read_bytes(), name
        first = (cell_folder(base, cell) / "log.jsonl").read_text()
        assert (two / "log.jsonl").read_text().startswith(first)
        assert read(project, f"cells/{cell.replace('.', '/')}/training.json")["epochs"] == 2
    shutil.rmtree(fresh)


def three_seeds(project, base):
    assert "seeds: 3" in (project / "results/tiny/tables/table1.md").read_text()
    weights = {(cell_folder(project, cell) / "checkpoint.pth").read_bytes() for cell in [*CELLS, *SEEDS]}
    assert len(weights) == 6


def fused(project, base):
    assert not (base / "results/tiny/ensembles").exists()
    scores = read(project, "ensembles/setting1/two/scores.json")
    assert scores["map_report"] is not None


def looked_at_from_four_sides(project, base):
    for folder, unit in ((base, "images"), (project, "views")):
        said = (folder / f"results/tiny/logs/{MASK}.predict.log").read_text()
        assert re.search(rf"(\d+)/\1 {unit}", said)


def last_chosen(project, base):
    for folder, policy in ((base, "best"), (project, "last")):
        assert read(folder, f"cells/{MASK.replace('.', '/')}/checkpoint.json")["policy"] == policy


def scores_at_300(project, base):
    assert "ap50_300" in read(project, f"cells/{MASK.replace('.', '/')}/scores.json")
    assert "ap50_300" not in (cell_folder(project, MASK) / "epochs.tsv").read_text()
    assert "@300" in (project / "results/tiny/tables/table1_full.csv").read_text().splitlines()[0]


def with_border(project, base):
    for folder, count in ((base, 0), (project, 1)):
        assert (folder / "results/tiny/tables/table1.html").read_text().count('<table border="1"') == count


def three_rows(project, base):
    assert len((project / "results/tiny/tables/table1.csv").read_text().splitlines()) == 1 + 3


NEW = "setting1.mask_r50_calm.seed0"
ROWS = [
    Row("nothing", lambda project: None, "", seconds=True),
    Row(
        "fresh clone, with `results/`, `work/` and `.snakemake/` copied in",
        clone(["results", "work", ".snakemake"], times=True),
        "",
        seconds=True,
    ),
    Row(
        "the same by a copy that does not keep the files' times",
        clone(["results", "work", ".snakemake"], times=False),
        "",
        seconds=True,
    ),
    Row(
        "fresh clone, with `results/` alone copied in, its files' times kept",
        clone(["results"], times=True),
        "without `.snakemake/` Snakemake knows no former config or code: later changes of them run nothing",
        seconds=True,
    ),
    Row("the folder is moved", move, "", seconds=True),
    Row("every file is touched, each input after its output", reverse_times, "", seconds=True),
    Row(
        "a comment or a docstring in a script (`scripts/train.py`)",
        edit("scripts/train.py", "    args = arguments()\n", "    # a comment\n    args = arguments()\n"),
        "code counts by its syntax tree",
        seconds=True,
    ),
    Row(
        "a shared module that only one stage imports (`scripts/nuclei/workflow/manifest.py`)",
        edit("scripts/nuclei/workflow/manifest.py", "import json\n", "import json\nimport time as _\n"),
        "",
        jobs={"write_manifest"},
        seconds=True,
    ),
    Row(
        "the tables' format (`scripts/nuclei/report/table_files.py`)",
        edit("scripts/nuclei/report/table_files.py", "border=0", "border=1"),
        "",
        jobs=TABLES,
        effect=with_border,
        seconds=True,
    ),
    Row(
        "a package pin of one environment (`envs/report.yaml`)",
        edit("envs/report.yaml", "matplotlib==3.11.2", "matplotlib==3.11.1"),
        "with conda and without: a pin counts as code does",
        jobs=stages(CELLS, "write_answer") | TRAINED,
    ),
    Row(
        "a shared module of the converters (`scripts/nuclei/data/polygons.py`)",
        edit("scripts/nuclei/data/polygons.py", "import numpy as np\n", "import numpy as np\nimport time as _\n"),
        "the annotations come out the same: `train` finds its work done and ends at once",
        jobs=CONVERTED | stages(CELLS, "train") | TRAINED,
    ),
    Row(
        "a check of COCO content (`scripts/nuclei/coco/checks.py`)",
        edit("scripts/nuclei/coco/checks.py", "from reprlib import", "import time as _\nfrom reprlib import"),
        "tests/workflow/test_rerun_borders.py lists which stages depend on which module",
        jobs=stages(CELLS, "write_answer") | SCORED,
    ),
    Row(
        "one cap more for the scores (`CAPS` in `scripts/nuclei/scoring/names.py`)",
        edit("scripts/nuclei/scoring/names.py", "CAPS = (100, 1000)", "CAPS = (100, 300, 1000)"),
        "validation uses the same scores: `train` ends at once, and does not score former epochs again",
        jobs=stages(CELLS, "train") | TRAINED,
        effect=scores_at_300,
    ),
    Row(
        "`selection.policy`",
        config(selection={"policy": "last"}),
        "",
        jobs=stages(CELLS, "select_checkpoint") | TRAINED,
        effect=last_chosen,
    ),
    Row(
        "`inference.views`: 1 → 4",
        config(inference={"views": 4}),
        "",
        jobs=stages(CELLS, "predict") | SCORED,
        effect=looked_at_from_four_sides,
    ),
    Row(
        "`ensembles`: one of both models",
        config(ensembles={"two": ["mask_r50/seed0", "pointrend_r50/seed0"]}),
        "",
        jobs={f"{stage} setting1.ensemble.two" for stage in FUSED}
        | {"make_ensembles_table", "make_report", "write_manifest"},
        effect=fused,
        seconds=True,
    ),
    Row(
        "one pixel of one training mask, in place",
        lambda project: erase_pixel(mask_file(project)),
        "the state of the former trainings stays in `work/` beside the new one",
        jobs=TRAIN_DATA | stages(CELLS, "train") | TRAINED,
        trained={cell: [1] for cell in CELLS},
        effect=one_pixel_less,
    ),
    Row(
        "one pixel of one test mask, in place",
        lambda project: erase_pixel(mask_file(project, "test_masks")),
        "no mask of a test image reaches a prediction, so none is made again",
        jobs=TEST_MASKS | stages(CELLS, "score_predictions") | SCORED,
        effect=one_test_pixel_less,
    ),
    Row(
        "one pixel of one training image and one of a test image, in place",
        shade_images,
        "",
        jobs=DATA | stages(CELLS, "train") | TRAINED,
        trained={cell: [1] for cell in CELLS},
        effect=other_pixels,
    ),
    Row(
        "one training image added",
        add_image,
        "",
        jobs=TRAIN_DATA | stages(CELLS, "train") | TRAINED,
        trained={cell: [1] for cell in CELLS},
        effect=one_image_more,
    ),
    Row(
        "one training mask deleted",
        lambda project: mask_file(project, which=-1).unlink(),
        "",
        jobs=TRAIN_DATA | stages(CELLS, "train") | TRAINED,
        trained={cell: [1] for cell in CELLS},
        effect=one_nucleus_less,
    ),
    Row(
        "a file of a file manager, an editor or a notebook beside the data (`.DS_Store`, `Thumbs.db`, `.#mask.png`)",
        clutter,
        "",
        seconds=True,
    ),
    Row(
        "the raw data are moved, and the config names the new place",
        move_data,
        "`config.py` names the new paths, so all stages run; `train` finds its epochs trained and ends at once",
        jobs=DATA | stages(CELLS, "resolve_config") | TRAINED,
        effect=the_same_training,
    ),
    Row(
        "`raw.draw.seed`, where the project draws the data",
        config(raw=DRAWN | {"draw": DRAWN["draw"] | {"seed": 4}}),
        "",
        jobs={"draw_raw"} | DATA | stages(CELLS, "train") | TRAINED,
        trained={cell: [1] for cell in CELLS},
        effect=all_drawn_anew,
        base="finished_drawn",
    ),
    Row(
        "`raw.expected.train`: none → 1",
        config(raw=CONFIG["raw"] | {"expected": {"train": 1}}),
        "",
        jobs={"check_raw", "make_report", "write_manifest"},
        effect=count_compared,
        seconds=True,
    ),
    Row(
        "`conversion.method`: imantics → exact",
        config(conversion={"method": "exact"}),
        "both conversions are there already, for the page on what conversion loses",
        jobs={"write_annotations"} | stages(CELLS, "train") | TRAINED,
        trained={cell: [1] for cell in CELLS},
        effect=exact_annotations,
    ),
    Row(
        "one model's learning rate (`model_options`)",
        config(model_options={"mask_r50": {"optimizer.lr": 0.001}}),
        "",
        jobs=stages([MASK], "resolve_config") | TRAINED,
        trained={MASK: [1]},
        effect=rate_of_one,
    ),
    Row(
        "`training.epochs`: 1 → 2",
        config(training={"epochs": 2}),
        "equal to 2 epochs from the start, byte for byte; under `cosine` and `stretched`, whose rates depend on the"
        " number of epochs, training starts over",
        jobs=stages(CELLS, "resolve_config") | TRAINED,
        trained={cell: [2] for cell in CELLS},
        effect=as_from_the_start,
    ),
    Row(
        "`seeds`: [0] → [0, 1, 2]",
        config(seeds=[0, 1, 2]),
        "overlays show the first seed alone",
        jobs=stages(SEEDS, "resolve_config") | TRAINED,
        trained={cell: [1] for cell in SEEDS},
        effect=three_seeds,
    ),
    Row(
        "an entry added to `models.yaml` and `models`",
        add_model,
        "",
        jobs=stages([NEW], "resolve_config") | TRAINED,
        trained={NEW: [1]},
        effect=three_rows,
    ),
]
