"""Whole slides: the memory of scripts/predict_images.py against their size, and its time on tissue.

The slides are drawn: glass with tissue on a hundredth of it. The model is that of bench.inference.
"""

import csv
import json

import numpy as np
from conftest import ROOT
from support.slides import write_large_slide

from bench.export import run_folder
from bench.inference import cell, run
from bench.rows import below, require, timed, within
from nuclei.data.conversion import convert
from nuclei.data.raw_layout import read_layout

SIDES, FULL = (5000, 20_000), (10_000, 40_000)  # px
LIMIT = 4000  # MB
PIXEL_SIZE = 0.25  # µm, of the drawn slides


def found_in(model, slide, out, forms):
    """(peak memory in MB, the record of the slide, places of its nuclei: x, y in px)."""
    words = ["--model", model, "--images", slide, "--device", "cpu", "--forms", *forms, "--out-dir", out]
    peak = run(ROOT / "scripts/predict_images.py", *words, "--work", out / "work")
    with (out / f"{slide.stem}.csv").open(encoding="utf-8") as file:
        places = np.array([(float(row["x"]), float(row["y"])) for row in csv.DictReader(file)])
    return peak, json.loads((out / f"{slide.stem}.nuclei.json").read_text()), places


def rows(material, full):
    images = [image for image in read_layout(material.dataset, material.test_masks)[0] if image.set == "test"]
    content = convert(images[:1], "exact", "rle")
    content["annotations"] = []
    model = run_folder(material, *cell(material, content), content, "slides")
    forms, peaks = ["geojson", "labels", "table", *(["zarr"] if full else [])], {}
    for side in FULL if full else SIDES:
        slide = material.scratch / f"slide_{side}.tif"
        left, top, right, bottom = write_large_slide(slide, side, PIXEL_SIZE)
        seconds, (peaks[side], record, places) = timed(found_in, model, slide, material.scratch / f"of_{side}", forms)
        require(
            len(places) == record["nuclei"] > 0, f"slide of {side} px: other nuclei in its table than in its record"
        )
        margin = content["images"][0]["width"]  # windows that tissue only touches are looked at too
        near = (places >= (left - margin, top - margin)).all() and (places < (right + margin, bottom + margin)).all()
        require(near, f"slide of {side} px: nuclei far from its tissue")
        area = (right - left) * (bottom - top) * PIXEL_SIZE**2 / 1e6
        note = (
            f"{area:.2f} mm² of tissue at {PIXEL_SIZE} µm, {area / seconds * 60:.3g} mm² a minute; {len(places)} nuclei"
        )
        yield below(f"slide of {side} x {side} px, {', '.join(forms)}", seconds, None, note)
        slide.unlink()
    (small, least), (large, most) = peaks.items()
    yield within(f"memory for a slide of {large} px a side; of {small} px", most, least, 1.25, "", "MB")
    yield below(f"memory for a slide of {large} px a side", most, LIMIT, "", "MB")
