#!/usr/bin/env python3
"""Runs a command that links a program, with archives for shared libraries.

link_static.py COMPILER ARGUMENT...: each shared library of the command, named by
its path or by -l, is replaced by the archive of its name; glibc stays shared. A
library without an archive is left out: what the program needs of it, the linker
then reports as undefined. The program is stripped.
"""

import pathlib
import re
import subprocess
import sys

# Parts of glibc. dlopen, which loads the libraries of the device, works only in
# programs that share it.
SHARED = {"-lc", "-ldl", "-lm", "-lpthread", "-lrt", "-pthread"}
SHARED_LIBRARY = re.compile(r"(?P<stem>.*/lib[^/]*?)\.so(\.[0-9.]+)?$")


def archive_of(compiler: str, argument: str) -> str | None:
    """The archive in place of a library; empty where there is none."""
    if argument.startswith("-l"):
        name = f"lib{argument[2:]}.a"
        path = subprocess.run([compiler, f"-print-file-name={name}"], check=True,
                              capture_output=True, text=True).stdout.strip()
        return path if path != name else ""
    if match := SHARED_LIBRARY.match(argument):
        path = match["stem"] + ".a"
        return path if pathlib.Path(path).exists() else ""
    return argument if argument.endswith(".a") else None


def main() -> int:
    compiler, *arguments = sys.argv[1:]
    others, archives, shared = [], [], []
    for argument in arguments:
        if argument in SHARED:
            shared.append(argument)
        elif (archive := archive_of(compiler, argument)) is None:
            others.append(argument)
        elif archive and archive not in archives:
            archives.append(archive)
    return subprocess.run(
        [compiler, *others, "-s", "-static-libstdc++", "-static-libgcc",
         "-Wl,--start-group", *archives, "-Wl,--end-group",
         *dict.fromkeys(shared)], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
