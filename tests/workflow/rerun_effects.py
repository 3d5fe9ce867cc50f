"""What the changes of tests/workflow/rerun_rows.py did to the results: each is called with both folders."""

import re
import shutil
import subprocess
from pathlib import Path

from support.tiny import snakemake
from support.two_cells import CELLS, MASK, SEEDS, cell_folder, read, trained_epochs


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


def rounded(project, base):
    assert "tf32 = True" in cell_folder(project, MASK).joinpath("config.py").read_text()
    assert read(project, f"cells/{MASK.replace('.', '/')}/training.json")["tf32_matmul"]


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
    assert "scored again" in (project / f"results/tiny/logs/{MASK}.train.log").read_text()


def with_border(project, base):
    for folder, count in ((base, 0), (project, 1)):
        assert (folder / "results/tiny/tables/table1.html").read_text().count('<table border="1"') == count


def three_rows(project, base):
    assert len((project / "results/tiny/tables/table1.csv").read_text().splitlines()) == 1 + 3
