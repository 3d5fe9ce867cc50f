"""What people read: Tables 1 and 2, the list of all cells, figures; and the manifest of the run.

It takes checkpoint.json, training.json, scores.json, epochs.tsv, log.jsonl and predictions.json of the cells,
scores.json of the ensembles, data/raw.md and data/conversion_loss.md. The manifest takes every result of the run. It
makes, below results/<run>/:
  tables/table<1,2>.*                   the report's tables
  tables/table<1,2>_full.*              the scores that the report's metric hides
  tables/explored.*, explored_full.*    the same of models that the report tried and dropped
  tables/ensembles.*                    scores of the ensembles
  tables/cells.csv                      where the numbers of each cell come from
  tables/staircase.*, instances.*, organs.*, error_shares.*, errors.*, comparisons.*
                                        scores beyond AP, errors, and which of two rows is better
  tables/findings.*                     whether the report's findings hold, where the run is about them
  figures/                              training curves, and test images with nuclei
  manifest.json                         the hash of every result, by which `python tools/verify_run.py` checks a run
"""

CELL_RESULTS = [
    "config.py",
    "checkpoints",
    "epochs.tsv",
    "log.jsonl",
    "training.json",
    "checkpoint.pth",
    "checkpoint.json",
    "predictions.json",
    "answer.json",
    "answer.zip",
    "scores.json",
    *(INSTANCE_RESULTS if INSTANCES else []),
    *(["epoch_predictions.json", "epoch_scores.json"] if EPOCHS else []),
]
# The answer is for the competition, and so for its test images alone.
FOLD_RESULTS = [name for name in CELL_RESULTS if not name.startswith(("answer.", "epoch_"))]


rule make_table:
    input:
        scores=cell_files("scores.json", ["setting{setting}"], TABLED),
        choices=cell_files("checkpoint.json", ["setting{setting}"], TABLED),
        trainings=cell_files("training.json", ["setting{setting}"], TABLED),
        published=ancient("config/published.tsv"),
        leaks=f"{RESULTS}/data/leaks.json",
        # these take all nuclei for one class, and scores of several are means over the classes
        comparisons=f"{RESULTS}/comparisons.json" if INSTANCES and len(CLASSES) == 1 else [],
    output:
        marked(
            expand(f"{RESULTS}/tables/table{{{{setting}}}}{{family}}.{{form}}", family=["", "_full"], form=FORMS),
            caption="../report/table.rst",
            category="Tables",
        ),
    log:
        f"{RESULTS}/logs/make_table.setting{{setting}}.log",
    wildcard_constraints:
        setting="[12]",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(5),
    params:
        *code("make_table", "report"),
        models=TABLED,
        models_file=verbatim(MODELS_FILE),
        entries=table_columns(TABLED),
        seeds=config["seeds"],
        published=switch("--published config/published.tsv", config["tables"]["published"]),
        state=file_state("config/published.tsv"),
        comparisons=lambda wildcards, input: option("--comparisons", input.comparisons),
        note=verbatim(option("--data-note", NOTE)),
        out=above(),
    message:
        "Table {wildcards.setting}"
    shell:
        "python scripts/make_table.py --setting {wildcards.setting} --models-file {params.models_file:q}"
        " --models {params.models} --seeds {params.seeds} --scores {input.scores} --choices {input.choices}"
        " --trainings {input.trainings} {params.published} {params.comparisons} {params.note} --leaks {input.leaks} --out-dir {params.out} > {log} 2>&1"


rule make_explored_table:
    input:
        scores=cell_files("scores.json", models=EXPLORED),
        choices=cell_files("checkpoint.json", models=EXPLORED),
        trainings=cell_files("training.json", models=EXPLORED),
        leaks=f"{RESULTS}/data/leaks.json",
    output:
        marked(
            expand(f"{RESULTS}/tables/explored{{family}}.{{form}}", family=["", "_full"], form=FORMS),
            caption="../report/explored.rst",
            category="Tables",
        ),
    log:
        f"{RESULTS}/logs/make_explored_table.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(5),
    params:
        *code("make_explored_table", "report"),
        settings=config["settings"],
        models=EXPLORED,
        models_file=verbatim(MODELS_FILE),
        entries=table_columns(EXPLORED),
        seeds=config["seeds"],
        note=verbatim(option("--data-note", NOTE)),
        out=above(),
    message:
        "table of the explored models"
    shell:
        "python scripts/make_explored_table.py --settings {params.settings} --models-file {params.models_file:q}"
        " --models {params.models} --seeds {params.seeds} --scores {input.scores} --choices {input.choices}"
        " --trainings {input.trainings} {params.note} --leaks {input.leaks} --out-dir {params.out} > {log} 2>&1"


