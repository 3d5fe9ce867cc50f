"""Ensembles: the predictions of several cells of a setting fused, answered, scored, and in a table of their own.

In: predictions.json, checkpoint.json of the members, data/coco/test.json.
Out: predictions.json, answer.json, answer.zip, scores.json per ensemble; tables/ensembles.*.
"""


wildcard_constraints:
    ensemble="|".join(ENSEMBLES) or "-",


rule fuse_predictions:
    input:
        predictions=lambda wildcards: members("predictions.json", wildcards.setting, wildcards.ensemble),
        images=f"{RESULTS}/data/coco/test.json",
    output:
        f"{ENSEMBLE}/predictions.json",
    log:
        f"{ENSEMBLE_LOGS}.fuse.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=scaled(3000),
        runtime=scaled(30),
    params:
        *code("fuse_predictions", "report"),
        members=lambda wildcards: ENSEMBLES[wildcards.ensemble],  # their order too
        soft="--soft-nms" if config["inference"]["soft_nms"] else "",
    message:
        "ensemble {wildcards.ensemble}, setting {wildcards.setting}"
    shell:
        "python scripts/fuse_predictions.py --predictions {input.predictions} --test-images {input.images} {params.soft}"
        " --label {wildcards.ensemble}/setting{wildcards.setting} --out {output} 2>&1 | tee {log}"


use rule write_answer as write_ensemble_answer with:
    input:
        predictions=f"{ENSEMBLE}/predictions.json",
        images=f"{RESULTS}/data/coco/test.json",
        raw=raw_input("dataset"),
    output:
        answer=f"{ENSEMBLE}/answer.json",
        zip=f"{ENSEMBLE}/answer.zip",
    log:
        f"{ENSEMBLE_LOGS}.answer.log",
    message:
        "answer of ensemble {wildcards.ensemble}, setting {wildcards.setting}"


use rule score_predictions as score_ensemble with:
    input:
        truth=f"{RESULTS}/data/coco/test.json",
        predictions=f"{ENSEMBLE}/predictions.json",
    output:
        f"{ENSEMBLE}/scores.json",
    log:
        f"{ENSEMBLE_LOGS}.score.log",
    message:
        "scores of ensemble {wildcards.ensemble}, setting {wildcards.setting}"


rule make_ensembles_table:
    input:
        scores=ensemble_files("scores.json"),
        choices=[members("checkpoint.json", n, name) for n in config["settings"] for name in ENSEMBLES],
    output:
        expand(f"{RESULTS}/tables/ensembles.{{form}}", form=FORMS),
    log:
        f"{RESULTS}/logs/ensembles_table.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(5),
    params:
        *code("make_ensembles_table", "report"),
        run=lambda wildcards, output: str(Path(output[0]).parents[1]),
        settings=" ".join(map(str, config["settings"])),
        ensembles=json.dumps(ENSEMBLES),
        note=config["tables"]["note"] or "",
    message:
        "table of the ensembles"
    shell:
        "python scripts/make_ensembles_table.py --run-dir {params.run} --settings {params.settings}"
        " --ensembles {params.ensembles:q} --data-note {params.note:q} --out-dir {params.run}/tables > {log} 2>&1"
