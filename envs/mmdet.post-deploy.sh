#!/usr/bin/env bash
# mmcv-full has no wheel for this torch: build it once (a cached wheel takes seconds), with CUDA where a GPU is.
set -euo pipefail
python tools/build_mmcv.py --install
