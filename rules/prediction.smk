"""Predictions on the test images and the competition's answer, per cell.

In: the cell's config.py and checkpoint.pth, data/coco/test.json, the test images.
Out: predictions.json (COCO results), answer.json, answer.zip (checked by tools/check_answer.py).
"""


rule predict:
    input:
        config=f"{CELL}/config.py",
        checkpoint=f"{CELL}/checkpoint.pth",
        images=f"{RESULTS}/data/coco/test.json",
        raw=raw_input("dataset"),
    output:
        f"{CELL}/predictions.json",
    log:
        f"{CELL_LOGS}.predict.log",
    conda:
        "../envs/mmdet.yaml"
    threads: config["compute"]["threads"]
    resources:
        mem_mb=scaled(config["compute"]["mem_mb"]),
        runtime=scaled(60),
        gpu=0 if config["compute"]["device"] == "cpu" else 1,
    params:
        *code("predict", "mmdet"),
        device=config["compute"]["device"],
        tf32="--tf32" if config["compute"]["tf32"] else "",
        look=config["inference"],
        soft="--soft-nms" if config["inference"]["soft_nms"] else "",
        window=f"--window {config['inference']['window']}" if config["inference"]["window"] else "",
    message:
        "test images by {wildcards.model}, setting {wildcards.setting}, seed {wildcards.seed}"
    shell:
        "python scripts/predict.py --config {input.config} --checkpoint {input.checkpoint}"
        " --label {wildcards.model}/setting{wildcards.setting}/seed{wildcards.seed}"
        " --device {params.device} {params.tf32} --threads {threads}"
        " --views {params.look[views]} --scales {params.look[scales]} {params.window} --overlap {params.look[overlap]}"
        " {params.soft} --out {output} 2>&1 | tee {log}"


rule write_answer:
    input:
        predictions=f"{CELL}/predictions.json",
        images=f"{RESULTS}/data/coco/test.json",
        raw=raw_input("dataset"),
    output:
        answer=f"{CELL}/answer.json",
        zip=f"{CELL}/answer.zip",
    log:
        f"{CELL_LOGS}.answer.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(5),
    params:
        *code("write_answer", "report") + code("check_answer", "report"),
        ids=f"{raw_folder('dataset')}/test_img_ids.json",
    message:
        "answer of {wildcards.model}, setting {wildcards.setting}, seed {wildcards.seed}"
    shell:
        "(python scripts/write_answer.py --predictions {input.predictions} --test-images {input.images}"
        " --out {output.answer} --zip {output.zip}"
        " && python tools/check_answer.py --answer {output.zip} --test-img-ids {params.ids}) > {log} 2>&1"
