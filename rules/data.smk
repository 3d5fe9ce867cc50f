"""From raw data to annotations.

It takes the raw data: a folder, an archive or a URL that the config names under `raw`, or images that the project draws
itself. It makes, below results/<run>/:
  data/imported.json                               what import_raw did, where the data are in a format of others
  data/checked/<part>.json                         check of each part: train, test, test_masks
  data/raw.json, raw.md                            what was found in the raw data, with expected counts beside
  data/split.json                                  training and validation images of setting 1
  data/coco/<method>/train.json                    annotations of all training images, by either converter
  data/coco/test_images.json                       test images alone: what predictions are made of
  data/coco/test.json                              test images, with their nuclei where test masks are given
  data/annotations/setting<1,2>/train.json         training images of each setting
  data/annotations/setting<1,2>/validation.json    validation images of each setting
  data/annotations/<setting>/tiles.json            tiles of the training images, where the config asks for tiles
  data/conversion_loss.json, conversion_loss.md    what each converter loses
Unpacked raw data and the images of tiles lie in work/<run>/raw and work/<run>/tiles.
"""

CHECKED_TEST = ["test", "test_masks"] if raw_folder("test_masks") else ["test"]

if config["raw"]["draw"]:

    rule draw_raw:
        output:
            dataset=directory(f"{WORK}/raw/dataset"),
            masks=directory(f"{WORK}/raw/test_masks"),
            made=[f"{WORK}/raw/dataset.made", f"{WORK}/raw/test_masks.made"],
        log:
            f"{RESULTS}/logs/draw_raw.log",
        conda:
            "../envs/data.yaml"
        resources:
            mem_mb=scaled(1000),
            runtime=scaled(10),
        params:
            *code("draw_raw", "data"),
            out=above(),
            draw=config["raw"]["draw"],
        message:
            "demo data: images and masks"
        shell:
            "python scripts/draw_raw.py --out {params.out} --train {params.draw[train]} --test {params.draw[test]}"
            " --size {params.draw[size]} --seed {params.draw[seed]} > {log} 2>&1"

elif is_imported():

    rule import_raw:
        output:
            dataset=directory(f"{WORK}/raw/dataset"),
            masks=directory(f"{WORK}/raw/test_masks") if raw_folder("test_masks") else [],
            made=expand(f"{WORK}/raw/{{part}}.made", part=filter(raw_folder, ["dataset", "test_masks"])),
            report=f"{RESULTS}/data/imported.json",
        log:
            f"{RESULTS}/logs/import_raw.log",
        localrule: "://" in f"{raw_source('dataset')} {raw_source('test')}"  # compute nodes often have no internet
        conda:
            "../envs/import.yaml"
        threads: 8
        resources:
            mem_mb=scaled(4000),
            runtime=scaled(60),
        params:
            *code("import_raw", "import"),
            *reader_code(),
            out=above(),
            source=verbatim(raw_source("dataset")),
            state=[
                source_state("dataset"),
                source_state("test"),
                file_state(config["raw"]["test"]["file"]),
                file_state(config["raw"]["groups"]["file"]),
            ],
            sha256=option("--sha256", config["raw"]["dataset"]["sha256"]),
            format=verbatim(config["raw"]["format"]),
            test=verbatim(test_options()),
            classes=verbatim(class_options()),
        message:
            "raw data: import"
        shell:
            "python scripts/import_raw.py --source {params.source:q} {params.sha256} --format {params.format:q}"
            " {params.test} {params.classes} --threads {threads} --out {params.out} --report {output.report} 2>&1 | tee {log}"

else:

    rule fetch_raw:
        output:
            folder=directory(f"{WORK}/raw/{{part}}"),
            made=f"{WORK}/raw/{{part}}.made",
        log:
            f"{RESULTS}/logs/fetch_raw.{{part}}.log",
        wildcard_constraints:
            part="dataset|test_masks",
        localrule: True  # runs where Snakemake runs, because compute nodes often have no internet
        conda:
            "../envs/data.yaml"
        resources:
            mem_mb=scaled(1000),
            runtime=scaled(60),
        params:
            *code("fetch_raw", "data"),
            source=lambda wildcards: raw_source(wildcards.part),
            state=lambda wildcards: archive_state(wildcards.part),
            sha256=lambda wildcards: option("--sha256", config["raw"][wildcards.part]["sha256"]),
        message:
            "raw data: {wildcards.part}"
        shell:
            "python scripts/fetch_raw.py --source {params.source:q} {params.sha256} --part {wildcards.part}"
            " --out {output.folder} 2>&1 | tee {log}"


