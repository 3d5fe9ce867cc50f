"""Tables 1 and 2, the list of cells behind them, figures and the report page.

In: checkpoint.json, training.json, scores.json, epochs.tsv, log.jsonl, predictions.json of the cells; data/*.md.
Out: tables/table{1,2}.* (the report's score), tables/table{1,2}_full.* (the other scores), tables/cells.csv,
figures/, report.html.
"""

FORMS = ["csv", "md", "tex", "html"]


rule make_table:
    input:
        scores=lambda wildcards: cell_files("scores.json", [wildcards.setting], TABLED),
        choices=lambda wildcards: cell_files("checkpoint.json", [wildcards.setting], TABLED),
        published=ancient("config/published.tsv"),
    output:
        expand(f"{RESULTS}/tables/table{{{{setting}}}}{{family}}.{{form}}", family=["", "_full"], form=FORMS),
    log:
        f"{RESULTS}/logs/table{{setting}}.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(5),
    params:
        *code("make_table", "report"),
        run=lambda wildcards, output: str(Path(output[0]).parents[1]),
        models=" ".join(TABLED),
        models_file=MODELS_FILE,
        entries=table_columns(TABLED),
        seeds=" ".join(map(str, config["seeds"])),
        published="--published config/published.tsv" if config["tables"]["published"] else "",
        state=file_state("config/published.tsv"),
        note=config["tables"]["note"] or "",
        out=lambda wildcards, output: str(Path(output[0]).parent),
    message:
        "Table {wildcards.setting}"
    shell:
        "python scripts/make_table.py --run-dir {params.run} --setting {wildcards.setting}"
        " --models-file {params.models_file} --models {params.models} --seeds {params.seeds}"
        " {params.published} --data-note {params.note:q} --out-dir {params.out} > {log} 2>&1"


rule make_explored_table:
    input:
        scores=cell_files("scores.json", models=EXPLORED),
        choices=cell_files("checkpoint.json", models=EXPLORED),
    output:
        expand(f"{RESULTS}/tables/explored{{family}}.{{form}}", family=["", "_full"], form=FORMS),
    log:
        f"{RESULTS}/logs/explored_table.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(5),
    params:
        *code("make_explored_table", "report"),
        run=lambda wildcards, output: str(Path(output[0]).parents[1]),
        settings=" ".join(map(str, config["settings"])),
        models=" ".join(EXPLORED),
        models_file=MODELS_FILE,
        entries=table_columns(EXPLORED),
        seeds=" ".join(map(str, config["seeds"])),
        note=config["tables"]["note"] or "",
        out=lambda wildcards, output: str(Path(output[0]).parent),
    message:
        "table of the explored models"
    shell:
        "python scripts/make_explored_table.py --run-dir {params.run} --settings {params.settings}"
        " --models-file {params.models_file} --models {params.models} --seeds {params.seeds}"
        " --data-note {params.note:q} --out-dir {params.out} > {log} 2>&1"


rule make_cells_table:
    input:
        scores=cell_files("scores.json"),
        choices=cell_files("checkpoint.json"),
        trainings=cell_files("training.json"),
    output:
        f"{RESULTS}/tables/cells.csv",
    log:
        f"{RESULTS}/logs/cells_table.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(5),
    params:
        *code("make_cells_table", "report"),
        run=lambda wildcards, output: str(Path(output[0]).parents[1]),
        settings=" ".join(map(str, config["settings"])),
        models=" ".join(MODELS),
        seeds=" ".join(map(str, config["seeds"])),
    message:
        "where each table cell comes from"
    shell:
        "python scripts/make_cells_table.py --run-dir {params.run} --settings {params.settings} --models {params.models}"
        " --seeds {params.seeds} --out {output} > {log} 2>&1"


rule draw_curves:
    input:
        epochs=lambda wildcards: cell_files("epochs.tsv", [wildcards.setting]),
        rows=lambda wildcards: cell_files("log.jsonl", [wildcards.setting]),
        choices=lambda wildcards: cell_files("checkpoint.json", [wildcards.setting]),
    output:
        f"{RESULTS}/figures/curves_setting{{setting}}.png",
    log:
        f"{RESULTS}/logs/curves_setting{{setting}}.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(5),
    params:
        *code("draw_curves", "report"),
        run=lambda wildcards, output: str(Path(output[0]).parents[1]),
        models=" ".join(MODELS),
        seeds=" ".join(map(str, config["seeds"])),
        metric=config["selection"]["metric"],
    message:
        "training curves, setting {wildcards.setting}"
    shell:
        "python scripts/draw_curves.py --run-dir {params.run} --setting {wildcards.setting} --models {params.models}"
        " --seeds {params.seeds} --metric {params.metric} --out {output} > {log} 2>&1"


rule draw_overlays:
    input:
        predictions=f"{CELL}/predictions.json",
        truth=f"{RESULTS}/data/coco/test.json",
        raw=raw_input("dataset"),
    output:
        f"{RESULTS}/figures/overlays/setting{{setting}}.{{model}}.seed{{seed}}.jpg",
    log:
        f"{CELL_LOGS}.overlays.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(10),
    params:
        *code("draw_overlays", "report"),
        images=f"{raw_folder('dataset')}/test",
    message:
        "overlays of {wildcards.model}, setting {wildcards.setting}, seed {wildcards.seed}"
    shell:
        "python scripts/draw_overlays.py --test-images {params.images:q} --ground-truth {input.truth}"
        " --predictions {input.predictions} --out {output} > {log} 2>&1"


rule make_report:
    input:
        tables=table_files(),
        cells=f"{RESULTS}/tables/cells.csv",
        data=f"{RESULTS}/data/raw.md",
        loss=f"{RESULTS}/data/conversion_loss.md",
        curves=expand(f"{RESULTS}/figures/curves_setting{{setting}}.png", setting=config["settings"]),
        overlays=expand(
            f"{RESULTS}/figures/overlays/setting{{setting}}.{{model}}.seed{{seed}}.jpg",
            setting=config["settings"],
            model=MODELS,
            seed=config["seeds"][:1],
        ),
    output:
        f"{RESULTS}/report.html",
    log:
        f"{RESULTS}/logs/report.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(5),
    params:
        *code("make_report", "report"),
        run=lambda wildcards, output: str(Path(output[0]).parent),
        title=f"Nuclei segmentation, run {config['run']}",
        note=config["tables"]["note"] or "",
    message:
        "report page"
    shell:
        "python scripts/make_report.py --run-dir {params.run} --title {params.title:q} --data-note {params.note:q}"
        " --files {input.tables} {input.curves} {input.overlays} --out {output} > {log} 2>&1"
