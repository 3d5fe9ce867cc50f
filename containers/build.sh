#!/usr/bin/env bash
# The steps of both container definitions, Dockerfile and nuclei.def, run as root in a plain Debian 12.
#   packages [yes]  every pinned package in /opt/nuclei and mmcv-full, built here; yes: with CUDA operators (first stage)
#   system          what the finished image needs beside /opt/nuclei (second stage, without compilers)
set -euo pipefail
cd "$(dirname "$0")/.."
export DEBIAN_FRONTEND=noninteractive

install() {
    apt-get update
    apt-get install -y --no-install-recommends "$@"
    rm -rf /var/lib/apt/lists/*
}

# nvcc and its headers, needed to compile only; torch's packages have the libraries, without the names that ld looks for
install_nvcc() {
    pip install --no-deps --require-hashes -r containers/cuda.txt
    CUDA_HOME=$(python -c 'import nvidia.cu13; print(nvidia.cu13.__path__[0])')
    export CUDA_HOME PATH="$CUDA_HOME/bin:$PATH"
    ln -sf libcudart.so.13 "$CUDA_HOME/lib/libcudart.so"
}

packages() {
    install python3 python3-dev python3-venv g++ ca-certificates
    python3 -m venv /opt/nuclei
    export PATH="/opt/nuclei/bin:$PATH" PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
    python tools/install_packages.py
    if [ "$1" = yes ]; then
        install_nvcc
    fi
    python tools/build_mmcv.py --cuda "$1" --install
    if [ "$1" = yes ]; then
        pip uninstall -y -r containers/cuda.txt
    fi
}

system() {
    install python3 git ca-certificates
    useradd --uid 1000 --create-home nuclei
    chmod 1777 /home/nuclei # a home for whatever user the container runs as
}

case $1 in
packages) packages "${2:-no}" ;;
system) system ;;
esac
