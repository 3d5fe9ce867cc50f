"""docs/differences.md: what each resolved config changes of its zoo config, and why; fails on what has no reason.

Every difference must be listed in REASONS, and every reason must be used: that is the test of fidelity.
"""

import argparse
import contextlib
import re
import tempfile
import zipfile
from fnmatch import fnmatchcase
from pathlib import Path

import library  # noqa: F401 - lets the library be found
from nuclei.common.documents import read_yaml
from nuclei.common.files import write_text
from nuclei.common.markdown import table_lines
from nuclei.common.nested import changes
from nuclei.common.stage import InputError, run_stage
from nuclei.models.description import schedule_in_force, settings_in_force
from nuclei.models.resolve import resolve
from nuclei.models.zoo import read_zoo, zoo_path
from nuclei.workflow.protocols import fill_model, fill_training, read_protocol

WEIGHTS = "work/weights/<model>.pth"


# Pattern of a key -> reason, by protocol; `every` holds for all of them. The protocol's own go first.
REASONS = {
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


# What a key that differs between the two versions of mmdet does to the numbers.
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
"""


SETTINGS = """## 2. The settings that matter

Two values with a slash between them are those of settings 1 and 2, where they differ.

Highest learning rate that a training reaches, in percent of the rate that it sets. Below 100 % the warm-up is not over
when the schedule's first fall comes:
"""


def data_paths(setting):
    """Paths of a cell's data, as rules/train.smk gives them to cell_config."""
    annotations, images = "results/<run>/data/annotations", "work/<run>/raw/dataset"
    return {
        "train": {"annotations": f"{annotations}/setting{setting}/train.json", "images": f"{images}/train"},
        "val": {"annotations": f"{annotations}/setting{setting}/validation.json", "images": f"{images}/train"},
        "test": {"annotations": "results/<run>/data/coco/test.json", "images": f"{images}/test"},
    }


def resolve_all(config, models, protocols, setting="<N>", seed="<seed>"):
    """{protocol: {model: (zoo config, resolved config)}} of every model under every protocol, as the pipeline does it.

    config: content of config.yaml. models: of models.yaml. protocols: names.
    """
    found = {}
    for name in protocols:
        protocol = read_protocol(name, models)
        training = fill_training(config["training"], protocol)
        found[name] = {}
        for model, entry in models.items():
            filled = fill_model(entry, protocol["models"].get(model), config["model_options"].get(model))
            zoo, ours = (read_zoo(zoo_path(one["zoo"])) for one in (entry, filled))
            found[name][model] = zoo, resolve(ours, filled, training, data_paths(setting), seed, True, WEIGHTS)
    return found


def explain(found, reasons):
    """Give every difference its reason.

    found: [(scopes, where, key, before, after)]; reasons: {scope: {pattern: reason}}. Returns the reasons, one each.
    Raises InputError with every difference that has none and every reason that is not used.
    """
    explained, used, missing = [], set(), {}
    for scopes, where, *change in found:
        fits = [(scope, pattern) for scope in scopes for pattern in reasons[scope] if fnmatchcase(change[0], pattern)]
        if fits:
            used.add(fits[0])
            explained.append(reasons[fits[0][0]][fits[0][1]])
        else:
            missing.setdefault(tuple(change), []).append(where)
    problems = [
        f"{places[0]}{f' and {len(places) - 1} more' if places[1:] else ''}: {key} is {after} instead of {before}, "
        "wanted a reason; take the change back or list its reason in tools/explain_configs.py"
        for (key, before, after), places in missing.items()
    ]
    problems += [
        f"tools/explain_configs.py: reason for {pattern} ({scope}) fits no difference; remove it"
        for scope, patterns in reasons.items()
        for pattern in patterns
        if (scope, pattern) not in used
    ]
    if problems:
        raise InputError(*problems)
    return explained


def show(value):
    """A value of a config as short text; of a long path the end."""
    text = str(value["checkpoint"] if isinstance(value, dict) and "checkpoint" in value else value)
    parts = text.split("/")
    return f"…/{'/'.join(parts[-2:])}" if len(text) > 32 and len(parts) > 2 and "://" not in text else text


def merge_stages(rows):
    """Rows (key, before, after, reason), those that differ in a stage's number alone as one, `{0,1,2}` in its key."""
    merged = {}
    for key, *rest in rows:
        head, place, tail = re.fullmatch(r"(?:(.*?\.)(\d+)(?=\.))?(.*)", key).groups("")
        merged.setdefault((head, tail, *rest), []).append(place)
    for (head, tail, *rest), places in merged.items():
        yield head + (places[0] if len(places) == 1 else f"{{{','.join(places)}}}") + tail, *rest


def list_differences(resolved, reasons=REASONS):
    """{protocol: {key: {model: (zoo, ours, reason)}}}, texts; InputError as in explain()."""
    flat = [
        (protocol, model, key, show(before), show(after))
        for protocol, models in resolved.items()
        for model, pair in models.items()
        for key, before, after in changes(*pair)
    ]
    listed = [((protocol, "every"), f"{model}, {protocol}", *row) for protocol, model, *row in flat]
    rows = {}
    for (protocol, model, *row), reason in zip(flat, explain(listed, reasons), strict=True):
        rows.setdefault((protocol, model), []).append((*row, reason))
    found = {protocol: {} for protocol in resolved}
    for (protocol, model), own in rows.items():
        for key, *rest in merge_stages(own):
            short = re.sub(r"^data\.train\.dataset\.", "data.train.", key)
            found[protocol].setdefault(short, {})[model] = tuple(rest)
    return found


def by_value(values):
    """The commonest value alone, the others with their models: `a`; x, y: `b`. values: {model: text}."""
    groups = {}
    for model, value in values.items():
        groups.setdefault(value, []).append(model)
    first, *others = sorted(groups.items(), key=lambda group: -len(group[1]))
    return "; ".join([f"`{first[0]}`", *(f"{', '.join(names)}: `{value}`" for value, names in others)])


def these(names, everyone):
    """`all`, `all but x`, or the names themselves."""
    missing = [name for name in everyone if name not in names]
    if not missing:
        return "all"
    return f"all but {', '.join(missing)}" if len(missing) < len(names) else ", ".join(names)


def difference_part(differences, models):
    """Lines of the page's first part: what all protocols change, then what each one changes on top."""
    first, *others = differences.values()
    shared = {key: rows for key, rows in first.items() if all(other.get(key) == rows for other in others)}
    sections = {"Under every protocol": shared}
    for protocol, keys in differences.items():
        sections[f"Under `{protocol}` besides"] = {key: rows for key, rows in keys.items() if key not in shared}
    lines = []
    for title, keys in sections.items():
        lines += [f"### {title}", "", *([] if keys else ["Nothing.", ""])]
        every, some = [], []
        for key, found in sorted(keys.items()):
            zoo, ours, reasons = ({model: row[i] for model, row in found.items()} for i in range(3))
            row = [f"`{key}`", by_value(zoo), by_value(ours), "; ".join(dict.fromkeys(reasons.values()))]
            (every if len(found) == len(models) else some).append([*row, these(found, models)])
        head = ["key", "zoo", "ours", "reason"]
        if every:
            lines += ["All models:", "", *table_lines(head, [row[:-1] for row in every]), ""]
        if some:
            lines += ["Some models, the others as in the zoo:", "", *table_lines([*head, "models"], some), ""]
    return lines


def by_setting(values):
    """The texts of the settings with a slash between them, or the one that they share."""
    return " / ".join(dict.fromkeys(values))


def in_force(config, images):
    """(highest rates as text, {setting: text}) of one resolved config; images: training images of each setting."""
    shares, schedules = zip(*(schedule_in_force(config, number) for number in images), strict=True)
    rows = {name: by_setting([one[name] for one in schedules]) for name in schedules[0]}
    return by_setting([f"{share:.0%}" for share in shares]), settings_in_force(config) | rows


def settings_part(resolved, images):
    """Lines of the page's second part: settings shared by all first, then model by model."""
    found = {
        (protocol, model): in_force(ours, images)
        for protocol, models in resolved.items()
        for model, (_, ours) in models.items()
    }
    models = list(next(iter(resolved.values())))
    rates = [[model, *(found[protocol, model][0] for protocol in resolved)] for model in models]
    lines = [*SETTINGS.splitlines(), "", *table_lines(["model", *resolved], rates), ""]
    names = {name: None for _, texts in found.values() for name in texts}
    shared = {name: {texts[name] for _, texts in found.values()} for name in names}
    shared = {name: texts.pop() for name, texts in shared.items() if len(texts) == 1}
    lines += ["The same for all models and protocols:", "", *table_lines(["setting", "value"], shared.items()), ""]
    for model in models:
        own = {name: [found[protocol, model][1][name] for protocol in resolved] for name in names if name not in shared}
        same = [[name, values[0]] for name, values in own.items() if len(set(values)) == 1]
        other = [[name, *values] for name, values in own.items() if len(set(values)) > 1]
        lines += [f"### {model}", "", *table_lines(["setting", "under every protocol"], same), ""]
        lines += [*table_lines(["setting", *resolved], other), ""]
    return lines


def version_of(folder):
    """Version of the mmdet in a folder of packages."""
    return re.search(r"__version__ = '(.+)'", Path(folder, "mmdet", "version.py").read_text()).group(1)


@contextlib.contextmanager
def unpacked(path):
    """The folder of packages that a wheel holds; a folder as it is."""
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


def versions_head(old, new, names):
    """First lines of the page's third part."""
    return [
        f"## 3. Zoo configs of mmdet {old} and {new}",
        "",
        f"The report's version is {old}, this project's {new}. Compared key by key:",
        "",
        *(f"- `{name}`" for name in names),
        "",
    ]


def versions_part(names, old, effects=EFFECTS):
    """Lines of the third part: which keys of these zoo configs differ from those of another mmdet.

    names: zoo configs. old: wheel of that mmdet, or the folder that it is unpacked in.
    """
    import mmdet

    found = {}
    with unpacked(old) as folder:
        before = version_of(folder)
        for name in names:
            path = Path(folder, "mmdet", ".mim", "configs", f"{name}.py")
            if not path.is_file():
                raise InputError(f"{old}: holds no zoo config {name}, wanted the one to compare; take another version")
            for change in changes(read_zoo(path), read_zoo(zoo_path(name))):
                key, *values = map(show, change)
                found.setdefault((key, *values), []).append(name)
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
    return [*lines, *table_lines(head, rows), "", "No other key differs."]


def kept_versions(names, path):
    """Lines of the third part as the page at `path` has them; InputError if they compare other configs."""
    import mmdet

    page = Path(path).read_text(encoding="utf-8") if Path(path).is_file() else ""
    part = re.search(r"^## 3\. Zoo configs of mmdet (\S+) and .*", page, re.MULTILINE | re.DOTALL)
    if not part or not part[0].startswith("\n".join(versions_head(part[1], mmdet.__version__, names))):
        raise InputError(
            f"{path}: compares no or other zoo configs than those of mmdet {mmdet.__version__} in use; "
            "run make docs where pip can download, or give --old"
        )
    return part[0].splitlines()


def page(config, models, protocols, old=None, out="docs/differences.md"):
    """The whole page as text.

    config, models, protocols: content of config.yaml, of models.yaml's `models`, of protocols.yaml.
    old: wheel or folder of the mmdet to compare with; None keeps what the page at `out` says of it.
    """
    import mmdet

    resolved = resolve_all(config, models, protocols)
    split = read_yaml(config["split"]["file"])
    images = [len(split["train"]), len(split["train"] + split["validation"])]
    entries = [*models.values(), *(entry for content in protocols.values() for entry in content["models"].values())]
    names = list(dict.fromkeys(entry["zoo"] for entry in entries if "zoo" in entry))
    lines = [*INTRODUCTION.format(version=mmdet.__version__).splitlines(), ""]
    lines += difference_part(list_differences(resolved), models) + settings_part(resolved, images)
    lines += versions_part(names, old) if old else kept_versions(names, out)
    return "\n".join(lines).rstrip() + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", default="config/config.yaml")
    parser.add_argument("--models", default="config/models.yaml")
    parser.add_argument("--protocols", default="config/protocols.yaml")
    parser.add_argument("--old", help="wheel or folder of the mmdet to compare with (default: keep what the page says)")
    parser.add_argument("--out", default="docs/differences.md")
    args = parser.parse_args()
    config, models, protocols = map(read_yaml, (args.config, args.models, args.protocols))
    write_text(args.out, page(config, models["models"], protocols, args.old, args.out))


if __name__ == "__main__":
    run_stage(main)
