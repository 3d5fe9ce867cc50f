"""The plan of the trainings: its numbers against ones worked out by hand, its counts against torch's counter."""

import json

import pytest
import torch
from mmcv import Config
from mmdet.models import build_detector
from support.resolved_configs import resolved
from torch.utils.flop_counter import FlopCounterMode

from nuclei.common.files import sha256
from nuclei.report.plan_page import state
from nuclei.training.cost import (
    checkpoint_bytes,
    count_model,
    epochs_done,
    forward_macs,
    hours,
    plan_cell,
    resized,
    shapes,
    training_precision,
    validations,
)
from nuclei.training.work_folder import binding, training_data_sha256

CARD = {"tflops": {"fp32": 10, "fp16": 40}, "utilisation": {"fp32": 0.5, "fp16": 0.25}, "memory_gb": 8}
KEEP = {"best": 1, "metrics": ["ap50_100", "ap_1000"], "every": 0}


@pytest.fixture
def cell(tmp_path):
    """A folder with config.py of a cell that trains on 20 images of 64 px, three times an epoch, for 200 epochs."""
    images = [{"id": i, "file_name": f"{i}.png", "width": 64, "height": 64} for i in range(1, 21)]
    box = {"category_id": 1, "bbox": [0, 0, 9, 9], "area": 81, "iscrowd": 0, "segmentation": [[0, 0, 9, 0, 9, 9, 0, 9]]}
    rows = [{**box, "id": i, "image_id": i} for i in range(1, 21)]
    content = {"images": images, "annotations": rows, "categories": [{"id": 1, "name": "nucleus"}]}
    (tmp_path / "coco.json").write_text(json.dumps(content))
    for image in images:
        (tmp_path / image["file_name"]).write_bytes(b"image")
    config = resolved("mask_r50", epochs=200, batch=2, repeat=3, schedule=[150], validate_every=3)
    for part in (config["data"]["train"]["dataset"], config["data"]["val"]):
        part.update(ann_file=str(tmp_path / "coco.json"), img_prefix=f"{tmp_path}/")
    (tmp_path / "config.py").write_text(Config(config).pretty_text)
    return tmp_path


def test_iterations_images_and_work_of_a_cell(cell):
    config = Config.fromfile(cell / "config.py")
    row = plan_cell(config, [2e9, 3e9], 100, 50, KEEP)
    # 20 images x 3 at batch 2 = 30 iterations an epoch; epochs 3, 6, …, 198 and 200 are validated
    assert (row["epochs"], row["iterations"], row["images"], row["left"]) == (200, 6000, 12000, 150)
    assert row["validated"] == 67 * 20
    assert row["training"] == 3 * 3e9 * 12000
    assert row["macs"] == [3 * 3e9 * 12000 + 2e9 * 67 * 20, 3 * 3e9 * 9000 + 2e9 * (67 - 16) * 20]
    assert (row["precision"], row["disk"]) == ("fp32", (3 + 2 * 2) * 100)
    config.gpus = 4  # 30 batches on 4 GPUs are 8 iterations, of which the last is filled up
    row = plan_cell(config, [2e9, 3e9], 100, 50, KEEP)
    assert (row["iterations"], row["images"], row["gpus"]) == (1600, 8 * 4 * 2 * 200, 4)
    assert row["training"] == 3 * 3e9 * 12800
    done = plan_cell(config, [2e9, 3e9], 100, 200, KEEP)
    assert (done["macs"][1], state(done)) == (0, "finished")
    assert plan_cell(config, [None, None], 100, 0, KEEP)["macs"] is None


def test_validations_include_the_last_epoch():
    assert [validations(10, every) for every in (0, 1, 3, 5)] == [0, 10, 4, 2]


def test_hours_of_multiply_adds():
    # 9e15 multiply-adds are 18e15 FLOPs; 10 TFLOPS at 0.5 do them in 3600 s, 40 at 0.25 in 1800 s
    assert hours(9e15, CARD, "fp32") == pytest.approx(1)
    assert hours(9e15, CARD, "fp16") == pytest.approx(0.5)


