"""Whatever messages, docstrings, comments and pages name exists: config keys, make targets, scripts, files, rules."""

import contextlib
import functools
import io
import re
import shlex
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import PurePosixPath

import pytest
import yaml
from conftest import ROOT
from snakemake.cli import get_argument_parser
from support.prose import PAGES, Text, all_texts, below

SCHEMA = yaml.safe_load((ROOT / "config/schema.yaml").read_text())
CONFIG = SCHEMA["config"]
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z][\w-]*):", MAKEFILE, re.MULTILINE))
MODULES = {path[len("scripts/") : -len(".py")].replace("/", ".") for path in below("scripts/nuclei/**/*.py")}
COMMANDS = {PurePosixPath(path).name for path in below("scripts/*.py", "tools/*.py")}
MODULE_FILES = {PurePosixPath(path).name for path in below("scripts/nuclei/**/*.py", "tests/**/*.py")}
TEXTS = list(all_texts())

# a dotted name that begins with a top-level key, and is no part of a longer name or of a path
# `model.` begins keys of mmdet's configs, and the config's own `model` has none below it
SECTIONS = CONFIG["properties"].keys() - {"model"}
KEY = re.compile(rf"(?<![\w./*-])({'|'.join(SECTIONS)})((?:\.(?:\w+|\*))+)(?![\w/*-]|\.\w)")
SUFFIXES = {"json", "jsonl", "md", "py", "yaml", "csv", "tsv", "pth", "html", "tex", "png", "jpg", "zip", "smk", "log"}
MAKE = re.compile(r"(?:`|\brun |\bby )make ([a-z][\w-]*)")
FOLDERS = "scripts|tools|rules|docs|config|envs|profiles|containers|tests"
PATH = re.compile(rf"(?<![\w./-])((?:{FOLDERS})/[\w./*{{}},-]*[\w*}}/])")
LIBRARY = re.compile(r"(?<![\w.-])(?:scripts/)?(nuclei/[\w/]+\.py)")
MODULE = re.compile(r"(?<![\w./-])(nuclei(?:\.\w+)+)")
SCRIPT = re.compile(r"(?<![\w./*-])(?P<said>\b(?:by|what|run) )?(?P<name>\w+\.py)\b(?P<writes> writes)?")
COMMAND = re.compile(r"python (?:-\S+ (?:ignore )?)?((?:scripts|tools)/\w+\.py)([^`#|&;]*)")

OTHERS_FILES = {"containers/nuclei.sif", "docs/gpu.jsonl"}  # which a person builds; records, once there are any
# a cell's resolved config, and files of mmdet, mmcv, pycocotools and the report's author
OTHERS_SCRIPTS = {"config.py", "__init__.py", "version.py", "setup.py", "cocoeval.py", "mask2coco.py"}
OTHERS_PAGES = {"docs/versions.md"}  # speaks of mmdet's files, by their names alone


def report(check, *more, texts=TEXTS):
    """Where a text stands and what it names in vain, by a check that takes a Text and gives names."""
    return [f"{text.place}: {name}" for text in texts for name in check(text, *more)]


def exists(parts, schema):
    """Whether a dotted key, as its parts, is in a schema; `*` fits any key, and where names are free any name does."""
    if not parts:
        return True
    known, rest = schema.get("properties", {}), schema.get("additionalProperties")
    if isinstance(rest, dict):
        return exists(parts[1:], rest)
    if not known:
        return "object" in schema.get("type", []) and rest is not False
    return any(exists(parts[1:], known[key]) for key in known if parts[0] in (key, "*"))


def unknown_keys(text):
    """Dotted keys of the config, or of models.yaml, that no schema knows."""
    for match in KEY.finditer(text.text):
        parts = [match[1], *match[2][1:].split(".")]
        parts = parts[:-1] if parts[-1] == "*" else parts  # `explored.*` are files
        if parts[-1] not in SUFFIXES and not any(exists(parts, SCHEMA[name]) for name in ("config", "models")):
            yield ".".join(parts)


def unknown_targets(text):
    """Targets of make that the Makefile does not have. `make the mask` in a sentence is none."""
    found = MAKE.findall(text.text)
    found += re.findall(r"^make ([a-z][\w-]*)", text.text) if text.kind == "code" else []
    return [f"make {name}" for name in found if name not in TARGETS]


def one_by_one(word):
    """The paths that a word with a list in braces stands for."""
    match = re.fullmatch(r"(.*?)\{([^{}]*)\}(.*)", word)
    return [path for one in match[2].split(",") for path in one_by_one(match[1] + one + match[3])] if match else [word]


