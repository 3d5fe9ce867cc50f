"""Write docs/differences.md: what each resolved config changes of its zoo config, and why.

Every model is resolved under every protocol. A difference without a reason in REASONS is an error, and so is a reason
that fits no difference. In this way nothing changes unnoticed between the zoo's configs and those that are trained.
"""

import argparse
import contextlib
import re
import tempfile
import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import library  # noqa: F401 - lets the library be found
from config_differences import by_setting, by_value, explain, merge_stages, show, these
from nuclei.common.documents import read_yaml
from nuclei.common.files import write_text
from nuclei.common.markdown import table_lines
from nuclei.common.nested import changes
from nuclei.common.stage import InputError, run_stage
from nuclei.models.description import schedule_in_force, settings_in_force
from nuclei.models.resolve import resolve
from nuclei.models.zoo import read_zoo, zoo_path
from nuclei.workflow.protocols import fill_model, fill_training, read_protocol
from nuclei.workflow.types import ModelChanges, ModelEntry, ProtocolChanges

WEIGHTS = "work/weights/<model>.pth"


Nested = dict[str, Any]


# {protocol: {model: (zoo config, resolved config)}}, as nested dicts.
Resolved = dict[str, dict[str, tuple[Nested, Nested]]]


# {protocol: {key: {model: (value in the zoo, value here, reason)}}}, as texts.
Differences = dict[str, dict[str, dict[str, tuple[str, str, str]]]]


# Reasons by protocol: pattern of a key -> reason. Those under `every` hold for all protocols, after the protocol's own.
REASONS: dict[str, dict[str, str]] = {
    "every": {
        "data.*.ann_file": "our data",
        "data.*.img_prefix": "our data",
        "data.*.classes": "one class",
        "model.roi_head.*.num_classes": "one class",
        "model.backbone.init_cfg": "not needed: the COCO checkpoint holds the backbone",
        "load_from": "starts from the zoo's own COCO checkpoint, as the report allows",
        "runner.max_epochs": "the report: 200 epochs",
        "evaluation.metric": "only masks are scored",
        "evaluation.interval": "mmcv's default, written out",
        "model.test_cfg.rcnn.max_per_img": "the full scores need all nuclei; the 100 surest stay the same",
        "model.train_cfg.*.gpu_assign_thr": "memory alone: images with more nuclei match their boxes on the CPU",
        "seed": "the cell's seed",
    },
    "report": {},
    "as_run": {
        "data.samples_per_gpu": "the author: 1 image a step",
        "data.workers_per_gpu": "the author: 1 worker",
        "lr_config.step": "the author's config inherits the 1x one",
        "model.backbone.with_cp": "the author's R50 and R101 configs; memory alone, the same numbers",
        "data.train.*LoadAnnotations.poly2mask": "the author keeps masks as polygons here",
        "data.train.*Resize.img_scale": "the author trains at one scale here",
        "data.test.pipeline.MultiScaleFlipAug.transforms.Normalize.std": "the author tests with another std",
        "model.test_cfg.rcnn.score_thr": "the author's R101 config",
    },
    "scaled": {
        "optimizer.lr": "linear rule: the zoo's is for 16 images a step",
        "lr_config.warmup_iters": "500 or 1000 iterations outlast the schedule of so few images",
        "lr_config.step": "the zoo's steps, stretched to 200 epochs",
        "lr_config.by_epoch": "mmcv's default, written out",
    },
}


# Keys that differ between the two versions of mmdet -> whether they change the numbers.
EFFECTS = {
    "opencv_num_threads": "no: threads of OpenCV, read by mmdet's own tools/train.py alone",
    "mp_start_method": "no: how worker processes start, read by mmdet's own tools/train.py alone",
    "auto_scale_lr.enable": "no: off",
    "auto_scale_lr.base_batch_size": "no: off",
}


