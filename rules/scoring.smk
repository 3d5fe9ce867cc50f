"""Scores of the predictions of each cell and each ensemble, and of the submissions that the report's author published.

It takes predictions.json, and data/coco/test.json with the nuclei of the test masks; without test masks there are no
scores, and scores.json says so. It makes:
  scores.json               in the folder of each cell and of each ensemble
  published/table<1,2>.*    where the config names the author's submissions: their new scores beside the printed ones
  published/scores/         the scores of each of these submissions
"""


rule score_predictions:
    input:
        truth=f"{RESULTS}/data/coco/test.json",
        predictions=f"{CELL}/predictions.json",
    output:
        f"{CELL}/scores.json",
    log:
        f"{CELL_LOGS}.score_predictions.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(15),
    params:
        *code("score_predictions", "report"),
    message:
        "scores of {wildcards.model}, setting {wildcards.setting}, seed {wildcards.seed}"
    shell:
        "python scripts/score_predictions.py --ground-truth {input.truth} --predictions {input.predictions}"
        " --out {output} > {log} 2>&1"


use rule score_predictions as score_ensemble with:
    input:
        truth=f"{RESULTS}/data/coco/test.json",
        predictions=f"{ENSEMBLE}/predictions.json",
    output:
        f"{ENSEMBLE}/scores.json",
    log:
        f"{ENSEMBLE_LOGS}.score_ensemble.log",
    message:
        "scores of ensemble {wildcards.ensemble}, setting {wildcards.setting}"


rule score_published:
    input:
        truth=f"{RESULTS}/data/coco/test.json",
        published=ancient("config/published.tsv"),
    output:
        published_files(),
        directory(PUBLISHED_SCORES),
    log:
        f"{RESULTS}/logs/score_published.log",
    conda:
        "../envs/report.yaml"
    threads: 2
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(15),
    params:
        *code("score_published", "report"),
        models_file=verbatim(MODELS_FILE),
        submissions=verbatim(config["published"]["submissions"]),
        state=[file_state(path) for path in (config["published"]["submissions"], "config/published.tsv", MODELS_FILE)],
        out=above(),
    message:
        "published submissions, re-scored"
    shell:
        "python scripts/score_published.py --submissions {params.submissions:q} --ground-truth {input.truth}"
        " --published {input.published} --models-file {params.models_file:q} --out-dir {params.out}"
        " --threads {threads} > {log} 2>&1"


rule published:
    input:
        published_wanted,
