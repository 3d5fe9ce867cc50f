"""Bad configs: how each is made, and the exact lines that Snakemake answers with before any work."""
# ruff: noqa: F403, F405 (the table is easiest to read in the plain names of damage.py)

from pathlib import Path

from conftest import ROOT
from support.bad_input import catalogue
from support.damage import *

# fmt: off
TABLE = [
    # config
    ("unknown key", lambda: config(training__epoch=3), CONFIG,
     "config: unknown key training.epoch; did you mean epochs?"),
    ("unknown section", lambda: config(trainig={}), CONFIG, "config: unknown key trainig; did you mean training?"),
    ("key missing", lambda: config(tiles={"size": 256, "stride": 200}), CONFIG,
     "config: tiles: 'min_area' is a required property; correct it"),
    ("another models file than a path", lambda: config(models_file=3), CONFIG,
     "config: models_file is 3, wanted a path; correct it"),
    ("text for a number", lambda: config(training__epochs="many"), CONFIG,
     "config: training.epochs is 'many', wanted type ['integer', 'null']; correct it"),
    ("text that is no YAML", lambda: config(training__epochs="["), CONFIG,
     "config: training.epochs is '[', wanted type ['integer', 'null']; correct it"),
    ("number out of range", lambda: config(training__epochs=0, split__validation_fraction=2), CONFIG,
     "config: split.validation_fraction is 2, wanted maximum 0.9; correct it",
     "config: training.epochs is 0, wanted minimum 1; correct it"),
    ("number that is no number", lambda: config(training__lr=float("nan")), CONFIG,
     "config: training.lr is nan, wanted a finite number; correct it"),
    ("endless number", lambda: config(training__options={"optimizer.lr": float("inf")}), CONFIG,
     "config: training.options.optimizer.lr is inf, wanted a finite number; correct it"),
    ("value that is not in the list", lambda: config(conversion__method="fast", settings=[3]), CONFIG,
     "config: conversion.method is 'fast', wanted one of ['imantics', 'exact']; correct it",
     "config: settings.0 is 3, wanted one of [1, 2]; correct it"),
    ("weights that are not there", lambda: config(training__weights="imagenet"), CONFIG,
     "config: training.weights imagenet not found, wanted coco, none or a model bundle; correct the path"),
    ("bundle without its hash", lambda: config(training__weights="https://x.org/b.zip"), CONFIG,
     "config: training.weights https://x.org/b.zip is a URL without #sha256= and 64 hex digits; add what make bundle "
     "says"),
    ("empty list", lambda: config(seeds=[]), CONFIG, "config: seeds: [] should be non-empty; correct it"),
    ("section missing", lambda: config(training=None), CONFIG,
     "config: training is None, wanted type object; correct it"),
    ("name of a run that leaves its folder", lambda: config(run="../x"), CONFIG,
     "config: run is '../x', wanted the form ^[A-Za-z0-9][A-Za-z0-9._-]*$; correct it"),
    ("model unknown", lambda: config(models=["mask_r5"]), CONFIG,
     "config: models names mask_r5, which models.yaml does not hold; did you mean mask_r50?"),
    ("data neither named nor drawn", lambda: config(raw__draw=None), CONFIG,
     "config: raw wants either dataset.path or draw, found both or none; set the other to null"),
    ("data both named and drawn", lambda: config(raw__dataset__path="x"), CONFIG,
     "config: raw wants either dataset.path or draw, found both or none; set the other to null"),
    ("hash of the data of the wrong form", lambda: config(raw__dataset__sha256="abc"), CONFIG,
     "config: raw.dataset.sha256 is 'abc', wanted the form ^[0-9a-f]{64}$; correct it"),
    ("device unknown", lambda: config(compute__device="tpu"), CONFIG,
     "config: compute.device is 'tpu', wanted the form ^(auto|cpu|cuda(:[0-9]+)?)$; correct it"),
    ("options of an unknown model", lambda: config(model_options={"cascade_r5": {}}), CONFIG,
     "config: model_options names cascade_r5, which models.yaml does not hold; did you mean cascade_r50?"),
    ("submissions not found", lambda: config(published__submissions="nowhere"), CONFIG,
     "config: published.submissions nowhere not found, wanted a folder of answer_*.zip"),
    ("data not found", lambda: config(raw__draw=None, raw__dataset__path="nowhere.tar"), CONFIG,
     "config: raw.dataset.path nowhere.tar not found, wanted a folder, archive or URL; correct the path"),
    ("path without end", lambda: config(raw__draw=None, raw__dataset__path="x" * 300), CONFIG,
     f"config: raw.dataset.path {'x' * 300} not found, wanted a folder, archive or URL; correct the path"),
    ("classes that are one, of data that name none", lambda: config(raw__classes=["tumour", "Tumour"]), CONFIG,
     "config: raw.classes: 'tumour' and 'Tumour' found, which are the same but for case or form, wanted each class "
       "once; correct it",
     "config: raw.classes: 2 classes found with data that name none, wanted one, or data in the format coco_json or "
       "geojson; correct one"),
    ("class of spaces", lambda: config(raw__classes=[" "]), CONFIG,
     "config: raw.classes: ' ' found, wanted letters that can be printed, and no spaces before or after them; "
       "correct it"),
    ("no class", lambda: config(raw__classes=[]), CONFIG, "config: raw.classes: [] should be non-empty; correct it"),
    ("class without a name", lambda: config(raw__classes=[""]), CONFIG,
     "config: raw.classes.0: '' should be non-empty; correct it"),
    ("table of groups not found", lambda: config(raw__groups__file="no.csv"), CONFIG,
     "config: raw.groups.file no.csv not found, wanted a CSV or TSV of groups; correct the path"),
    ("folds that divide groups",
     lambda: config(raw__groups__file="models.yaml", folds={"count": 2, "groups": None, "column": "g", "seed": 0}),
     CONFIG, "config: raw.groups.file models.yaml found with folds.groups null, wanted folds that divide no group "
       "either; set folds.groups and folds.column too"),
    ("split file not found", lambda: config(split__file="nowhere.yaml"), CONFIG,
     "config: split.file nowhere.yaml not found, wanted a YAML file; correct the path"),
    ("epoch without its policy", lambda: config(selection__epoch=3), CONFIG,
     "config: selection.epoch and policy `epoch` belong together; set both or neither"),
    ("epoch after the last one", lambda: config(selection={"policy": "epoch", "metric": "ap_100", "epoch": 4}), CONFIG,
     "config: selection.epoch 4 found, wanted at most training.epochs 3; lower selection.epoch or raise "
       "training.epochs"),
    ("epoch whose weights are not kept",
     lambda: config(selection={"policy": "epoch", "metric": "ap_100", "epoch": 2}), CONFIG,
     "config: selection.epoch 2 found, whose weights may not be kept, wanted the last epoch 3 or a multiple of "
       "checkpoints.every; set checkpoints.every to a divisor of 2"),
    ("epochs and minutes", lambda: config(training__minutes=5), CONFIG,
     "config: training.epochs 3 and training.minutes 5 found, wanted one of them and null for the other; correct "
       "one"),
    ("neither epochs nor minutes", lambda: config(training__epochs=None), CONFIG,
     "config: training.epochs null and training.minutes null found, wanted one of them and null for the other; "
       "correct one"),
    ("minutes with another schedule",
     lambda: config(training__epochs=None, training__minutes=5, training__schedule=[2]), CONFIG,
     "config: training.schedule [2] found, wanted cosine with training.minutes, since the number of epochs is not "
       "known before; correct one"),
    ("no minutes", lambda: config(training__epochs=None, training__minutes=0), CONFIG,
     "config: training.minutes is 0, wanted exclusiveMinimum 0; correct it"),
    ("an epoch of so many minutes", lambda: config(training__epochs=None, training__minutes=5,
       selection={"policy": "epoch", "metric": "ap_100", "epoch": 4}), CONFIG,
     "config: selection.epoch 4 found with training.epochs null, so that nobody knows its epochs before, wanted null; "
       "set it, and selection.policy to best or last"),
    ("best epoch without scores", lambda: config(training__validate_every=0), CONFIG,
     "config: training.validate_every 0 found, wanted 1 or more with selection.policy best; set it, or "
       "selection.policy to last or epoch"),
    ("tiles with tissue between them", lambda: config(tiles={"size": 64, "stride": 65, "min_area": 1}), CONFIG,
     "config: tiles.stride 65 found, wanted at most tiles.size 64, since tissue between the tiles would be left out; "
       "correct one"),
    ("narrow model from published weights", lambda: config(training__weights="coco", training__depth=1), CONFIG,
     "config: training.width 0.125 found, wanted 1 with training.weights coco, whose layers have all channels; set "
       "training.weights to none or training.width to 1"),
    ("shallow model from published weights", lambda: config(training__weights="coco", training__width=1), CONFIG,
     "config: training.depth 0.125 found, wanted 1 with training.weights coco, whose backbone has all blocks; set "
       "training.weights to none or training.depth to 1"),
    ("width at which layers do not fit", lambda: config(training__width=0.3), CONFIG,
     "config: training.width is 0.3, wanted one of [0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1]; correct it"),
    ("width at which layers have no channels", lambda: config(training__width=0.001), CONFIG,
     "config: training.width is 0.001, wanted one of [0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1]; correct it"),
    ("half precision on a CPU", lambda: config(training__precision="fp16"), CONFIG,
     "config: training.precision fp16 found, wanted fp32 or bf16 with compute.device cpu; correct it or take a GPU"),
    ("seed too large for NumPy", lambda: config(seeds=[2**32]), CONFIG,
     "config: seeds.0 is 4294967296, wanted maximum 4294967295; correct it"),
    ("three scales for a range", lambda: config(training__train_scales=[[64, 64]] * 3), CONFIG,
     "config: training.train_scales: [[64, 64], [64, 64], [64, 64]] is too long; correct it"),
    ("windows that overlap whole", lambda: config(inference__window=128), CONFIG,
     "config: inference.overlap 128 found, wanted less than inference.window 128; correct one"),
    ("URL without a hash", lambda: config(raw__draw=None, raw__dataset__path="https://x.org/raw.zip"), CONFIG,
     "config: raw.dataset.path https://x.org/raw.zip is a URL without raw.dataset.sha256, wanted both; set the hash"),
    ("models file that is no YAML", lambda: config("models: {"), CONFIG,
     "models.yaml: not YAML (while parsing a flow node expected the node content, but found '<stream end>' in "
       '"<byte string>", line 1, column 10: models: { ^), wanted a YAML file; correct it'),
    ("models file that is a list", lambda: config("[]"), CONFIG,
     "models.yaml: top level is [], wanted type object; correct it"),
    ("models file without a key", lambda: config("weights_root: x\nmodels: {a: {method: b}}"), CONFIG,
     "models.yaml: models.a: 'backbone' is a required property; correct it",
     "models.yaml: models.a: 'lr_schd' is a required property; correct it",
     "models.yaml: models.a: 'multiscale' is a required property; correct it",
     "models.yaml: models.a: 'weights' is a required property; correct it",
     "models.yaml: models.a: 'zoo' is a required property; correct it"),
    ("model name that no command line holds",
     lambda: config(ROOT.joinpath("config/models.yaml").read_text().replace("mask_r101:", "a b's:")), CONFIG,
     """models.yaml: models is "a b's", wanted the form ^[A-Za-z0-9][A-Za-z0-9_.-]*$; correct it"""),
    ("models file missing", lambda: [config(), Path("models.yaml").unlink()], CONFIG,
     "models.yaml: cannot be read (No such file or directory), wanted a YAML file; check the path"),
]
# fmt: on

test_bad_input = catalogue(TABLE)
