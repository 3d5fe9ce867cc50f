"""The report page: tables, figures, test images and cells of a run in one HTML file.

It takes the tables, the figures and comparisons.json; config.py, training.json, checkpoint.json, epochs.tsv, log.jsonl
and scores.json of every cell; predictions.json and errors.csv of the cells of the first seed and of
the ensembles; the test images and their
true nuclei; data/raw.md and data/conversion_loss.md. It makes:
  report.html    all of these on one page, which asks for no other file
"""

# of each cell, in the order in which make_report takes them
PAGE_FILES = ["config.py", "training.json", "checkpoint.json", "epochs.tsv", "log.jsonl", "scores.json"]


rule make_report:
    input:
        tables=table_files(forms=["html"]),
        values=table_files(forms=["csv"]),
        full_tables=table_files("_full", forms=["html"]) + instance_files(["html"]),
        full_values=table_files("_full", forms=["csv"]) + instance_files(["csv"]),
        table_of_cells=f"{RESULTS}/tables/cells.csv",
        data=f"{RESULTS}/data/raw.md",
        conversion=f"{RESULTS}/data/conversion_loss.md",
        figures=page_figures(),
        comparisons=f"{RESULTS}/comparisons.json" if INSTANCES else [],
        truth=f"{RESULTS}/data/coco/test.json",
        raw=raw_input("dataset"),
        cells=[cell_files(name) for name in PAGE_FILES],
        predictions=first_seed_files("predictions.json"),
        errors=first_seed_files("errors.csv") if INSTANCES else [],
        ensemble_scores=ensemble_files("scores.json"),
        ensemble_predictions=ensemble_files("predictions.json"),
        ensemble_errors=ensemble_files("errors.csv") if INSTANCES else [],
    output:
        report(
            f"{RESULTS}/report.html",
            caption="../report/page.rst",
            category="Report page",
        ),
    log:
        f"{RESULTS}/logs/make_report.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(15),
    params:
        *code("make_report", "report"),
        page=file_state("scripts/nuclei/report/web"),  # its template, styles and scripts
        content=raw_state("test"),
        images=verbatim(f"{raw_folder('dataset')}/test"),
        comparisons=lambda wildcards, input: option("--comparisons", input.comparisons),
        settings=config["settings"],
        models=TABLED,
        explored=EXPLORED,
        seeds=config["seeds"],
        ensembles=list(ENSEMBLES),
        # {input.cells}, written for bash's brace expansion: a list of hundreds of cells is too long for the shell
        cells=verbatim(all_cells(config["settings"])),
        run=above(),
        title=f"Nuclei segmentation, run {config['run']}",
        note=verbatim(option("--data-note", NOTE)),
    message:
        "report page"
    shell:
        "python scripts/make_report.py --run-dir {params.run} --title {params.title:q} {params.note}"
        " --tables {input.tables} --values {input.values} --full-tables {input.full_tables}"
        " --full-values {input.full_values} --table-of-cells {input.table_of_cells} --figures {input.figures}"
        " --data {input.data} --conversion {input.conversion} {params.comparisons}"
        " --test-images {params.images:q} --ground-truth {input.truth} --settings {params.settings}"
        " --models {params.models} --explored {params.explored} --seeds {params.seeds}"
        " --configs {params.cells}/config.py --trainings {params.cells}/training.json"
        " --choices {params.cells}/checkpoint.json --epochs {params.cells}/epochs.tsv --logs {params.cells}/log.jsonl"
        " --scores {params.cells}/scores.json --predictions {input.predictions} --errors {input.errors}"
        " --ensembles {params.ensembles} --ensemble-scores {input.ensemble_scores}"
        " --ensemble-predictions {input.ensemble_predictions} --ensemble-errors {input.ensemble_errors}"
        " --out {output} > {log} 2>&1"