INTRODUCTION = """# What each model changes of its zoo config

Made by `make docs` (tools/explain_configs.py) from config/config.yaml, models.yaml and protocols.yaml; do not edit.
Every model is resolved under every protocol as the pipeline does it, and compared key by key with its zoo config of
mmdet {version}. A difference without a listed reason is an error, and so is a reason that fits no difference. Seeds
change `seed` alone; settings 1 and 2 change the paths of the annotations (`data.*.ann_file`) alone. At run time
scripts/train.py puts its own hooks in place of the zoo's for logs, checkpoints and validation; the rest stays.

[protocols.md](protocols.md) says why there are three protocols, [versions.md](versions.md) how the code of the two
versions of mmdet differs.

## 1. What differs from the zoo

`{{0,1,2}}` in a key: each of these stages of a cascade. `data.train` also stands for the data set inside a
`RepeatDataset`. A value without a model's name is that of all models that are not named.
"""  # noqa: E501 - lines of the page, which is compared with the committed one


SETTINGS = """## 2. The settings that matter

Two values with a slash between them are those of settings 1 and 2, where they differ.

Highest learning rate that a training reaches, in percent of the rate that it sets. Below 100 % the warm-up is not over
when the schedule's first fall comes:
"""


def data_paths(setting: int | str) -> dict[str, dict[str, str]]:
    """Paths of a cell's data, as rules/training.smk gives them to scripts/resolve_config.py."""
    annotations, images = "results/<run>/data/annotations", "work/<run>/raw/dataset"
    return {
        "train": {"annotations": f"{annotations}/setting{setting}/train.json", "images": f"{images}/train"},
        "val": {"annotations": f"{annotations}/setting{setting}/validation.json", "images": f"{images}/train"},
        "test": {"annotations": "results/<run>/data/coco/test.json", "images": f"{images}/test"},
    }


def resolve_all(
    config: Nested,
    models: Mapping[str, ModelEntry],
    protocols: Iterable[str],
    setting: int | str = "<N>",
    seed: int | str = "<seed>",
) -> Resolved:
    """The zoo config and the resolved config of every model under every protocol, made as the pipeline makes them.

    config: content of config.yaml. models: {name: entry} of models.yaml. protocols: their names. setting, seed: of the
    cell.
    """
    found: Resolved = {}
    for name in protocols:
        protocol = read_protocol(name, models)
        training = fill_training(config["training"], protocol)
        found[name] = {}
        for model, entry in models.items():
            filled = fill_model(entry, protocol["models"].get(model), config["model_options"].get(model))
            zoo, ours = (read_zoo(zoo_path(one["zoo"])) for one in (entry, filled))
            found[name][model] = zoo, resolve(ours, filled, training, data_paths(setting), seed, True, WEIGHTS)
    return found


def list_differences(resolved: Resolved, reasons: Mapping[str, Mapping[str, str]] = REASONS) -> Differences:
    """Every difference between the zoo configs and the resolved ones, with its reason; InputError as in explain()."""
    flat = [
        (protocol, model, (key, show(before), show(after)))
        for protocol, models in resolved.items()
        for model, pair in models.items()
        for key, before, after in changes(*pair)
    ]
    listed = [
        ((protocol, "every"), f"{model}, {protocol}", key, zoo, ours) for protocol, model, (key, zoo, ours) in flat
    ]
    rows: dict[tuple[str, str], list[tuple[str, str, str, str]]] = {}
    for (protocol, model, (key, zoo, ours)), reason in zip(flat, explain(listed, reasons), strict=True):
        rows.setdefault((protocol, model), []).append((key, zoo, ours, reason))
    found: Differences = {protocol: {} for protocol in resolved}
    for (protocol, model), own in rows.items():
        for key, zoo, ours, reason in merge_stages(own):
            short = re.sub(r"^data\.train\.dataset\.", "data.train.", key)
            found[protocol].setdefault(short, {})[model] = zoo, ours, reason
    return found


