"""From annotations to the chosen checkpoint of each cell: weights, resolved config, training, choice.

It takes data/annotations/<setting>/train.json (or tiles.json) and validation.json, the images, and the models
file. It makes, in the folder of each cell (results/<run>/cells/<setting>/<model>/seed<seed>/):
  config.py         the whole recipe of the training
  checkpoints/      the kept weights
  epochs.tsv        validation scores by epoch
  log.jsonl         losses within the epochs
  training.json     what was trained, with which data, code and device
  checkpoint.pth    the chosen weights
  checkpoint.json   which epoch was chosen, and why
The published weights lie in work/weights/, and what check_device found in work/<run>/device.json. The state of
unfinished trainings lies in work/<run>/cells/ and is no output; scripts/train.py says how a training goes on from it.
With a model bundle in training.weights, its weights lie in work/<run>/bundle.pth instead.
`snakemake plan` prints what the trainings will take and how much of it is done; it makes no file.
"""


# First of all jobs of `all`, so that a GPU on which nothing can be trained costs no hours. No other job has its output as
# an input, also not as an `ancient` one: Snakemake (9.27.1) leaves out every job behind an `ancient` file that exists and
# is made again, even where the job's own output is missing, and ends as if all were done (its issue 4166).
rule check_device:
    output:
        f"{WORK}/device.json",
    log:
        f"{RESULTS}/logs/check_device.log",
    priority: 2
    conda:
        "../envs/mmdet.yaml"
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(5),
        gpu=0 if config["compute"]["device"] == "cpu" else 1,
    params:
        *code("check_device", "mmdet"),
        device=config["compute"]["device"],
    message:
        "device and operators of the trainings"
    shell:
        "python scripts/check_device.py --device {params.device} --out {output} > {log} 2>&1"


# Neither code nor packages are among the params: the hash of the file is checked, so it is the same whatever made it.
rule fetch_weights:
    output:
        "work/weights/{model}.pth",
    log:
        "work/weights/{model}.log",
    localrule: True  # runs where Snakemake runs, because compute nodes often have no internet
    conda:
        "../envs/mmdet.yaml"
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(60),
    params:
        url=lambda wildcards: WEIGHTS_ROOT + MODELS[wildcards.model]["weights"],
        folder=verbatim(option("--folder", WEIGHTS_FOLDER)),
        sha256=lambda wildcards: option("--sha256", MODELS[wildcards.model].get("sha256")),
    message:
        "COCO weights of {wildcards.model}"
    shell:
        "python scripts/fetch_weights.py --url {params.url:q} {params.folder} {params.sha256} --out {output}"
        " 2>&1 | tee {log}"


rule take_weights:
    output:
        f"{WORK}/bundle.pth",
    log:
        f"{RESULTS}/logs/take_weights.log",
    localrule: True  # runs where Snakemake runs, because compute nodes often have no internet
    conda:
        "../envs/mmdet.yaml"
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(60),
    params:
        *code("take_weights", "mmdet"),
        bundle=verbatim(BUNDLE),
        content=model_state(BUNDLE),
    message:
        "weights of the model bundle"
    shell:
        "python scripts/take_weights.py --bundle {params.bundle:q} --out {output} > {log} 2>&1"


rule resolve_config:
    output:
        f"{CELL}/config.py",
    log:
        f"{CELL_LOGS}.resolve_config.log",
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
        test=tested("test_images"),
        test_images=lambda wildcards: f"{raw_folder('dataset')}/{tested_part(wildcards)}",
        polygons=switch("--polygons", polygons()),
        weights=lambda wildcards: option("--weights", weights(wildcards)),
        tf32=switch("--tf32", config["compute"]["tf32"]),
        gpus=option("--gpus", GPUS if GPUS > 1 else None),
        classes=verbatim(class_options()),
    message:
        "config of {wildcards.model}, {wildcards.setting}, seed {wildcards.seed}"
    shell:
        "python scripts/resolve_config.py --model {params.model:q} --training {params.training:q}"
        " --train {params.train} {params.train_images:q} --validation {params.validation} {params.validation_images:q}"
        " --test {params.test} {params.test_images:q}"
        " {params.polygons} {params.weights} {params.tf32} {params.gpus} {params.classes} --seed {wildcards.seed} --out {output} > {log} 2>&1"


