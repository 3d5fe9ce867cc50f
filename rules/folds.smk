"""A cross-validation beside settings 1 and 2, where the config asks for folds.

Each fold is a setting of its own, named fold1, fold2 and so on: the stages of its cells are those of the other rules
files. It takes data/checked/train.json and the annotations of all training images. It makes, below results/<run>/:
  data/folds/fold<n>.json                which training images the fold trains on, validates on and tests
  data/annotations/fold<n>/              train.json and validation.json as in settings 1 and 2, test.json and
                                         test_images.json as in data/coco/
  tables/folds.*, fold_scores.*          means over the folds with intervals, and the scores of each fold
"""

if FOLDS:

    rule make_folds:
        input:
            checked=f"{RESULTS}/data/checked/train.json",
            raw=raw_input("dataset"),
        output:
            expand(f"{RESULTS}/data/folds/{{fold}}.json", fold=FOLDS),
        log:
            f"{RESULTS}/logs/make_folds.log",
        conda:
            "../envs/data.yaml"
        resources:
            mem_mb=scaled(500),
            runtime=scaled(5),
        params:
            *code("make_folds", "data"),
            content=raw_state("train"),
            state=file_state(config["folds"]["groups"]),
            groups=verbatim(option("--groups", config["folds"]["groups"])),
            column=verbatim(option("--column", config["folds"]["column"])),
            number=config["folds"]["count"],
            seed=config["folds"]["seed"],
            fraction=config["split"]["validation_fraction"],
            out=above(),
        message:
            "folds of the training images"
        shell:
            "python scripts/make_folds.py --checked {input.checked} --count {params.number} {params.groups}"
            " {params.column} --seed {params.seed} --validation-fraction {params.fraction}"
            " --out-dir {params.out} > {log} 2>&1"

    rule write_fold_annotations:
        input:
            annotations=f"{RESULTS}/data/coco/{METHOD}/train.json",
            exact=f"{RESULTS}/data/coco/exact/train.json",
            fold=f"{RESULTS}/data/folds/{{setting}}.json",
        output:
            expand(
                f"{RESULTS}/data/annotations/{{{{setting}}}}/{{part}}.json",
                part=["train", "validation", "test", "test_images"],
            ),
        log:
            f"{RESULTS}/logs/write_fold_annotations.{{setting}}.log",
        wildcard_constraints:
            setting="fold[0-9]+",
        conda:
            "../envs/data.yaml"
        resources:
            mem_mb=scaled(1000),
            runtime=scaled(5),
        params:
            *code("write_fold_annotations", "data"),
            out=above(),
        message:
            "annotations of {wildcards.setting}"
        shell:
            "python scripts/write_fold_annotations.py --annotations {input.annotations} --exact {input.exact}"
            " --fold {input.fold} --out-dir {params.out} > {log} 2>&1"

    rule make_folds_table:
        input:
            scores=cell_files("scores.json", FOLDS),
            choices=cell_files("checkpoint.json", FOLDS),
            instances=cell_files("instance_scores.json", FOLDS) if INSTANCES else [],
            folds=expand(f"{RESULTS}/data/folds/{{fold}}.json", fold=FOLDS),
        output:
            marked(
                expand(f"{RESULTS}/tables/{{table}}.{{form}}", table=["folds", "fold_scores"], form=FORMS),
                caption="../report/folds.rst",
                category="Tables",
            ),
        log:
            f"{RESULTS}/logs/make_folds_table.log",
        conda:
            "../envs/report.yaml"
        resources:
            mem_mb=scaled(1000),
            runtime=scaled(5),
        params:
            *code("make_folds_table", "report"),
            models=list(MODELS),
            models_file=verbatim(MODELS_FILE),
            entries=table_columns(MODELS),
            seeds=config["seeds"],
            instances=lambda wildcards, input: f"--instances {input.instances}" if INSTANCES else "",
            note=verbatim(option("--data-note", NOTE)),
            out=above(),
        message:
            "tables of the folds"
        shell:
            "python scripts/make_folds_table.py --folds {input.folds} --models-file {params.models_file:q}"
            " --models {params.models} --seeds {params.seeds} --scores {input.scores} --choices {input.choices}"
            " {params.instances} {params.note} --out-dir {params.out} > {log} 2>&1"
