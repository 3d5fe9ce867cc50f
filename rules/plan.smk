"""What the cells' trainings will take and what of it is done: `snakemake plan`, before any training.

In: config.py and annotations of the cells, config/cards.yaml. Out: a Markdown page on stdout, no file.
"""

MEASURED = "docs/full_size.csv"


rule plan:
    input:
        configs=cell_files("config.py"),
        annotations=expand([annotations("train"), annotations("validation")], setting=config["settings"]),
        cards="config/cards.yaml",
    log:
        f"{RESULTS}/logs/plan.log",
    conda:
        "../envs/mmdet.yaml"
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(15),
    params:
        *code("plan", "mmdet"),
        work=f"{WORK}/cells",
        run=lambda wildcards, input: str(Path(input.configs[0]).parents[4]),
        settings=" ".join(map(str, config["settings"])),
        models=" ".join(MODELS),
        seeds=" ".join(map(str, config["seeds"])),
        keep=config["checkpoints"],
        measured=f"--measured {MEASURED}" if Path(MEASURED).is_file() and TRAINING["width"] == 1 else "",
    message:
        "plan of all trainings"
    shell:
        "python scripts/plan.py --run-dir {params.run} --work {params.work} --settings {params.settings}"
        " --models {params.models} --seeds {params.seeds} --cards {input.cards} --keep-best {params.keep[best]}"
        " --keep-metrics {params.keep[metrics]} --keep-every {params.keep[every]} {params.measured} 2> >(tee {log} >&2)"