rule train:
    input:
        config=f"{CELL}/config.py",
        train=annotations("train"),
        validation=annotations("validation"),
        images=ancient([f"{WORK}/tiles/{{setting}}"] if config["tiles"] else []),
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
    threads: config["compute"]["threads"] * GPUS
    resources:
        mem_mb=scaled(config["compute"]["mem_mb"] * GPUS),
        runtime=config["compute"]["runtime"],  # not more with each attempt: a training goes on where it was stopped
        gpu=0 if config["compute"]["device"] == "cpu" else GPUS,
        nodes=1 if GPUS > 1 else None,  # an engine could spread the GPUs; a profile may ask for more, see launcher()
    params:
        *code("train", "mmdet"),
        launcher=launcher,
        own_threads=own_threads,
        content=raw_state("train"),
        work=str(cell_folder(WORK, "{setting}", "{model}", "{seed}")),
        device=config["compute"]["device"],
        keep=config["checkpoints"],
    message:
        "training of {wildcards.model}, {wildcards.setting}, seed {wildcards.seed}"
    shell:
        # the shell ignores TERM, so that it stops the training alone, at a safe point, and gives on its exit status
        "trap '' TERM; {params.launcher} python scripts/train.py --config {input.config} --work {params.work}"
        " --label {wildcards.model}/{wildcards.setting}/seed{wildcards.seed}"
        " --device {params.device} --threads {params.own_threads}"
        " --keep-best {params.keep[best]} --keep-metrics {params.keep[metrics]} --keep-every {params.keep[every]}"
        " --out-checkpoints {output.checkpoints} --out-epochs {output.epochs} --out-log {output.rows}"
        " --out-provenance {output.provenance} 2>&1 | tee {log}"


rule select_checkpoint:
    input:
        epochs=f"{CELL}/epochs.tsv",
        # the time of a folder says nothing, and other weights may have the same scores; but training.json is another
        checkpoints=ancient(f"{CELL}/checkpoints"),
        training=f"{CELL}/training.json",
    output:
        checkpoint=f"{CELL}/checkpoint.pth",
        choice=f"{CELL}/checkpoint.json",
    log:
        f"{CELL_LOGS}.select_checkpoint.log",
    priority: 1  # a cell's score comes before the next cell's training
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
        "checkpoint of {wildcards.model}, {wildcards.setting}, seed {wildcards.seed}"
    shell:
        "python scripts/select_checkpoint.py --epochs {input.epochs} --checkpoints {input.checkpoints}"
        " --policy {params.policy} --metric {params.metric} {params.epoch}"
        " --out-checkpoint {output.checkpoint} --out {output.choice} > {log} 2>&1"


# memory that full-size tests measured, by model and setting; of narrow or shallow models there is none, and no speed
FULL_SIZE = TRAINING["width"] == TRAINING["depth"] == 1
MEASURED = "docs/full_size.csv" if FULL_SIZE and Path("docs/full_size.csv").is_file() else []


rule plan:
    input:
        configs=cell_files("config.py", TRAINED),
        annotations=expand([annotations("train"), annotations("validation")], setting=setting_names(TRAINED)),
        cards="config/cards.yaml",
        measured=MEASURED,
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
        settings=TRAINED,
        models=list(MODELS),
        seeds=config["seeds"],
        keep=config["checkpoints"],
        narrow=switch("--narrow", not FULL_SIZE),
    message:
        "plan of all trainings"
    shell:
        "python scripts/plan.py --configs {input.configs} --work {params.work} --settings {params.settings}"
        " --models {params.models} --seeds {params.seeds} --cards {input.cards} --keep-best {params.keep[best]}"
        " --keep-metrics {params.keep[metrics]} --keep-every {params.keep[every]} --measured {input.measured} {params.narrow}"
        " 2> >(tee {log} >&2)"
