"""The model card of a bundle: what a person should know before using it, in Markdown."""

from collections.abc import Mapping
from typing import Any

from nuclei.common.markdown import escape

SHOWN = ("map_report", "ap_100", "ap_1000", "ap50_1000", "ap75_1000", "ceiling_report", "images", "nuclei")


def what_it_saw(content: Mapping[str, Any]) -> str:
    """How large the images were that it saw at once, in words."""
    side, overlap = content["side_px"], content["overlap_px"]
    return f"images of {side} px at once" if overlap is None else f"windows of {side} px that overlap by {overlap} px"


def model_card(content: Mapping[str, Any]) -> str:
    """The text. content: of bundle.json, see nuclei.prediction.bundles."""
    size, threshold = content["pixel_size_um"], content["score_threshold"]
    lines = [
        f"# {escape(content['name'])}",
        "",
        "A detector of nuclei in tissue images: it gives each nucleus a mask and a score. It was trained by this",
        "project's pipeline, with mmdetection 2.28.2; docs/predict.md of the project says how it is used.",
        "",
        "## What it is for",
        "",
        f"- Classes: {', '.join(content['classes'])}.",
        f"- Pixel size of its training images: {f'{size} µm' if size else 'not told'}.",
        f"- Score threshold: {'none was chosen' if threshold is None else f'{threshold:.3g}'}.",
        f"- It saw {what_it_saw(content)}, enlarged {content['zoom']:.3g} times.",
        "- It is for research. It was not tested for any decision about patients.",
        "- Tissue, stain and scanner other than those of its training images can make it fail; look at overlays first.",
        "",
        "## Scores on the test images of its run",
        "",
    ]
    scores = content["scores"]
    if scores.get("scored", bool(scores)):
        lines += ["| score | value |", "| --- | --- |"]
        lines += [f"| {name} | {scores[name]:.4g} |" for name in SHOWN if isinstance(scores.get(name), int | float)]
        lines += [
            "",
            "docs/files.md of the project explains them. scores.json has the others, and those of each image.",
        ]
    else:
        lines.append("None: the test images of its run have no masks.")
    if found := content["intervals"]:
        lines += ["", f"With 95 % intervals over {found['images']} test images; means of seeds: {found['seeds']}."]
        lines += ["", "| score | value | from | to |", "| --- | --- | --- | --- |"]
        lines += [
            f"| {name} | {row['value']:.4g} | {row['low']:.4g} | {row['high']:.4g} |"
            for name, row in found["scores"].items()
            if None not in (row["value"], row["low"], row["high"])
        ]
    lines += ["", f"## Training images ({len(content['training_images'])})", ""]
    lines += ["Scores on these images, or on others of the same patients, say nothing of new ones.", ""]
    lines += [f"- {escape(row['file_name'])} `{row['sha256'][:16]}`" for row in content["training_images"]]
    lines += ["", "## Licences", ""]
    lines += [f"- {escape(what)}: {escape(licence)}" for what, licence in content["licences"].items()] or ["Not told."]
    return "\n".join([*lines, ""])