rule check_part:
    input:
        raw=lambda wildcards: (
            raw_input("dataset", "test_masks") if wildcards.part == "test_masks" else raw_input("dataset")
        ),
    output:
        f"{RESULTS}/data/checked/{{part}}.json",
    log:
        f"{RESULTS}/logs/check_part.{{part}}.log",
    wildcard_constraints:
        part="train|test|test_masks",
    conda:
        "../envs/data.yaml"
    threads: 8
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(15),
    params:
        *code("check_part", "data"),
        # the masks are checked together with the images that they belong to
        content=lambda wildcards: raw_state(*(CHECKED_TEST if wildcards.part == "test_masks" else [wildcards.part])),
        dataset=verbatim(raw_folder("dataset")),
        masks=lambda wildcards: (
            option("--test-masks", raw_folder("test_masks")) if wildcards.part == "test_masks" else ""
        ),
        overlap=switch("--allow-overlap", config["raw"]["allow_overlap"]),
    message:
        "check of the raw data: {wildcards.part}"
    shell:
        "python scripts/check_part.py --dataset {params.dataset:q} {params.masks} --part {wildcards.part}"
        " {params.overlap} --out {output} --threads {threads} 2>&1 | tee {log}"


rule check_raw:
    input:
        train=f"{RESULTS}/data/checked/train.json",
        test=f"{RESULTS}/data/checked/test.json",
        masks=f"{RESULTS}/data/checked/test_masks.json" if raw_folder("test_masks") else [],
        imported=f"{RESULTS}/data/imported.json" if is_imported() else [],
    output:
        json=f"{RESULTS}/data/raw.json",
        summary=f"{RESULTS}/data/raw.md",
    log:
        f"{RESULTS}/logs/check_raw.log",
    conda:
        "../envs/data.yaml"
    resources:
        mem_mb=scaled(500),
        runtime=scaled(5),
    params:
        *code("check_raw", "data"),
        masks=option("--test-masks", f"{RESULTS}/data/checked/test_masks.json" if raw_folder("test_masks") else None),
        split=verbatim(option("--split", config["split"]["file"])),
        expected=[f"{name}={count}" for name, count in (config["raw"]["expected"] or {}).items()],
        state=file_state(config["split"]["file"]),
        imported=lambda wildcards, input: option("--imported", str(input.imported)),
    message:
        "counts of the raw data"
    shell:
        "python scripts/check_raw.py --train {input.train} --test {input.test} {params.masks} {params.split}"
        " {params.imported} --expected {params.expected} --out {output.json} --summary {output.summary} 2>&1 | tee {log}"


rule check_leaks:
    input:
        checked=expand(f"{RESULTS}/data/checked/{{part}}.json", part=["train", "test"]),
        raw=raw_input("dataset"),
        bundle=f"{WORK}/bundle.pth" if BUNDLE else [],  # an order alone: the bundle is there then
    output:
        f"{RESULTS}/data/leaks.json",
    log:
        f"{RESULTS}/logs/check_leaks.log",
    conda:
        "../envs/data.yaml"
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(60),
    params:
        *code("check_leaks", "data"),
        content=raw_state("train", "test"),
        dataset=verbatim(raw_folder("dataset")),
        bundle=verbatim(option("--bundle", BUNDLE)),
        bundle_state=model_state(BUNDLE),
    message:
        "test images that a training may have seen"
    shell:
        "python scripts/check_leaks.py --dataset {params.dataset:q} {params.bundle} --out {output} 2>&1 | tee {log}"


rule make_split:
    input:
        checked=f"{RESULTS}/data/checked/train.json",
        raw=raw_input("dataset"),
    output:
        f"{RESULTS}/data/split.json",
    log:
        f"{RESULTS}/logs/make_split.log",
    conda:
        "../envs/data.yaml"
    resources:
        mem_mb=scaled(500),
        runtime=scaled(5),
    params:
        *code("make_split", "data"),
        content=raw_state("train"),
        state=[file_state(config["split"]["file"]), file_state(config["raw"]["groups"]["file"])],
        how=verbatim(
            option("--file", config["split"]["file"])
            or f"--validation-fraction {config['split']['validation_fraction']} --seed {config['split']['seed']} {group_options()}"
        ),
    message:
        "split into training and validation images"
    shell:
        "python scripts/make_split.py --checked {input.checked} {params.how} --out {output} > {log} 2>&1"


rule convert_train:
    input:
        checked=f"{RESULTS}/data/checked/train.json",
        raw=raw_input("dataset"),
    output:
        f"{RESULTS}/data/coco/{{method}}/train.json",
    log:
        f"{RESULTS}/logs/convert_train.{{method}}.log",
    conda:
        "../envs/data.yaml"
    threads: 8
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(30),
    params:
        *code("convert_train", "data"),
        content=raw_state("train"),
        dataset=verbatim(raw_folder("dataset")),
        segmentation=config["conversion"]["segmentation"],
        classes=verbatim(class_options()),
    message:
        "training masks -> COCO ({wildcards.method})"
    shell:
        "python scripts/convert_train.py --dataset {params.dataset:q} --method {wildcards.method}"
        " --segmentation {params.segmentation} {params.classes} --out {output} --threads {threads} 2>&1 | tee {log}"