rule make_ensembles_table:
    input:
        scores=ensemble_files("scores.json"),
        choices=[members("checkpoint.json", n, name) for n in config["settings"] for name in ENSEMBLES],
        leaks=f"{RESULTS}/data/leaks.json",
    output:
        marked(
            expand(f"{RESULTS}/tables/ensembles.{{form}}", form=FORMS),
            caption="../report/ensembles.rst",
            category="Tables",
        ),
    log:
        f"{RESULTS}/logs/make_ensembles_table.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(5),
    params:
        *code("make_ensembles_table", "report"),
        settings=config["settings"],
        ensembles=verbatim(json.dumps(ENSEMBLES)),
        note=verbatim(option("--data-note", NOTE)),
        out=above(),
    message:
        "table of the ensembles"
    shell:
        "python scripts/make_ensembles_table.py --settings {params.settings} --ensembles {params.ensembles:q}"
        " --scores {input.scores} --choices {input.choices} {params.note} --leaks {input.leaks} --out-dir {params.out}"
        " > {log} 2>&1"


rule make_cells_table:
    input:
        scores=cell_files("scores.json", TRAINED),
        choices=cell_files("checkpoint.json", TRAINED),
        trainings=cell_files("training.json", TRAINED),
    output:
        report(
            f"{RESULTS}/tables/cells.csv",
            caption="../report/cells.rst",
            category="Tables",
        ),
    log:
        f"{RESULTS}/logs/make_cells_table.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(5),
    params:
        *code("make_cells_table", "report"),
        run=above(2),
        settings=TRAINED,
        models=list(MODELS),
        seeds=config["seeds"],
    message:
        "where each table cell comes from"
    shell:
        "python scripts/make_cells_table.py --run-dir {params.run} --settings {params.settings} --models {params.models}"
        " --seeds {params.seeds} --scores {input.scores} --choices {input.choices} --trainings {input.trainings}"
        " --out {output} > {log} 2>&1"


rule make_instance_tables:
    input:
        scores=cell_files("instance_scores.json"),
        ensembles=ensemble_files("instance_scores.json"),
        comparisons=f"{RESULTS}/comparisons.json",
        board=ancient("config/board.tsv"),
        leaks=f"{RESULTS}/data/leaks.json",
    output:
        marked(
            expand(f"{RESULTS}/tables/{{table}}.{{form}}", table=instance_tables(), form=FORMS),
            caption="../report/instances.rst",
            category="Scores beyond AP",
        ),
    log:
        f"{RESULTS}/logs/make_instance_tables.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(5),
    params:
        *code("make_instance_tables", "report"),
        settings=config["settings"],
        models=list(MODELS),
        models_file=verbatim(MODELS_FILE),
        entries=table_columns(MODELS),
        seeds=config["seeds"],
        ensembles=list(ENSEMBLES),
        board=file_state("config/board.tsv"),
        note=verbatim(option("--data-note", NOTE)),
        out=above(),
    message:
        "tables of scores beyond AP"
    shell:
        "python scripts/make_instance_tables.py --settings {params.settings} --models-file {params.models_file:q}"
        " --models {params.models} --seeds {params.seeds} --scores {input.scores} --ensembles {params.ensembles}"
        " --ensemble-scores {input.ensembles} --comparisons {input.comparisons} --board {input.board} {params.note} --leaks {input.leaks} --out-dir {params.out} > {log} 2>&1"


rule judge_findings:
    input:
        comparisons=f"{RESULTS}/comparisons.json",
        published=compared_published()[0] if config["published"]["submissions"] else [],
        correlations=f"{RESULTS}/epoch_correlations.json" if EPOCHS else [],
    output:
        marked(
            expand(f"{RESULTS}/tables/findings.{{form}}", form=FORMS),
            caption="../report/findings.rst",
            category="Findings",
        ),
    log:
        f"{RESULTS}/logs/judge_findings.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(5),
    params:
        *code("judge_findings", "report"),
        published=lambda wildcards, input: option("--published", input.published),
        correlations=lambda wildcards, input: option("--correlations", input.correlations),
        note=verbatim(option("--data-note", NOTE)),
        out=above(),
    message:
        "the report's findings, judged"
    shell:
        "python scripts/judge_findings.py --comparisons {input.comparisons} {params.published} {params.correlations}"
        " {params.note} --out-dir {params.out} > {log} 2>&1"


rule draw_curves:
    input:
        epochs=cell_files("epochs.tsv", ["setting{setting}"]),
        logs=cell_files("log.jsonl", ["setting{setting}"]),
        choices=cell_files("checkpoint.json", ["setting{setting}"]),
    output:
        report(
            f"{RESULTS}/figures/curves_setting{{setting}}.png",
            caption="../report/curves.rst",
            category="Figures",
            labels={"figure": "training curves", "setting": "{setting}"},
        ),
    log:
        f"{RESULTS}/logs/draw_curves.setting{{setting}}.log",
    wildcard_constraints:
        setting="[12]",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(5),
    params:
        *code("draw_curves", "report"),
        models=list(MODELS),
        seeds=config["seeds"],
        metric=config["selection"]["metric"],
        window=option("--window", config["inference"]["window"]),
    message:
        "training curves, setting {wildcards.setting}"
    shell:
        "python scripts/draw_curves.py --setting {wildcards.setting} --models {params.models} --seeds {params.seeds}"
        " --epochs {input.epochs} --logs {input.logs} --choices {input.choices} --metric {params.metric}"
        " {params.window} --out {output} > {log} 2>&1"


