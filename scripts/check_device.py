"""Check the device that trainings will compute on, before they start: is it there, and do mmcv's operators run on it?

It writes what it found as JSON: the device and the versions of torch, its CUDA and mmcv-full. It takes seconds.
"""

import argparse

from nuclei.common.files import write_json
from nuclei.common.stage import run_stage
from nuclei.compute.device import find_device, hide_gpus
from nuclei.compute.operators import try_operators


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto", help="auto (a GPU where there is one), cpu, cuda or cuda:N")
    parser.add_argument("--out", required=True, help="where to write device.json")
    args = parser.parse_args()
    hide_gpus(args.device)
    import torch

    device = find_device(args.device)
    try_operators(device)
    import mmcv

    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    versions = {"torch": torch.__version__, "cuda": torch.version.cuda, "mmcv_full": mmcv.__version__}
    write_json(args.out, {"device": name, **versions})


if __name__ == "__main__":
    run_stage(main)
