"""On what the tests of this folder run: a card, or the CPU in its place with small models and images.

make test-gpu runs those for a card (marker gpu), which skip, saying why, where there is none. With the environment
variable NUCLEI_GPU_DEVICE=cpu they run on the CPU instead: the same code, a rehearsal that measures nothing of a card.
`make test` runs a quick part of it so (the parameters `cpu`).
"""

import gc
import os

import pytest
import torch

from gpu.card import note_card

VARIABLE = "NUCLEI_GPU_DEVICE"
CARD = pytest.param("card", marks=pytest.mark.gpu)  # parameters of a test's `on`
TWIN = pytest.param("cpu")


def device_of(on):
    """The torch.device for `card` or `cpu`; the test is skipped where there is no card."""
    if on == "cpu" or os.environ.get(VARIABLE) == "cpu":
        return torch.device("cpu")
    if not torch.cuda.is_available():
        pytest.skip(f"torch {torch.__version__} finds no GPU here; {VARIABLE}=cpu runs these tests small, on the CPU")
    note_card()
    return torch.device("cuda", 0)


def is_small(device):
    """Whether models and images are small: on a CPU."""
    return device.type == "cpu"


def wait_for(device):
    """Wait until the device has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def start_peak(device):
    """Free what is cached and count the peak of memory from now on."""
    gc.collect()  # what ran before may hang on in cycles
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def peak_gb(device):
    """Most memory that tensors took since start_peak, GB (2**30 bytes); None on a CPU."""
    return round(torch.cuda.max_memory_allocated(device) / 2**30, 2) if device.type == "cuda" else None
