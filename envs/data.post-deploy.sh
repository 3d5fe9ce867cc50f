#!/usr/bin/env bash
# imantics asks for opencv-python, which needs libGL; opencv-python-headless serves it.
set -euo pipefail
python -m pip install --no-deps imantics==0.1.12
