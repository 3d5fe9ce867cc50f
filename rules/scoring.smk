"""Scores of the predictions of each cell and each ensemble, and of the submissions that the report's author published.

It takes predictions.json, and data/coco/test.json with the nuclei of the test masks; without test masks there are no
scores, and scores.json says so. It makes:
  scores.json               in the folder of each cell and of each ensemble
  instance_scores.json, image_statistics.json, errors.csv
                            in the folder of each cell and of each ensemble: scores beyond AP, and every error
  comparisons.json          every two models of the run compared in every score
  figures/forest.*, better.*
                            the comparisons as pictures (.png, .svg)
  figures/errors.*, precision_recall.*, ceiling.*, sizes.*
                            the scores of the cells of the first seed as pictures (.png, .svg)
  tables/classes.*          scores of each class, where there are several (.csv, .md, .tex, .html)
  epoch_scores.json         with scoring.epochs, in the folder of each cell: test scores of several epochs
  epoch_correlations.json   whether they go with the validation scores
  published/table<1,2>.*    where the config names the author's submissions: their new scores beside the printed ones
  published/scores/         the scores of each of these submissions
  published/comparisons.json and more
                            the same submissions, scored beyond AP and compared as the cells are
"""

# files of the project whose content is a param of the rules that read them
STATED = ["config/published.tsv", "config/organs.tsv", "config/board.tsv"]


rule score_predictions:
    input:
        truth=tested("test"),
        predictions=f"{CELL}/predictions.json",
    output:
        f"{CELL}/scores.json",
    log:
        f"{CELL_LOGS}.score_predictions.log",
    priority: 1  # a cell's score comes before the next cell's training
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(15),
    params:
        *code("score_predictions", "report"),
    message:
        "scores of {wildcards.model}, {wildcards.setting}, seed {wildcards.seed}"
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
        "scores of ensemble {wildcards.ensemble}, {wildcards.setting}"


rule score_instances:
    input:
        truth=tested("test"),
        predictions=f"{CELL}/predictions.json",
        validation=unseen_predictions,
        validation_truth=f"{RESULTS}/data/coco/exact/train.json",
        split=unseen_split,
        organs=ancient("config/organs.tsv"),
    output:
        scores=f"{CELL}/instance_scores.json",
        statistics=f"{CELL}/image_statistics.json",
        errors=f"{CELL}/errors.csv",
    log:
        f"{CELL_LOGS}.score_instances.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(15),
    params:
        *code("score_instances", "report"),
        organs=file_state("config/organs.tsv"),
        split=lambda wildcards, input: option("--split", input.split),
        chosen_on=chosen_on,
    message:
        "segmentation of {wildcards.model}, {wildcards.setting}, seed {wildcards.seed}"
    shell:
        "python scripts/score_instances.py --ground-truth {input.truth} --predictions {input.predictions}"
        " --organs {input.organs} --validation-predictions {input.validation}"
        " --validation-truth {input.validation_truth} {params.split} --chosen-on {params.chosen_on:q}"
        " --out {output.scores} --out-statistics {output.statistics} --out-errors {output.errors} > {log} 2>&1"


use rule score_instances as score_ensemble_instances with:
    input:
        truth=f"{RESULTS}/data/coco/test.json",
        predictions=f"{ENSEMBLE}/predictions.json",
        validation=f"{ENSEMBLE}/validation_predictions.json".replace("{setting}", setting_name(UNSEEN)),
        validation_truth=f"{RESULTS}/data/coco/exact/train.json",
        split=f"{RESULTS}/data/split.json" if UNSEEN == 1 else [],
        organs=ancient("config/organs.tsv"),
    output:
        scores=f"{ENSEMBLE}/instance_scores.json",
        statistics=f"{ENSEMBLE}/image_statistics.json",
        errors=f"{ENSEMBLE}/errors.csv",
    log:
        f"{ENSEMBLE_LOGS}.score_ensemble_instances.log",
    message:
        "segmentation of ensemble {wildcards.ensemble}, {wildcards.setting}"


rule compare_cells:
    input:
        statistics=cell_files("image_statistics.json"),
        ensembles=ensemble_files("image_statistics.json"),
    output:
        f"{RESULTS}/comparisons.json",
    log:
        f"{RESULTS}/logs/compare_cells.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(60),
    params:
        *code("compare_cells", "report"),
        settings=config["settings"],
        models=list(MODELS),
        seeds=config["seeds"],
        ensembles=list(ENSEMBLES),
    message:
        "comparison of every two models"
    shell:
        "python scripts/compare_cells.py --settings {params.settings} --models {params.models} --seeds {params.seeds}"
        " --statistics {input.statistics} --ensembles {params.ensembles} --ensemble-statistics {input.ensembles}"
        " --out {output} > {log} 2>&1"


