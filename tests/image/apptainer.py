"""A stand-in for apptainer: `exec` in an image that is a folder, by chroot, with the environment of nuclei.def."""

import argparse
import os
import sys
from shlex import quote

from chroot import SYSTEM_PATH
from definitions import apptainer_stages


def main():
    if sys.argv[1:] == ["--version"]:
        print("apptainer version 1.4.2")
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("exec", choices=["exec"])
    parser.add_argument("--home", required=True)
    parser.add_argument("--bind", action="append", default=[])
    parser.add_argument("image")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    image, mounts = os.path.realpath(args.image), []
    for path in [args.home, *args.bind]:
        os.makedirs(image + path, exist_ok=True)
        mounts.append(f"mount --bind {quote(path)} {quote(image + path)}")
    (start,) = apptainer_stages()[-1]["sections"]["environment"]
    inside = ["env", "-i", f"HOME={args.home}", f"PATH={SYSTEM_PATH}", "sh", "-c",
              f'{start}; cd {quote(args.home)}; exec "$@"', "apptainer", *args.command]  # fmt: skip
    enter = f'{" && ".join(mounts)} && exec chroot "$@"'
    os.execvp("unshare", ["unshare", "--mount", "sh", "-c", enter, "unshare", image, *inside])


if __name__ == "__main__":
    main()
