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
MARGIN = 1000  # px, side of the windows


def found_in(model, slide, out, forms):
    """(peak memory, what was held over the time, MB; the record of the slide; places of its nuclei: x, y in px)."""
    words = ["--model", model, "--images", slide, "--device", "cpu", "--forms", *forms, "--out-dir", out]
    peak, held = run(ROOT / "scripts/predict_images.py", *words, "--work", out / "work")
    with (out / f"{slide.stem}.csv").open(encoding="utf-8") as file:
        places = np.array([(float(row["x"]), float(row["y"])) for row in csv.DictReader(file)])
    return peak, held, json.loads((out / f"{slide.stem}.nuclei.json").read_text()), places


def looked_at(material, model, side, forms, name):
    """(row of the time that a drawn slide takes, its peak memory, what it held over the time, MB)."""
    slide = material.scratch / f"slide_{side}.tif"
    left, top, right, bottom = write_large_slide(slide, side, PIXEL_SIZE)
    out = material.scratch / f"of_{model.parents[3].name}_{side}"
    seconds, (peak, held, record, places) = timed(found_in, model, slide, out, forms)
    slide.unlink()
    require(len(places) == record["nuclei"] > 0, f"slide of {side} px: other nuclei in its table than in its record")
    # windows that tissue only touches are looked at too
    near = (places >= (left - MARGIN, top - MARGIN)).all() and (places < (right + MARGIN, bottom + MARGIN)).all()
    require(near, f"slide of {side} px: nuclei far from its tissue")
    area = (right - left) * (bottom - top) * PIXEL_SIZE**2 / 1e6
    rate = f"{area:.2f} mm² of tissue at {PIXEL_SIZE} µm, {area / seconds * 60:.3g} mm² a minute"
    note = f"{rate}; {len(places)} nuclei"
    return below(f"{name} of {side} x {side} px, {', '.join(forms)}", seconds, None, note), peak, held


def quarters(held):
    """What was held at most in each quarter of the time, as a note."""
    parts = [held[len(held) * at // 4 : len(held) * (at + 1) // 4] for at in range(4)]
    return "at most in each quarter of the time: " + ", ".join(f"{max(part):.0f}" for part in parts)


def rows(material, full):
    images = [image for image in read_layout(material.dataset, material.test_masks)[0] if image.set == "test"]
    content = convert(images[:1], "exact", "rle")
    content["annotations"] = []
    model = run_folder(material, *cell(material, content), content, "slides")
    forms, peaks, curves = ["geojson", "labels", "table", *(["zarr"] if full else [])], {}, {}
    for side in FULL if full else SIDES:
        row, peaks[side], curves[side] = looked_at(material, model, side, forms, "slide")
        yield row
    (small, least), (large, most) = peaks.items()
    yield within(f"memory for a slide of {large} px a side; of {small} px", most, least, 1.25, "", "MB")
    yield below(f"memory for a slide of {large} px a side", most, LIMIT, quarters(curves[large]), "MB")
    if full:
        model = run_folder(material, *cell(material, content, 1.0), content, "wide")
        row, most, held = looked_at(material, model, SIDES[0], forms, "by all channels, slide")
        yield row
        yield below(f"memory of all channels, slide of {SIDES[0]} px a side", most, LIMIT, quarters(held), "MB")
