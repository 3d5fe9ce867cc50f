"""Predictions on the test images, and the competition's answer, of each cell and of each ensemble of cells.

It takes config.py and checkpoint.pth of each cell, data/coco/test_images.json and the test images. It makes, in the
folder of each cell and of each ensemble (results/<run>/ensembles/<setting>/<ensemble>/):
  predictions.json          COCO results; an ensemble's are fused from those of its members
  validation_predictions.json
                            in cells and ensembles of setting 1, and in cells of folds: the same of the validation
                            images, to choose a score threshold on
  epoch_predictions.json    with scoring.epochs, in the folder of each cell: the same of several epochs
  answer.json, answer.zip   the 100 detections of highest score of each image, checked as tools/check_answer.py does
"""


rule predict:
    input:
        config=f"{CELL}/config.py",
        checkpoint=f"{CELL}/checkpoint.pth",
        images=tested("test_images"),
        raw=raw_input("dataset"),
    output:
        f"{CELL}/predictions.json",
    log:
        f"{CELL_LOGS}.predict.log",
    priority: 1  # a cell's score comes before the next cell's training
    conda:
        "../envs/mmdet.yaml"
    threads: config["compute"]["threads"]
    resources:
        mem_mb=scaled(config["compute"]["mem_mb"]),
        runtime=scaled(60),
        gpu=0 if config["compute"]["device"] == "cpu" else 1,
    params:
        *code("predict", "mmdet"),
        content=lambda wildcards: raw_state(tested_part(wildcards)),
        device=config["compute"]["device"],
        part="test",
        look=config["inference"],
        soft=switch("--soft-nms", config["inference"]["soft_nms"]),
        window=option("--window", config["inference"]["window"]),
    message:
        "test images by {wildcards.model}, {wildcards.setting}, seed {wildcards.seed}"
    shell:
        "python scripts/predict.py --config {input.config} --checkpoint {input.checkpoint}"
        " --label {wildcards.model}/{wildcards.setting}/seed{wildcards.seed}"
        " --part {params.part} --device {params.device} --threads {threads}"
        " --views {params.look[views]} --scales {params.look[scales]} {params.window} --overlap {params.look[overlap]}"
        " {params.soft} --border {params.look[border]} --out {output} 2>&1 | tee {log}"


use rule predict as predict_validation with:
    input:
        config=f"{CELL}/config.py",
        checkpoint=f"{CELL}/checkpoint.pth",
        images=annotations("validation"),
        raw=raw_input("dataset"),
    output:
        f"{CELL}/validation_predictions.json",
    log:
        f"{CELL_LOGS}.predict_validation.log",
    params:
        content=raw_state("train"),
        part="val",
    message:
        "validation images by {wildcards.model}, {wildcards.setting}, seed {wildcards.seed}"


rule predict_epochs:
    input:
        config=f"{CELL}/config.py",
        epochs=f"{CELL}/epochs.tsv",
        # the time of a folder says nothing; other weights come with another training.json
        checkpoints=ancient(f"{CELL}/checkpoints"),
        training=f"{CELL}/training.json",
        images=f"{RESULTS}/data/coco/test_images.json",
        raw=raw_input("dataset"),
    output:
        f"{CELL}/epoch_predictions.json",
    log:
        f"{CELL_LOGS}.predict_epochs.log",
    conda:
        "../envs/mmdet.yaml"
    threads: config["compute"]["threads"]
    resources:
        mem_mb=scaled(config["compute"]["mem_mb"]),
        runtime=scaled(60),
        gpu=0 if config["compute"]["device"] == "cpu" else 1,
    params:
        *code("predict_epochs", "mmdet"),
        content=raw_state("test"),
        device=config["compute"]["device"],
        number=config["scoring"]["epochs"],
    message:
        "test images by epochs of {wildcards.model}, {wildcards.setting}, seed {wildcards.seed}"
    shell:
        "python scripts/predict_epochs.py --config {input.config} --epochs {input.epochs}"
        " --checkpoints {input.checkpoints} --count {params.number} --device {params.device} --threads {threads}"
        " --label {wildcards.model}/{wildcards.setting}/seed{wildcards.seed}"
        " --out {output} 2>&1 | tee {log}"


rule write_answer:
    input:
        predictions=f"{CELL}/predictions.json",
        images=f"{RESULTS}/data/coco/test_images.json",
        raw=raw_input("dataset"),
    output:
        answer=f"{CELL}/answer.json",
        zip=f"{CELL}/answer.zip",
    log:
        f"{CELL_LOGS}.write_answer.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(5),
    params:
        *code("write_answer", "report"),
        content=raw_state("test"),
        ids=verbatim(f"{raw_folder('dataset')}/test_img_ids.json"),
    message:
        "answer of {wildcards.model}, {wildcards.setting}, seed {wildcards.seed}"
    shell:
        "python scripts/write_answer.py --predictions {input.predictions} --test-images {input.images}"
        " --test-img-ids {params.ids:q} --out {output.answer} --zip {output.zip} > {log} 2>&1"


rule fuse_predictions:
    input:
        predictions=lambda wildcards: members("predictions.json", wildcards.setting, wildcards.ensemble),
        images=f"{RESULTS}/data/coco/test_images.json",
    output:
        f"{ENSEMBLE}/predictions.json",
    log:
        f"{ENSEMBLE_LOGS}.fuse_predictions.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=scaled(3000),
        runtime=scaled(30),
    params:
        *code("fuse_predictions", "report"),
        members=lambda wildcards: ENSEMBLES[wildcards.ensemble],  # their order counts, too
        soft=switch("--soft-nms", config["inference"]["soft_nms"]),
    message:
        "ensemble {wildcards.ensemble}, {wildcards.setting}"
    shell:
        "python scripts/fuse_predictions.py --predictions {input.predictions} --test-images {input.images} {params.soft}"
        " --label {wildcards.ensemble}/{wildcards.setting} --out {output} 2>&1 | tee {log}"


use rule fuse_predictions as fuse_validation with:
    input:
        predictions=lambda wildcards: members("validation_predictions.json", wildcards.setting, wildcards.ensemble),
        images=annotations("validation"),
    output:
        f"{ENSEMBLE}/validation_predictions.json",
    log:
        f"{ENSEMBLE_LOGS}.fuse_validation.log",
    message:
        "validation images by ensemble {wildcards.ensemble}, {wildcards.setting}"


use rule write_answer as write_ensemble_answer with:
    input:
        predictions=f"{ENSEMBLE}/predictions.json",
        images=f"{RESULTS}/data/coco/test_images.json",
        raw=raw_input("dataset"),
    output:
        answer=f"{ENSEMBLE}/answer.json",
        zip=f"{ENSEMBLE}/answer.zip",
    log:
        f"{ENSEMBLE_LOGS}.write_ensemble_answer.log",
    message:
        "answer of ensemble {wildcards.ensemble}, {wildcards.setting}"


rule answers:
    input:
        answer_files(),
