"""Weights, resolved config, training and checkpoint selection of a cell.

In: annotations/setting{setting}/{train,validation}.json, the images, models.yaml.
Out, in the cell's folder: config.py, checkpoints/, epochs.tsv, log.jsonl, training.json, checkpoint.pth, checkpoint.json.
State of unfinished trainings: work/<run>/cells/, which is no output; see scripts/train.py.
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
        folder=option("--folder", WEIGHTS_FOLDER),
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
        model=lambda wildcards: json.dumps(model_entry(wildcards.model)),
        training=json.dumps(TRAINING),
        train=f"{annotations('train')} {training_images()}",
        validation=f"{annotations('validation')} {raw_folder('dataset')}/train",
        test=f"{RESULTS}/data/coco/test.json {raw_folder('dataset')}/test",
        polygons="--polygons" if polygons() else "",
        weights=lambda wildcards: f"--weights {weights(wildcards.model)}" if weights(wildcards.model) else "",
    message:
        "config of {wildcards.model}, setting {wildcards.setting}, seed {wildcards.seed}"
    shell:
        "python scripts/resolve_config.py --model {params.model:q} --training {params.training:q}"
        " --train {params.train} --validation {params.validation} --test {params.test}"
        " {params.polygons} {params.weights} --seed {wildcards.seed} --out {output} > {log} 2>&1"


rule train:
    input:
        config=f"{CELL}/config.py",
        train=annotations("train"),
        validation=annotations("validation"),
        images=ancient([training_images()] if config["tiles"] else []),
        raw=raw_input("dataset"),
        weights=lambda wildcards: weights(wildcards.model),
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
        work=f"{WORK}/cells/setting{{setting}}/{{model}}/seed{{seed}}",
        device=config["compute"]["device"],
        tf32="--tf32" if config["compute"]["tf32"] else "",
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
        epoch=f"--epoch {config['selection']['epoch']}" if config["selection"]["epoch"] else "",
    message:
        "checkpoint of {wildcards.model}, setting {wildcards.setting}, seed {wildcards.seed}"
    shell:
        "python scripts/select_checkpoint.py --epochs {input.epochs} --checkpoints {input.checkpoints}"
        " --policy {params.policy} --metric {params.metric} {params.epoch}"
        " --out-checkpoint {output.checkpoint} --out {output.choice} > {log} 2>&1"