def unknown_files(text, files):
    """Paths below the project's folder, or below scripts/, that are none of `files`."""
    found = [
        match[1]
        for match in PATH.finditer(text.text)
        if not re.search(r"(mmdet|author)\W?'s (own )?\W?$", text.text[: match.start()])
    ]
    found += [f"scripts/{name}" for name in LIBRARY.findall(text.text)]
    for path in (path for word in found for path in one_by_one(word.rstrip("/"))):
        if path not in OTHERS_FILES and not any(fnmatch(file, path) or file.startswith(f"{path}/") for file in files):
            yield path


def unknown_scripts(text):
    """Names such as train.py of no stage, tool or module; what people run, or what writes a file, is no module."""
    for match in SCRIPT.finditer(text.text if text.file not in OTHERS_PAGES else ""):
        runs = bool(match["said"] or match["writes"] or match[0] == text.text)
        if match["name"] not in COMMANDS | OTHERS_SCRIPTS | (set() if runs else MODULE_FILES):
            yield match["name"]


def unknown_modules(text):
    """Dotted names below `nuclei` that are no folder, no module and no name in a module."""
    for name in MODULE.findall(text.text):
        parts = name.split(".")
        base = ROOT.joinpath("scripts", *parts)
        module = max((m for m in MODULES if f"{name}.".startswith(f"{m}.")), key=len, default=None)
        if base.is_dir() or module == name:
            continue
        inside = parts[len(module.split("."))] if module else ""
        source = ROOT.joinpath("scripts", *module.split(".")).with_suffix(".py").read_text() if module else ""
        if not re.search(rf"^(def |class )?{inside}\b", source, re.MULTILINE):
            yield name


def unknown_options(text):
    """Options of `python scripts/x.py --option` and `python tools/x.py --option` that the file does not have."""
    for file, arguments in COMMAND.findall(text.text):
        source = (ROOT / file).read_text() if (ROOT / file).is_file() else ""
        for option in re.findall(r"(?<!\S)--[a-z][\w-]*", arguments):
            if f'"{option}"' not in source and option != "--help":
                yield f"{file} {option}"


def snakemake_commands(text):
    """Argument lists of the calls of Snakemake that a text shows."""
    found = re.findall(r"`(?:\w+=\S+ )?snakemake( [^`]*)`", text.text)
    if text.kind == "code":
        found += re.findall(r"(?:^|nuclei |\w+=\S+ )snakemake( .*)", text.text)
    if text.kind == "comment":
        found += re.findall(r"^#? ?snakemake( .*)", text.text)
    return [shlex.split(arguments) for arguments in found]


parser = functools.cache(get_argument_parser)