def difference_part(differences: Differences, models: Collection[str]) -> list[str]:
    """Lines of the page's first part: what all protocols change, then what each one changes besides.

    models: the names of all models.
    """
    first, *others = differences.values()
    shared = {key: rows for key, rows in first.items() if all(other.get(key) == rows for other in others)}
    sections = {"Under every protocol": shared}
    for protocol, keys in differences.items():
        sections[f"Under `{protocol}` besides"] = {key: rows for key, rows in keys.items() if key not in shared}
    lines: list[str] = []
    for title, keys in sections.items():
        lines += [f"### {title}", "", *([] if keys else ["Nothing.", ""])]
        every: list[list[str]] = []
        some: list[list[str]] = []
        for key, found in sorted(keys.items()):
            zoo, ours, reasons = ({model: row[i] for model, row in found.items()} for i in range(3))
            row = [f"`{key}`", by_value(zoo), by_value(ours), "; ".join(dict.fromkeys(reasons.values()))]
            (every if len(found) == len(models) else some).append([*row, these(found, models)])
        head = ["key", "zoo", "ours", "reason"]
        if every:
            lines += ["All models:", "", *table_lines(head, [row[:-1] for row in every], marked=True), ""]
        if some:
            lines += [
                "Some models, the others as in the zoo:",
                "",
                *table_lines([*head, "models"], some, marked=True),
                "",
            ]
    return lines


def in_force(config: Nested, images: Iterable[int]) -> tuple[str, dict[str, str]]:
    """(highest learning rates, {what is set: value}) of one resolved config, as texts.

    images: how many training images setting 1 and setting 2 have.
    """
    shares, schedules = zip(*(schedule_in_force(config, number) for number in images), strict=True)
    rows = {name: by_setting([one[name] for one in schedules]) for name in schedules[0]}
    return by_setting([f"{share:.0%}" for share in shares]), settings_in_force(config) | rows


def settings_part(resolved: Resolved, images: Sequence[int]) -> list[str]:
    """Lines of the page's second part: what is set alike for all models and protocols, then model by model.

    images: how many training images setting 1 and setting 2 have.
    """
    found = {
        (protocol, model): in_force(ours, images)
        for protocol, models in resolved.items()
        for model, (_, ours) in models.items()
    }
    models = list(next(iter(resolved.values())))
    rates = [[model, *(found[protocol, model][0] for protocol in resolved)] for model in models]
    lines = [*SETTINGS.splitlines(), "", *table_lines(["model", *resolved], rates, marked=True), ""]
    names = {name: None for _, texts in found.values() for name in texts}
    values = {name: {texts[name] for _, texts in found.values()} for name in names}
    shared = {name: texts.pop() for name, texts in values.items() if len(texts) == 1}
    lines += [
        "The same for all models and protocols:",
        "",
        *table_lines(["setting", "value"], shared.items(), marked=True),
        "",
    ]
    for model in models:
        own = {name: [found[protocol, model][1][name] for protocol in resolved] for name in names if name not in shared}
        same = [[name, texts[0]] for name, texts in own.items() if len(set(texts)) == 1]
        other = [[name, *texts] for name, texts in own.items() if len(set(texts)) > 1]
        lines += [f"### {model}", "", *table_lines(["setting", "under every protocol"], same, marked=True), ""]
        lines += [*table_lines(["setting", *resolved], other, marked=True), ""]
    return lines


def version_of(folder: Path | str) -> str:
    """Version of the mmdet in a folder of packages."""
    return re.findall(r"__version__ = '(.+)'", Path(folder, "mmdet", "version.py").read_text())[0]


@contextlib.contextmanager
def unpacked(path: Path | str) -> Iterator[Path | str]:
    """The folder of packages that a wheel holds, while the context lasts; a folder is given back as it is."""
    if Path(path).is_dir():
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        try:
            with zipfile.ZipFile(path) as wheel:
                wheel.extractall(folder)
        except (OSError, zipfile.BadZipFile) as error:
            raise InputError(f"{path}: cannot be read ({error}), wanted a wheel of mmdet; check the path") from None
        yield folder


def versions_head(old: str, new: str, names: Iterable[str]) -> list[str]:
    """First lines of the page's third part. old, new: versions of mmdet. names: zoo configs."""
    return [
        f"## 3. Zoo configs of mmdet {old} and {new}",
        "",
        f"The report's version is {old}, this project's {new}. Compared key by key:",
        "",
        *(f"- `{name}`" for name in names),
        "",
    ]


