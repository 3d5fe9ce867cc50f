"""A stand-in for apptainer: `exec` in an image that is a folder, by chroot, with the environment of nuclei.def."""

import argparse
import os
import sys

from chroot import SYSTEM_PATH
from definitions import apptainer_stages

ENTER = 'mount --bind "$1" "$2$1" && exec chroot "$2" env -i HOME="$1" PATH="$3" sh -c "$4"' + ' apptainer "$@"'


def main():
    if sys.argv[1:] == ["--version"]:
        print("apptainer version 1.4.2")
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("exec", choices=["exec"])
    parser.add_argument("--home", required=True)
    parser.add_argument("image")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    image = os.path.realpath(args.image)
    os.makedirs(image + args.home, exist_ok=True)
    (start,) = apptainer_stages()[-1]["sections"]["environment"]
    inside = f'{start}; cd "$1"; shift 4; exec "$@"'
    command = ["sh", "-c", ENTER, "enter", args.home, image, SYSTEM_PATH, inside, *args.command]
    os.execvp("unshare", ["unshare", "--mount", *command])


if __name__ == "__main__":
    main()
