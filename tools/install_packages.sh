#!/usr/bin/env bash
# Install every package of requirements.txt by the pip on PATH, each only if its file has the SHA-256 that stands there.
# bash tools/install_packages.sh [option of pip] ...
set -euo pipefail
cd "$(dirname "$0")/.."
install() {
    pip install --disable-pip-version-check --no-deps --require-hashes "$@"
}
# Some packages are source distributions. pip would build them with a setuptools that it downloads unchecked, so the
# pinned one is installed before them and used for them.
install "$@" -r <(awk '/^(setuptools|wheel)==/,!/\\$/' requirements.txt)
install "$@" --no-build-isolation -r requirements.txt