def parsed(arguments):
    """What Snakemake's own parser makes of a command line, or its complaint as a text."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return parser().parse_args(arguments)
    except SystemExit:
        return said.getvalue().strip().splitlines()[-1]


def wrong_settings(settings):
    """Keys of `--config key=value` that the schema does not know."""
    for setting in settings:
        key, _, value = setting.partition("=")
        value = None if value == "*" else yaml.safe_load(value)  # a text that says … has * here
        inner = [f"{key}.{name}" for name in value] if isinstance(value, dict) else []
        yield from (name for name in [key, *inner] if not exists(name.split("."), CONFIG))


def wrong_commands(text, rules):
    """What the shown calls of Snakemake name in vain: options, targets (`rules` or results), keys, config files."""
    for arguments in snakemake_commands(text):
        found = parsed(arguments)
        if isinstance(found, str):
            yield found
            continue
        yield from (f"snakemake {target}" for target in found.targets or [] if not is_target(target, rules))
        yield from wrong_settings(found.config or [])
        yield from (str(path) for path in found.configfile or [] if not (ROOT / path).is_file())
        if found.workflow_profile and not (ROOT / found.workflow_profile).is_dir():
            yield found.workflow_profile


def is_target(name, rules):
    """Whether Snakemake can be asked for it: a rule without wildcards, or a file whose name some rule makes."""
    made = "".join((ROOT / file).read_text() for file in below("rules/*.smk"))
    return name in rules or ("/" in name and PurePosixPath(name).name in made)


@pytest.fixture(scope="module")
def files():
    """Every file of the project that git does not ignore."""
    command = ["git", "ls-files", "-co", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [name for name in listed if (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def rules():
    """Names of the rules that Snakemake can be asked for, as it lists them itself."""
    command = [sys.executable, "-m", "snakemake", "--configfile", "config/demo.yaml", "--list-target-rules"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {line.split()[0] for line in done.stdout.splitlines() if line.strip()}


@pytest.mark.parametrize(
    "check",
    [unknown_keys, unknown_targets, unknown_scripts, unknown_modules, unknown_options],
    ids=lambda f: f.__name__,
)
def test_names_exist(check):
    assert report(check) == []


def test_files_exist(files):
    assert report(unknown_files, files) == []


def test_commands_of_snakemake_are_right(rules):
    assert report(wrong_commands, rules) == []


def test_links_between_pages_lead_somewhere():
    lost = []
    for file in [*PAGES, *below("docs/*.md", "results/20*/README.md")]:
        text = re.sub(r"^```.*?^```", "", (ROOT / file).read_text(), flags=re.MULTILINE | re.DOTALL)
        links = [link.split("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
        lost += [f"{file}: {link}" for link in links if link and not (ROOT / file).parent.joinpath(link).exists()]
    assert lost == []


def test_the_makefile_knows_its_own_targets():
    listed = set(re.search(r"^\.PHONY: ((?:.*\\\n)*.*)", MAKEFILE, re.MULTILINE)[1].replace("\\", " ").split())
    helped = set(re.findall(r'@echo "make ([\w-]+)', MAKEFILE))
    assert listed == TARGETS
    assert helped == TARGETS - {"help"}


WRONG = [
    (unknown_keys, "raise training.keep before", "training.keep"),
    (unknown_keys, "set raw.*.paths to a folder", "raw.*.paths"),
    (unknown_keys, "checkpoints.metrics.x", "checkpoints.metrics.x"),
    (unknown_targets, "run make doc where pip can", "make doc"),
    (unknown_targets, "`make test-all`", "make test-all"),
    (unknown_files, "see scripts/training.py", "scripts/training.py"),
    (unknown_files, "docs/{rerun,reruns}.md", "docs/reruns.md"),
    (unknown_files, "as nuclei/data/polygon.py does", "scripts/nuclei/data/polygon.py"),
    (unknown_scripts, "wanted what tables.py writes", "tables.py"),
    (unknown_scripts, "wanted what conversion.py writes", "conversion.py"),
    (unknown_scripts, "run polygons.py again", "polygons.py"),
    (unknown_scripts, "annotate_settings.py", "annotate_settings.py"),
    (unknown_modules, "nuclei.data.polygon.trace", "nuclei.data.polygon.trace"),
    (unknown_modules, "nuclei.data.polygons.no_such", "nuclei.data.polygons.no_such"),
    (unknown_options, "`python scripts/train.py --epochs 3`", "scripts/train.py --epochs"),
    (wrong_commands, "`snakemake plans --cores 2`", "snakemake plans"),
    (wrong_commands, "`snakemake predict --cores 2`", "snakemake predict"),
    (wrong_commands, "`snakemake --configfile config/none.yaml`", "config/none.yaml"),
    (wrong_commands, "`snakemake --config 'training={lrs: 1}'`", "training.lrs"),
    (wrong_commands, "`snakemake --no-such-option`", "no-such-option"),
]
RIGHT = [
    (unknown_keys, "data/split.json, training.options.model.x, ensembles.*, models.*.zoo, model_options.mask_r50.a.b"),
    (unknown_keys, "self.training.no, nuclei.training.loop, checkpoints/epoch_1.pth"),
    (unknown_targets, "make the data again, or run make docs; `make test`"),
    (unknown_files, "mmdet's tools/train.py, rules/*.smk, config/best{,-gpu}.yaml, docs/, containers/nuclei.sif"),
    (unknown_scripts, "wanted what convert_train.py writes, in config.py; see polygons.py"),
    (unknown_scripts, "train.py"),
    (unknown_modules, "nuclei.data, nuclei.data.polygons, nuclei.data.polygons.exact_polygons"),
    (wrong_commands, "`snakemake results/demo/report.html`, `snakemake plan --config 'training={lr: 1}' run=x`"),
]


@pytest.mark.parametrize("check, said, name", WRONG, ids=lambda value: getattr(value, "__name__", str(value)))
def test_a_wrong_name_is_found(check, said, name, request):
    more = [request.getfixturevalue(one) for one in ("files", "rules") if one in argument_names(check)]
    (line,) = report(check, *more, texts=[Text("x", 1, "message", said)])
    assert name in line


@pytest.mark.parametrize("check, said", RIGHT, ids=lambda value: getattr(value, "__name__", str(value)))
def test_right_names_are_left_alone(check, said, request):
    more = [request.getfixturevalue(one) for one in ("files", "rules") if one in argument_names(check)]
    assert report(check, *more, texts=[Text("x", 1, "message", said)]) == []


def argument_names(function):
    return function.__code__.co_varnames[: function.__code__.co_argcount]
