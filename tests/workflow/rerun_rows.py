"""The rows of docs/rerun.md: what each changes in a small finished run, and what then runs again."""

from collections.abc import Callable
from dataclasses import dataclass, field

from rerun_changes import (
    add_image,
    add_model,
    clone,
    clutter,
    config,
    edit,
    erase_pixel,
    mask_file,
    move,
    move_data,
    shade_images,
)
from rerun_effects import (
    all_drawn_anew,
    as_from_the_start,
    count_compared,
    exact_annotations,
    fused,
    last_chosen,
    looked_at_from_four_sides,
    one_image_more,
    one_nucleus_less,
    one_pixel_less,
    one_test_pixel_less,
    other_pixels,
    rate_of_one,
    rounded,
    scores_at_300,
    the_same_training,
    three_rows,
    three_seeds,
    with_border,
)
from support.tiny import reverse_times
from support.two_cells import (
    CELLS,
    CONFIG,
    CONVERTED,
    DATA,
    DRAWN,
    FUSED,
    MASK,
    NEW,
    SCORED,
    SEEDS,
    TABLES,
    TEST_MASKS,
    TRAIN_DATA,
    TRAINED,
    stages,
)


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
        "the check of the device (`scripts/nuclei/compute/operators.py`)",
        edit("scripts/nuclei/compute/operators.py", 'operator = "torch"\n', 'operator = "PyTorch"\n'),
        "each training checks its device, too; `train` finds its work done and ends at once",
        jobs=stages(CELLS, "train") | TRAINED,
    ),
    Row(
        "one cap more for the scores (`CAPS` in `scripts/nuclei/scoring/names.py`)",
        edit("scripts/nuclei/scoring/names.py", "CAPS = (100, 1000)", "CAPS = (100, 300, 1000)"),
        "validation uses the same scores: `train` trains nothing, and scores the kept predictions of validation again",
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
        "`compute.tf32`: false → true",
        config(compute={"tf32": True}),
        "",
        jobs=stages(CELLS, "resolve_config") | TRAINED,
        trained={cell: [1] for cell in CELLS},
        effect=rounded,
    ),
    Row(
        "`training.epochs`: 1 → 2",
        config(training={"epochs": 2}),
        "on a CPU equal to 2 epochs from the start, byte for byte; under `cosine` and `stretched`, whose rates depend"
        " on the number of epochs, training starts over",
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
