#!/usr/bin/env bash
# imantics asks for opencv-python, which needs libGL; opencv-python-headless serves it.
set -euo pipefail
python -m pip install --no-deps --require-hashes -r /dev/stdin <<'END'
imantics==0.1.12 --hash=sha256:2f806b158821a58a5b35014aecca4f7f853445bc304f847cef04dd0d8e05bd90
END
