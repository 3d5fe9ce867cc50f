"""`snakemake predict_images`: its jobs, what makes them run again, and what is refused before any work."""

import re

import pytest
from conftest import checkout
from support.slides import tissue_image, write_slide
from support.tiny import snakemake


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The project beside a bundle (of which a plan needs no more than the file) and a folder of images."""
    folder = checkout(tmp_path_factory.mktemp("project"))
    (folder / "tiny.yaml").write_text("{}\n")
    (folder / "bundle.zip").write_bytes(b"x")
    (folder / "new").mkdir()
    for name in ("one.png", "two.png"):
        (folder / "new" / name).write_bytes(b"x")
    for name in ("slide 1.svs", "it's {a}.svs"):  # the second has a name that Snakemake could misread
        write_slide(folder / "new" / name, tissue_image(64, 64), levels=1)
    return folder


def plan(project, *config, target="predict_images"):
    """(jobs by rule, all that Snakemake said) of a plan."""
    done = snakemake(project, "-n", "-p", "--config", *config, "--", target)
    said = done.stdout + done.stderr
    jobs = re.findall(r"^(predict_images|predict_slide|take_weights|fetch_weights) +(\d+)$", said, re.MULTILINE)
    return {rule: int(count) for rule, count in jobs}, said


def test_each_slide_is_a_job_and_all_images_are_one(project):
    jobs, said = plan(project, "images=new", "model=bundle.zip")
    assert jobs == {"predict_slide": 1, "predict_images": 1}
    (slide,) = re.findall(r"scripts/predict_images.py --model bundle.zip --images 'new/slide 1.svs' .*", said)
    assert "--forms geojson table overlay --out-dir results/images --work work/images  --on-bad-image stop" in slide
    assert "--together new 2>&1" in slide
    (images,) = re.findall(r"scripts/predict_images.py --model bundle.zip --images new .*", said)
    assert "--out=results/images/images.tsv" in images


def test_a_name_that_starts_with_a_dash_is_no_option(project):
    (project / "-one.png").write_bytes(b"x")
    _, said = plan(project, "images=-one.png", "model=bundle.zip")
    assert "scripts/predict_images.py --model bundle.zip --images ./-one.png --forms" in said


def test_nothing_is_checked_ahead_where_bad_images_are_skipped(project):
    _, said = plan(project, "images=new", "model=bundle.zip", "export={on_bad_image: skip}")
    assert "--together" not in said


def test_what_does_not_go_together_is_refused(project):
    for config, said in (
        (["images=new"], "config: images and model belong together"),
        (["images=new", "model=gone.zip"], "config: model gone.zip not found"),
        (["images=new", "model=https://x.org/a.zip"], "is a URL without #sha256="),
        (["images=gone", "model=bundle.zip"], "gone: not found, wanted an image"),
        (["run=other"], "config: images is null, wanted images to predict on"),
        (["images=new", "model=bundle.zip", "export={forms: [svg]}"], "export.forms.0 is 'svg', wanted one of"),
        (["training={weights: gone.zip}"], "config: training.weights gone.zip not found"),
        (["training={weights: imagenet}"], "config: training.weights imagenet not found, wanted coco, none"),
    ):
        jobs, found = plan(project, *config)
        assert jobs == {}
        assert said in found, found[-2000:]


def test_training_from_a_bundle_takes_its_weights(project):
    jobs, _ = plan(project, "training={weights: bundle.zip}", target="all")
    assert jobs == {"take_weights": 1}