rule score_epochs:
    input:
        truth=f"{RESULTS}/data/coco/test.json",
        predictions=f"{CELL}/epoch_predictions.json",
        epochs=f"{CELL}/epochs.tsv",
    output:
        f"{CELL}/epoch_scores.json",
    log:
        f"{CELL_LOGS}.score_epochs.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(15),
    params:
        *code("score_epochs", "report"),
    message:
        "scores of epochs of {wildcards.model}, {wildcards.setting}, seed {wildcards.seed}"
    shell:
        "python scripts/score_epochs.py --ground-truth {input.truth} --predictions {input.predictions}"
        " --epochs {input.epochs} --out {output} > {log} 2>&1"


rule compare_epochs:
    input:
        cell_files("epoch_scores.json"),
    output:
        f"{RESULTS}/epoch_correlations.json",
    log:
        f"{RESULTS}/logs/compare_epochs.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(15),
    params:
        *code("compare_epochs", "report"),
        settings=config["settings"],
        models=list(MODELS),
        seeds=config["seeds"],
    message:
        "validation scores beside test scores"
    shell:
        "python scripts/compare_epochs.py --settings {params.settings} --models {params.models} --seeds {params.seeds}"
        " --scores {input} --out {output} > {log} 2>&1"


rule draw_comparisons:
    input:
        f"{RESULTS}/comparisons.json",
    output:
        marked(
            comparison_figures(),
            caption="../report/comparisons.rst",
            category="Figures",
        ),
    log:
        f"{RESULTS}/logs/draw_comparisons.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(5),
    params:
        *code("draw_comparisons", "report"),
        out=above(),
    message:
        "figures of the comparisons"
    shell:
        "python scripts/draw_comparisons.py --comparisons {input} --out-dir {params.out} > {log} 2>&1"


rule draw_scores:
    input:
        statistics=first_seed_files("image_statistics.json"),
        errors=first_seed_files("errors.csv"),
        comparisons=f"{RESULTS}/comparisons.json",
    output:
        marked(
            score_figures(),
            caption="../report/scores.rst",
            category="Figures",
        ),
    log:
        f"{RESULTS}/logs/draw_scores.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(10),
    params:
        *code("draw_scores", "report"),
        settings=config["settings"],
        models=list(MODELS),
        seed=config["seeds"][0],
        out=above(),
    message:
        "figures of the scores"
    shell:
        "python scripts/draw_scores.py --settings {params.settings} --models {params.models} --seed {params.seed}"
        " --statistics {input.statistics} --errors {input.errors} --comparisons {input.comparisons}"
        " --out-dir {params.out} > {log} 2>&1"


rule score_published:
    input:
        truth=f"{RESULTS}/data/coco/test.json",
        published=ancient("config/published.tsv"),
    output:
        marked(
            published_tables(),
            caption="../report/published.rst",
            category="Published submissions",
        ),
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


rule compare_published:
    input:
        truth=f"{RESULTS}/data/coco/test.json",
        published=ancient("config/published.tsv"),
        organs=ancient("config/organs.tsv"),
        board=ancient("config/board.tsv"),
    output:
        marked(
            compared_published(),
            caption="../report/published.rst",
            category="Published submissions",
        ),
    log:
        f"{RESULTS}/logs/compare_published.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(30),
    params:
        *code("compare_published", "report"),
        models_file=verbatim(MODELS_FILE),
        submissions=verbatim(config["published"]["submissions"]),
        state=[file_state(path) for path in (config["published"]["submissions"], *STATED, MODELS_FILE)],
        out=above(),
    message:
        "published submissions, compared"
    shell:
        "python scripts/compare_published.py --submissions {params.submissions:q} --ground-truth {input.truth}"
        " --published {input.published} --organs {input.organs} --board {input.board}"
        " --models-file {params.models_file:q} --out-dir {params.out} > {log} 2>&1"


rule published:
    input:
        published_wanted,


if len(CLASSES) > 1:

    rule make_classes_table:
        input:
            scores=cell_files("scores.json", TRAINED),
        output:
            marked(
                expand(f"{RESULTS}/tables/classes.{{form}}", form=FORMS),
                caption="../report/classes.rst",
                category="Tables",
            ),
        log:
            f"{RESULTS}/logs/make_classes_table.log",
        conda:
            "../envs/report.yaml"
        resources:
            mem_mb=scaled(1000),
            runtime=scaled(5),
        params:
            *code("make_classes_table", "report"),
            settings=TRAINED,
            models=list(MODELS),
            models_file=verbatim(MODELS_FILE),
            entries=table_columns(MODELS),
            seeds=config["seeds"],
            note=verbatim(option("--data-note", NOTE)),
            out=above(),
        message:
            "table of the classes"
        shell:
            "python scripts/make_classes_table.py --settings {params.settings} --models-file {params.models_file:q}"
            " --models {params.models} --seeds {params.seeds} --scores {input.scores} {params.note}"
            " --out-dir {params.out} > {log} 2>&1"
