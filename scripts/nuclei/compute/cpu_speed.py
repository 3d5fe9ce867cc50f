"""How fast this machine's CPU multiplies matrices: from it `snakemake plan` expects the hours of a training on it."""

import time

import torch

SIDE = 1024  # of the matrices; larger ones are no faster


def cpu_tflops(threads: int, dtype: torch.dtype, seconds: float = 0.3) -> float:
    """The most that this CPU computes in products of matrices, 10^12 operations per second; a multiply-add is two.

    threads: of the product. dtype: of the matrices, float32 or bfloat16. seconds: how long to measure; the fastest
    product counts, since other programs only make it slower. The number of torch's threads is as before afterwards.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        left, right = (torch.rand(SIDE, SIDE).to(dtype) for _ in range(2))
        torch.mm(left, right)  # the first product prepares what the others use
        fastest, start = float("inf"), time.perf_counter()
        while time.perf_counter() - start < seconds:
            begin = time.perf_counter()
            torch.mm(left, right)
            fastest = min(fastest, time.perf_counter() - begin)
    finally:
        torch.set_num_threads(before)
    return 2 * SIDE**3 / fastest / 1e12
