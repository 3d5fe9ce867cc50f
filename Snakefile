"""Nuclei segmentation: raw images and masks in, Tables 1 and 2 out.

raw data -> annotations -> one training per cell (model, setting, seed) -> one chosen checkpoint -> predictions
-> scores -> tables -> report. Each step is a rules file. A rule calls the script of its name in scripts/ (README.md).
"""

from snakemake.utils import min_version

min_version("9.27.1")


workdir: workflow.basedir  # stages are called by paths from here, so `snakemake -s <path>/Snakefile` works anywhere


report: "report/workflow.rst"  # the first page of `snakemake --report report.zip`


container: "containers/nuclei.sif"  # used with --sdm apptainer only; docs/environments.md says how to build it


include: "rules/common.smk"  # reads config/config.yaml
include: "rules/raw.smk"
include: "rules/results.smk"
include: "rules/data.smk"
include: "rules/folds.smk"
include: "rules/training.smk"
include: "rules/prediction.smk"
include: "rules/scoring.smk"
include: "rules/page.smk"
include: "rules/report.smk"
include: "rules/images.smk"


wildcard_constraints:
    setting="setting[12]|fold[0-9]+",
    model="|".join(MODELS),
    seed="[0-9]+",
    method="exact|imantics",
    ensemble="|".join(ENSEMBLES) or "-",


localrules:
    all,
    answers,
    plan,
    published,


rule all:
    default_target: True
    input:
        device_check(),
        f"{RESULTS}/manifest.json",
        f"{RESULTS}/report.html",
        answer_files(),
        cell_files("scores.json"),
        ensemble_files("scores.json"),
        table_files(),
        table_files("_full"),
        published_files() if config["published"]["submissions"] else [],
