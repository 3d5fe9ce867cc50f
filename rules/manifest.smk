"""What the run folder holds and where it comes from, last in the DAG; `python tools/verify_run.py` checks it.

In: every declared result of the run. Out: manifest.json.
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
]


rule write_manifest:
    input:
        cells=[cell_files(name) for name in CELL_RESULTS if name != "checkpoints"],
        checkpoints=ancient(cell_files("checkpoints")),
        files=[
            rules.check_raw.output,
            rules.make_split.output,
            rules.measure_conversion_loss.input.annotations,
            rules.convert_test.output,
            rules.write_annotations.output,
            expand(annotations("train"), setting=config["settings"]) if config["tiles"] else [],
            rules.measure_conversion_loss.output,
            [ensemble_files(name) for name in ENSEMBLE_RESULTS],
            table_files(),
            rules.make_cells_table.output,
            rules.make_report.input.curves,
            rules.make_report.input.overlays,
            rules.make_report.output,
            published_files() if config["published"]["submissions"] else [],
        ],
    output:
        f"{RESULTS}/manifest.json",
    log:
        f"{RESULTS}/logs/manifest.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=scaled(500),
        runtime=scaled(30),
    params:
        *code("write_manifest", "report"),
        run=lambda wildcards, output: str(Path(output[0]).parent),
        config=json.dumps(config, sort_keys=True),  # the whole of it: the manifest says what the run was asked for
        raw=json.dumps({part: raw_state(part) for part in ("dataset", "test_masks")}),
        models=[name for name in CATALOGUE["models"] if name in MODELS],
        cell_files=CELL_RESULTS,
    message:
        "manifest: hashes and provenance of every result"
    shell:
        "python scripts/write_manifest.py --run-dir {params.run} --config {params.config:q} --raw {params.raw:q}"
        " --models {params.models} --cell-files {params.cell_files} --files {input.files} --out {output}"
        " > {log} 2>&1"
