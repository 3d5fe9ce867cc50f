"""Nuclei of new images and slides, by a trained model: `snakemake predict_images --config images=… model=…`.

It takes the images and the model that the config names; no other rule takes or makes any of these files. It makes, in
the folder that export.folder names:
  <image>.<form>        the nuclei of each image in each form: .geojson, .csv and others; docs/predict.md
  <image>.nuclei.json   the record of the image: what its files were made of
  images.tsv            the list of all images
Each slide is a job of its own; all other images are one job. What is kept of unfinished images lies in work/images/.
Where export.on_bad_image is `stop`, the job of a slide first opens all images (TOGETHER, a resource and no param: an image
that is added makes no other one run again).
"""

TOGETHER = f"--together {quoted(SOURCES)}" if SLIDES and config["export"]["on_bad_image"] == "stop" else ""


wildcard_constraints:
    slide="|".join(map(re.escape, SLIDES)) or "-",


rule predict_images:
    input:
        slides=[f"{EXPORT}/{name}.nuclei.json" for name in SLIDES],
    output:
        f"{EXPORT}/images.tsv",
    log:
        f"{EXPORT}/logs/predict_images.log",
    conda:
        "../envs/mmdet.yaml"
    threads: config["compute"]["threads"]
    resources:
        together=TOGETHER,
        mem_mb=scaled(config["compute"]["mem_mb"]),
        runtime=config["compute"]["runtime"],  # not more with each attempt: it goes on where it was stopped
        gpu=0 if config["compute"]["device"] == "cpu" else 1,
    params:
        *code("predict_images", "mmdet"),
        images=asked_images,
        content=images_state,
        model=verbatim(config["model"]),
        state=model_state(config["model"]),
        export=config["export"],
        list=lambda wildcards, output: "" if hasattr(wildcards, "slide") else option("--out", output[0]),
        size=option("--pixel-size", config["export"]["pixel_size"]),
        threshold=option("--score-threshold", config["export"]["score_threshold"]),
        device=config["compute"]["device"],
        look=config["inference"],
        soft=switch("--soft-nms", config["inference"]["soft_nms"]),
        window=option("--window", config["inference"]["window"]),
    message:
        "nuclei of new images"
    shell:
        # the shell ignores TERM, so that it stops the stage alone and gives on its exit status
        "trap '' TERM; python scripts/predict_images.py --model {params.model:q} --images {params.images}"
        " --forms {params.export[forms]} --out-dir {params.export[folder]:q} --work work/images {params.list}"
        " --on-bad-image {params.export[on_bad_image]} --tissue {params.export[tissue]} {params.size}"
        " {params.threshold}"
        " --device {params.device} --threads {threads}"
        " --views {params.look[views]} --scales {params.look[scales]} {params.window} --overlap {params.look[overlap]}"
        " {params.soft} --border {params.look[border]} {resources.together} 2>&1 | tee {log:q}"


use rule predict_images as predict_slide with:
    input:
        slides=[],
    output:
        f"{EXPORT}/{{slide}}.nuclei.json",
    log:
        f"{EXPORT}/logs/predict_slide.{{slide}}.log",
    message:
        "nuclei of slide {wildcards.slide}"