rule draw_overlays:
    input:
        predictions=f"{CELL}/predictions.json",
        truth=f"{RESULTS}/data/coco/test.json",
        # the competition, whose pictures these are by default, takes the 100 surest detections of an image
        scores=f"{CELL}/instance_scores.json" if INSTANCES and not REPORTED else [],
        raw=raw_input("dataset"),
    output:
        report(
            f"{RESULTS}/figures/overlays/{{setting}}.{{model}}.seed{{seed}}.jpg",
            caption="../report/overlays.rst",
            category="Overlays",
            labels={"setting": "{setting}", "model": "{model}", "seed": "{seed}"},
        ),
    log:
        f"{CELL_LOGS}.draw_overlays.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(10),
    params:
        *code("draw_overlays", "report"),
        content=raw_state("test"),
        images=verbatim(f"{raw_folder('dataset')}/test"),
        scores=lambda wildcards, input: option("--scores", input.scores),
    message:
        "overlays of {wildcards.model}, {wildcards.setting}, seed {wildcards.seed}"
    shell:
        "python scripts/draw_overlays.py --test-images {params.images:q} --ground-truth {input.truth}"
        " --predictions {input.predictions} {params.scores} --out {output} > {log} 2>&1"


rule write_manifest:
    input:
        cells=[cell_files(name) for name in CELL_RESULTS if name != "checkpoints"],
        folds=[cell_files(name, FOLDS) for name in FOLD_RESULTS if FOLDS and name != "checkpoints"],
        checkpoints=ancient(cell_files("checkpoints", TRAINED)),
        files=[
            expand(rules.check_part.output, part=["train", *CHECKED_TEST]),
            rules.check_raw.output,
            rules.check_leaks.output,
            rules.check_raw.input.imported,
            rules.make_split.output,
            rules.measure_conversion_loss.input.annotations,
            rules.convert_test.output,
            rules.list_test_images.output,
            rules.write_annotations.output,
            expand(annotations("train"), setting=setting_names(TRAINED)) if config["tiles"] else [],
            rules.measure_conversion_loss.output,
            [ensemble_files(name) for name in ENSEMBLE_RESULTS],
            table_files(),
            table_files("_full"),
            unseen_files("validation_predictions.json") if INSTANCES else [],
            cell_files("validation_predictions.json", FOLDS) if INSTANCES and FOLDS else [],
            [rules.make_folds.output, expand(rules.write_fold_annotations.output, setting=FOLDS)] if FOLDS else [],
            rules.compare_cells.output if INSTANCES else [],
            rules.compare_epochs.output if EPOCHS else [],
            instance_files(),
            rules.make_cells_table.output,
            comparison_figures() + score_figures() if INSTANCES else [],
            expand(rules.draw_curves.output, setting=config["settings"]),
            overlay_files(),
            rules.make_report.output,
            published_files() if config["published"]["submissions"] else [],
        ],
        published=ancient(PUBLISHED_SCORES) if config["published"]["submissions"] else [],
    output:
        f"{RESULTS}/manifest.json",
    log:
        f"{RESULTS}/logs/write_manifest.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=scaled(500),
        runtime=scaled(30),
    params:
        *code("write_manifest", "report"),
        run=above(),
        config=verbatim(json.dumps(config, sort_keys=True)),  # the whole: the manifest says what the run was asked for
        raw=verbatim(
            json.dumps(
                {part: archive_state(part) for part in ("dataset", "test_masks")} | raw_states() | import_states()
            )
        ),
        models=[name for name in CATALOGUE["models"] if name in MODELS],
        # {input.cells}, written for bash's brace expansion: a list of hundreds of cells is too long for the shell
        trainings=verbatim(f"{all_cells(TRAINED)}/training.json"),
        cells=verbatim(f"{all_cells(config['settings'])}/{braces(CELL_RESULTS)}"),
        folds=verbatim(f"{all_cells(FOLDS)}/{braces(FOLD_RESULTS)}" if FOLDS else ""),
    message:
        "manifest: hashes and provenance of every result"
    shell:
        "python scripts/write_manifest.py --run-dir {params.run} --config {params.config:q} --raw {params.raw:q}"
        " --models {params.models:q} --trainings {params.trainings}"
        " --files {params.cells} {params.folds} {input.files} {input.published} --out {output} > {log} 2>&1"


onstart:
    RECORD.begin(log)


onsuccess:
    RECORD.end("done")


onerror:
    RECORD.end("failed")