def test_disk_of_checkpoints():
    sgd, keep = {"type": "SGD", "momentum": 0.9}, KEEP | {"every": 50}
    # 2 best + 4 every fiftieth + the last, and last.pth
    assert checkpoint_bytes(100, 200, keep, 200, sgd) == 700 + 400
    assert checkpoint_bytes(100, 200, keep, 0, sgd) == 500 + 400
    assert checkpoint_bytes(100, 200, keep, 200, {"type": "AdamW"}) == 700 + 600
    assert checkpoint_bytes(100, 1, keep, 1, {"type": "SGD", "momentum": 0}) == 100 + 100


def test_network_input_is_resized_and_padded(cell):
    assert resized((1000, 1000), (1333, 800)) == (800, 800)
    assert resized((512, 512), (1333, 720)) == (736, 736)
    assert resized((1000, 500), (1333, 800)) == (672, 1344)
    config = Config.fromfile(cell / "config.py")
    # the demo tests at 256 and trains between 224 and 288
    assert shapes(config) == ((256, 256), (256, 256))
    config.data.train.dataset.pipeline[2].img_scale = [(128, 128), (192, 192)]
    assert shapes(config) == ((256, 256), (160, 160))
    config.data.train.dataset.pipeline[2].type = "AlignedResize"
    config.data.train.dataset.pipeline.insert(3, dict(type="RandomCrop", crop_size=(90, 400)))
    assert shapes(config) == ((256, 256), (96, 160))


def test_precisions_as_measured_speeds_name_them():
    configs = {}, {"tf32": True}, {"precision": "bf16", "tf32": True}, {"fp16": {"loss_scale": 512.0}}
    assert [training_precision(Config(config)) for config in configs] == ["fp32", "tf32", "bf16", "fp16"]


def test_count_of_one_convolution_by_hand():
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, padding=1, bias=False))
    model.forward_dummy = lambda image: model[0](image)
    assert forward_macs(model, (32, 64)) == 3 * 3 * 3 * 8 * 32 * 64


@pytest.mark.parametrize("model", ["mask_r50", "cascade_x101"])
def test_count_of_a_detector_agrees_with_torchs_counter(model):
    config = Config(resolved(model, width=0.5))
    counts, size = count_model(config, [(128, 128), (256, 256)])
    with torch.device("meta"):
        detector = build_detector(config.model)
    assert size == sum(tensor.nbytes for tensor in detector.state_dict().values())
    forward_macs(detector, (128, 128))  # replaces the RoI pooling, which meta tensors cannot do
    for shape, count in counts.items():
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            detector.eval().forward_dummy(torch.empty(1, 3, *shape, device="meta"))
        # mmcv adds norms, activations and pooling: some percent
        assert 1 < count / (counter.get_total_flops() / 2) < 1.06


def test_a_detector_without_forward_dummy_is_not_counted():
    def refuse(_image):
        raise NotImplementedError

    assert forward_macs(torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3)), (32, 32)) is None
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3))
    model.forward_dummy = refuse
    assert forward_macs(model, (32, 32)) is None


def test_epochs_done(cell):
    config, work = Config.fromfile(cell / "config.py"), cell / "work"

    def done():
        return epochs_done(cell, work, config, KEEP)

    assert done() == 0
    other, own = work / ("0" * 16), work / binding(config, training_data_sha256(config), None)[:16]
    for folder, epochs in ((other, 12), (own, 10)):
        folder.mkdir(parents=True)
        records = [{"weights": "", "seconds": 1.0, "code_version": ""}] * epochs
        meta = {"epoch": epochs, "nuclei": {"epochs": records}}
        torch.save({"meta": meta, "state_dict": {"weights": torch.zeros(9)}}, folder / "last.pth")
    assert done() == 10
    config.runner.max_epochs = 300
    assert done() == 10  # more epochs go on with the same training
    config.runner.max_epochs = 8
    assert done() == 0  # its last epoch's weights are gone
    config.runner.max_epochs = 300
    (cell / "training.json").write_text(json.dumps({"config_sha256": "of another config"}))
    assert done() == 10
    record = {"config_sha256": sha256(cell / "config.py"), "data_sha256": "of other data"}
    (cell / "training.json").write_text(json.dumps(record))
    assert done() == 10
    (cell / "training.json").write_text(json.dumps(record | {"data_sha256": training_data_sha256(config)}))
    assert done() == 300
    (cell / "training.json").unlink()
    config.tf32 = True
    assert done() == 0
    del config._cfg_dict["tf32"]
    (own / "last.pth").write_bytes(b"half")
    assert done() == 0
