"""Take the weights out of a model bundle, for a training that goes on from them.

It reads the bundle from a path, or from a URL with its hash, and compares every file in it with its hash. It writes a
checkpoint that holds nothing but tensors.
"""

import argparse
import pickle

from nuclei.common.stage import InputError, run_stage
from nuclei.models.checkpoints import read_tensors, write_tensors
from nuclei.prediction.bundles import open_model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", required=True, help="bundle: path, or URL with #sha256=<64 hex digits>")
    parser.add_argument("--out", required=True, help="where to write the checkpoint with tensors alone")
    args = parser.parse_args()
    try:
        state = read_tensors(open_model(args.bundle).weights)["state_dict"]
    except (pickle.UnpicklingError, ValueError, KeyError):
        raise InputError(
            f"{args.bundle}: weights.pth holds Python objects, which can run code, or is no checkpoint, wanted tensors "
            "alone; do not use this bundle"
        ) from None
    write_tensors(args.out, {"state_dict": state, "meta": {}})


if __name__ == "__main__":
    run_stage(main)