rule convert_test:
    input:
        checked=[f"{RESULTS}/data/checked/{part}.json" for part in CHECKED_TEST],
        raw=raw_input("dataset", "test_masks"),
    output:
        f"{RESULTS}/data/coco/test.json",
    log:
        f"{RESULTS}/logs/convert_test.log",
    priority: 1  # without it no cell is scored before the last training
    conda:
        "../envs/data.yaml"
    threads: 8
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(15),
    params:
        *code("convert_test", "data"),
        content=raw_state("test", "test_masks"),
        dataset=verbatim(raw_folder("dataset")),
        masks=verbatim(option("--test-masks", raw_folder("test_masks"))),
        classes=verbatim(class_options()),
    message:
        "test images and masks -> COCO (exact)"
    shell:
        "python scripts/convert_test.py --dataset {params.dataset:q} {params.masks} {params.classes} --out {output}"
        " --threads {threads} 2>&1 | tee {log}"


rule list_test_images:
    input:
        checked=f"{RESULTS}/data/checked/test.json",
        raw=raw_input("dataset"),
    output:
        f"{RESULTS}/data/coco/test_images.json",
    log:
        f"{RESULTS}/logs/list_test_images.log",
    conda:
        "../envs/data.yaml"
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(5),
    params:
        *code("list_test_images", "data"),
        content=raw_state("test"),
        dataset=verbatim(raw_folder("dataset")),
        classes=verbatim(class_options()),
    message:
        "test images, without their masks"
    shell:
        "python scripts/list_test_images.py --dataset {params.dataset:q} {params.classes} --out {output} > {log} 2>&1"


rule write_annotations:
    input:
        annotations=f"{RESULTS}/data/coco/{METHOD}/train.json",
        split=f"{RESULTS}/data/split.json",
    output:
        expand(
            f"{RESULTS}/data/annotations/{{setting}}/{{part}}.json",
            setting=["setting1", "setting2"],
            part=["train", "validation"],
        ),
    log:
        f"{RESULTS}/logs/write_annotations.log",
    conda:
        "../envs/data.yaml"
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(5),
    params:
        *code("write_annotations", "data"),
        out=above(2),
    message:
        "annotations of settings 1 and 2"
    shell:
        "python scripts/write_annotations.py --annotations {input.annotations} --split {input.split}"
        " --out-dir {params.out} > {log} 2>&1"


rule measure_conversion_loss:
    input:
        annotations=expand(f"{RESULTS}/data/coco/{{method}}/train.json", method=["imantics", "exact"]),
        raw=raw_input("dataset"),
    output:
        json=f"{RESULTS}/data/conversion_loss.json",
        summary=f"{RESULTS}/data/conversion_loss.md",
    log:
        f"{RESULTS}/logs/measure_conversion_loss.log",
    conda:
        "../envs/data.yaml"
    threads: 8
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(30),
    params:
        *code("measure_conversion_loss", "data"),
        content=raw_state("train"),
        dataset=verbatim(raw_folder("dataset")),
    message:
        "what each converter loses"
    shell:
        "python scripts/measure_conversion_loss.py --dataset {params.dataset:q} --coco {input.annotations}"
        " --out {output.json} --summary {output.summary} --threads {threads} 2>&1 | tee {log}"


if config["tiles"]:

    rule cut_tiles:
        input:
            annotations=f"{RESULTS}/data/annotations/{{setting}}/train.json",
            raw=raw_input("dataset"),
        output:
            annotations=f"{RESULTS}/data/annotations/{{setting}}/tiles.json",
            images=directory(f"{WORK}/tiles/{{setting}}"),
        log:
            f"{RESULTS}/logs/cut_tiles.{{setting}}.log",
        conda:
            "../envs/data.yaml"
        resources:
            mem_mb=scaled(2000),
            runtime=scaled(30),
        params:
            *code("cut_tiles", "data"),
            content=raw_state("train"),
            images=verbatim(f"{raw_folder('dataset')}/train"),
            tiles=config["tiles"],
            segmentation=config["conversion"]["segmentation"],
        message:
            "tiles of the training images, {wildcards.setting}"
        shell:
            "python scripts/cut_tiles.py --annotations {input.annotations} --dataset {params.images:q}"
            " --size {params.tiles[size]} --stride {params.tiles[stride]} --min-area {params.tiles[min_area]}"
            " --segmentation {params.segmentation} --out-annotations {output.annotations}"
            " --out-images {output.images} > {log} 2>&1"