def versions_part(names: Collection[str], old: Path | str, effects: Mapping[str, str] = EFFECTS) -> list[str]:
    """Lines of the page's third part: which keys of these zoo configs differ from those of another version of mmdet.

    names: zoo configs. old: wheel of that mmdet, or the folder that it is unpacked in. effects: {key: whether it
    changes the numbers}. Raises InputError for a key without an effect and an effect that fits no key.
    """
    import mmdet

    found: dict[tuple[str, str, str], list[str]] = {}
    with unpacked(old) as folder:
        before = version_of(folder)
        for name in names:
            path = Path(folder, "mmdet", ".mim", "configs", f"{name}.py")
            if not path.is_file():
                raise InputError(f"{old}: holds no zoo config {name}, wanted the one to compare; take another version")
            for change in changes(read_zoo(path), read_zoo(zoo_path(name))):
                key, one, two = map(show, change)
                found.setdefault((key, one, two), []).append(name)
    listed = [(("versions",), f"mmdet {mmdet.__version__}", *change) for change in found]
    explained = explain(listed, {"versions": effects})
    rows = [
        [f"`{key}`", f"`{one}`", f"`{two}`", these(where, names), effect]
        for ((key, one, two), where), effect in zip(found.items(), explained, strict=True)
    ]
    lines = versions_head(before, mmdet.__version__, names)
    if not rows:
        return [*lines, "No key differs.", ""]
    head = ["key", before, mmdet.__version__, "configs", "changes numbers"]
    return [*lines, *table_lines(head, rows, marked=True), "", "No other key differs."]


def kept_versions(names: Iterable[str], path: Path | str) -> list[str]:
    """Lines of the third part as the page at `path` has them; InputError if they compare other configs than `names`."""
    import mmdet

    page = Path(path).read_text(encoding="utf-8") if Path(path).is_file() else ""
    part = re.search(r"^## 3\. Zoo configs of mmdet (\S+) and .*", page, re.MULTILINE | re.DOTALL)
    if not part or not part[0].startswith("\n".join(versions_head(part[1], mmdet.__version__, names))):
        raise InputError(
            f"{path}: compares no or other zoo configs than those of mmdet {mmdet.__version__} in use; "
            "run make docs where pip can download, or give --old"
        )
    return part[0].splitlines()


def page(
    config: Nested,
    models: Mapping[str, ModelEntry],
    protocols: Mapping[str, ProtocolChanges],
    old: Path | str | None = None,
    out: Path | str = "docs/differences.md",
) -> str:
    """The whole page as text.

    config, models, protocols: content of config.yaml, of models.yaml's `models`, of protocols.yaml. old: wheel or
    folder of the mmdet to compare with; None keeps what the page at `out` says of it.
    """
    import mmdet

    resolved = resolve_all(config, models, protocols)
    split = read_yaml(config["split"]["file"])
    images = [len(split["train"]), len(split["train"] + split["validation"])]
    entries: list[ModelEntry | ModelChanges] = [
        *models.values(),
        *(entry for content in protocols.values() for entry in content["models"].values()),
    ]
    names = list(dict.fromkeys(entry["zoo"] for entry in entries if "zoo" in entry))
    lines = [*INTRODUCTION.format(version=mmdet.__version__).splitlines(), ""]
    lines += difference_part(list_differences(resolved), models) + settings_part(resolved, images)
    lines += versions_part(names, old) if old else kept_versions(names, out)
    return "\n".join(lines).rstrip() + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="config/config.yaml", help="the config (default: %(default)s)")
    parser.add_argument("--models", default="config/models.yaml", help="the models file (default: %(default)s)")
    parser.add_argument("--protocols", default="config/protocols.yaml", help="the protocols (default: %(default)s)")
    parser.add_argument("--old", help="wheel or folder of the mmdet to compare with (default: keep what the page says)")
    parser.add_argument("--out", default="docs/differences.md", help="where to write the page (default: %(default)s)")
    args = parser.parse_args()
    config, models, protocols = map(read_yaml, (args.config, args.models, args.protocols))
    write_text(args.out, page(config, models["models"], protocols, args.old, args.out))


if __name__ == "__main__":
    run_stage(main)
