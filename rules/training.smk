"""Weights, resolved config, training and checkpoint selection of a cell.

In: annotations/setting{setting}/{train,validation}.json, the images, models.yaml.
Out, in the cell's folder: config.py, checkpoints/, epochs.tsv, log.jsonl, training.json, checkpoint.pth, checkpoint.json.
State of unfinished trainings: work/<run>/cells/, which is no output; see scripts/train.py.
On demand: `snakemake plan` prints what the trainings will take and what of it is done; it makes no file.
"""


# Neither code nor packages are among the params: the file is checked by hash, and fetched once.
rule fetch_weights:
    output:
        "work/weights/{model}.pth",
    log:
        "work/weights/{model}.log",
    localrule: True  # where Snakemake runs, as compute nodes often have no internet
    conda:
        "../envs/mmdet.yaml"
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(60),
    params:
        url=lambda wildcards: WEIGHTS_ROOT + MODELS[wildcards.model]["weights"],
        folder=verbatim(option("--folder", WEIGHTS_FOLDER)),
    message:
        "COCO weights of {wildcards.model}"
    shell:
        "python scripts/fetch_weights.py --url {params.url:q} {params.folder} --out {output} 2>&1 | tee {log}"


rule resolve_config:
    output:
        f"{CELL}/config.py",
    log:
        f"{CELL_LOGS}.config.log",
    conda:
        "../envs/mmdet.yaml"
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(5),
    params:
        *code("resolve_config", "mmdet"),
        model=model_entry,
        training=verbatim(json.dumps(TRAINING)),
        train=annotations("train"),
        train_images=training_images,
        validation=annotations("validation"),
        validation_images=verbatim(f"{raw_folder('dataset')}/train"),
        test=f"{RESULTS}/data/coco/test_images.json",
        test_images=verbatim(f"{raw_folder('dataset')}/test"),
        polygons=switch("--polygons", polygons()),
        weights=lambda wildcards: option("--weights", weights(wildcards)),
    message:
        "config of {wildcards.model}, setting {wildcards.setting}, seed {wildcards.seed}"
    shell:
        "python scripts/resolve_config.py --model {params.model:q} --training {params.training:q}"
        " --train {params.train} {params.train_images:q} --validation {params.validation} {params.validation_images:q}"
        " --test {params.test} {params.test_images:q}"
        " {params.polygons} {params.weights} --seed {wildcards.seed} --out {output} > {log} 2>&1"


rule train:
    input:
        config=f"{CELL}/config.py",
        train=annotations("train"),
        validation=annotations("validation"),
        images=ancient([f"{WORK}/tiles/setting{{setting}}"] if config["tiles"] else []),
        raw=raw_input("dataset"),
        weights=weights,
    output:
        checkpoints=directory(f"{CELL}/checkpoints"),
        epochs=f"{CELL}/epochs.tsv",
        rows=f"{CELL}/log.jsonl",
        provenance=f"{CELL}/training.json",
    log:
        f"{CELL_LOGS}.train.log",
    conda:
        "../envs/mmdet.yaml"
    threads: config["compute"]["threads"]
    resources:
        mem_mb=scaled(config["compute"]["mem_mb"]),
        runtime=config["compute"]["runtime"],  # no more after a stop: training goes on where it was
        gpu=0 if config["compute"]["device"] == "cpu" else 1,
    params:
        *code("train", "mmdet"),
        content=raw_state("train"),
        work=str(cell_folder(WORK, "{setting}", "{model}", "{seed}")),
        device=config["compute"]["device"],
        tf32=switch("--tf32", config["compute"]["tf32"]),
        keep=config["checkpoints"],
    message:
        "training of {wildcards.model}, setting {wildcards.setting}, seed {wildcards.seed}"
    shell:
        # TERM ends the training alone: it stops at a safe point, and its exit status is what the job ends with
        "trap '' TERM; python scripts/train.py --config {input.config} --work {params.work}"
        " --label {wildcards.model}/setting{wildcards.setting}/seed{wildcards.seed}"
        " --device {params.device} {params.tf32} --threads {threads}"
        " --keep-best {params.keep[best]} --keep-metrics {params.keep[metrics]} --keep-every {params.keep[every]}"
        " --out-checkpoints {output.checkpoints} --out-epochs {output.epochs} --out-log {output.rows}"
        " --out-provenance {output.provenance} 2>&1 | tee {log}"


rule select_checkpoint:
    input:
        epochs=f"{CELL}/epochs.tsv",
        checkpoints=ancient(f"{CELL}/checkpoints"),  # a folder: its time says nothing, epochs.tsv comes with it
    output:
        checkpoint=f"{CELL}/checkpoint.pth",
        choice=f"{CELL}/checkpoint.json",
    log:
        f"{CELL_LOGS}.select.log",
    conda:
        "../envs/mmdet.yaml"
    resources:
        mem_mb=scaled(500),
        runtime=scaled(5),
    params:
        *code("select_checkpoint", "mmdet"),
        policy=config["selection"]["policy"],
        metric=config["selection"]["metric"],
        epoch=option("--epoch", config["selection"]["epoch"]),
    message:
        "checkpoint of {wildcards.model}, setting {wildcards.setting}, seed {wildcards.seed}"
    shell:
        "python scripts/select_checkpoint.py --epochs {input.epochs} --checkpoints {input.checkpoints}"
        " --policy {params.policy} --metric {params.metric} {params.epoch}"
        " --out-checkpoint {output.checkpoint} --out {output.choice} > {log} 2>&1"


rule plan:
    input:
        configs=cell_files("config.py"),
        annotations=expand([annotations("train"), annotations("validation")], setting=config["settings"]),
        cards="config/cards.yaml",
        measured="docs/full_size.csv" if TRAINING["width"] == 1 and Path("docs/full_size.csv").is_file() else [],
    log:
        f"{RESULTS}/logs/plan.log",
    conda:
        "../envs/mmdet.yaml"
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(15),
    params:
        *code("plan", "mmdet"),
        work=WORK,
        settings=config["settings"],
        models=list(MODELS),
        seeds=config["seeds"],
        keep=config["checkpoints"],
        measured=lambda wildcards, input: option("--measured", list(input.measured)),
    message:
        "plan of all trainings"
    shell:
        "python scripts/plan.py --configs {input.configs} --work {params.work} --settings {params.settings}"
        " --models {params.models} --seeds {params.seeds} --cards {input.cards} --keep-best {params.keep[best]}"
        " --keep-metrics {params.keep[metrics]} --keep-every {params.keep[every]} {params.measured} 2> >(tee {log} >&2)"
