"""Builds images with buildah, without a container engine or a registry.

The bases are a Debian that debootstrap makes once, under the names that FROM
resolves to. Everything lies in MOEPLAN_IMAGE_CACHE (build/image): the base stays
for the next run, and so does the compiler's cache, which buildah keeps.
"""

import gzip
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
CACHE = pathlib.Path(os.environ.get("MOEPLAN_IMAGE_CACHE",
                                    ROOT / "build" / "image")).resolve()
PROGRAMS = {"buildah": "buildah", "debootstrap": "debootstrap", "git": "git",
            "ip": "iproute2", "nsenter": "util-linux", "readelf": "binutils",
            "setpriv": "util-linux", "unshare": "util-linux"}
BASES = ["docker.io/library/debian:bookworm",
         "docker.io/library/debian:bookworm-slim"]
APT_SOURCES = """deb http://deb.debian.org/debian bookworm main
deb http://deb.debian.org/debian bookworm-updates main
deb http://deb.debian.org/debian-security bookworm-security main
"""
# What Debian's images have nothing of, and images of ours neither.
CACHES = ["var/lib/apt/lists/*", "var/cache/apt/archives/*.deb", "var/log/apt",
          "var/log/*.log", "var/cache/ldconfig/aux-cache"]
BUILD_LIMIT_S = 3600


def require_root_and_programs():
    if os.getuid() != 0:
        raise RuntimeError("tests of images mount and chroot: run them as root")
    missing = {package for program, package in PROGRAMS.items()
               if shutil.which(program) is None}
    if missing:
        raise RuntimeError("apt-get install " + " ".join(sorted(missing)))


def run(*command, **keywords):
    """The output of a command that succeeds."""
    done = subprocess.run(command, capture_output=True, text=True, check=False,
                          env=environment(), **keywords)
    if done.returncode != 0:
        raise RuntimeError(f"{command} ended with {done.returncode}:\n"
                           f"{done.stdout[-4000:]}{done.stderr[-4000:]}")
    return done.stdout.strip()


def environment():
    return dict(os.environ, BUILDAH_ISOLATION="chroot",
                CONTAINERS_STORAGE_CONF=str(CACHE / "storage.conf"))


def prepare_storage():
    CACHE.mkdir(parents=True, exist_ok=True)
    (CACHE / "storage.conf").write_text(
        f'[storage]\ndriver = "vfs"\ngraphroot = "{CACHE}/storage"\n'
        f'runroot = "{CACHE}/run"\n')


def make_base():
    """Debian 12 under both names of the bases, bootstrapped if not there."""
    names = json.loads(run("buildah", "images", "--json") or "[]")
    known = {name for image in names for name in image.get("names") or []}
    if known.issuperset(BASES):
        return
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        root = pathlib.Path(folder) / "rootfs"
        run("debootstrap", "--variant=minbase", "bookworm", str(root),
            "http://deb.debian.org/debian", timeout=BUILD_LIMIT_S)
        (root / "etc/apt/sources.list").write_text(APT_SOURCES)
        run("rm", "-rf", *(str(path) for pattern in CACHES
                           for path in root.glob(pattern)))
        container = run("buildah", "from", "scratch")
        run("buildah", "add", "--quiet", container, str(root), "/")
    run("buildah", "commit", "--quiet", "--rm", container, BASES[0])
    run("buildah", "tag", *BASES)


def copy_sources(folder):
    """What a clean clone would hold, with the changes of the working tree."""
    listed = run("git", "-C", str(ROOT), "ls-files", "-z", "--cached",
                 "--others", "--exclude-standard")
    for name in listed.rstrip("\0").split("\0"):
        source, target = ROOT / name, folder / name
        if source.exists():  # not deleted in the working tree
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)


def build_image(name, arguments, revision, epoch_s):
    """Builds the image from a clean copy by deploy/docker/build with these
    arguments; seconds taken."""
    remove_containers()
    began = time.monotonic()
    log_path = CACHE / f"{name.rpartition('/')[2]}.log"
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        sources = pathlib.Path(folder)
        copy_sources(sources)
        env = dict(environment(), MOEPLAN_ENGINE="buildah",
                   MOEPLAN_IMAGE=name, MOEPLAN_SOURCE_REVISION=revision,
                   SOURCE_DATE_EPOCH=str(epoch_s))
        with open(log_path, "w", encoding="utf-8") as log:
            done = subprocess.run(
                [sources / "deploy/docker/build", *arguments, "--pull-never"],
                env=env, stdout=log, stderr=subprocess.STDOUT,
                timeout=BUILD_LIMIT_S, check=False)
    if done.returncode != 0:
        text = log_path.read_text(errors="replace")
        raise RuntimeError(f"the build failed:\n{text[-6000:]}")
    # vfs copies whole layers: what this build replaced is large.
    run("buildah", "rmi", "--prune")
    return time.monotonic() - began


def remove_containers():
    """Those of a run that was cut off; nobody else uses this storage."""
    run("buildah", "rm", "--all")


def configuration(name):
    """An image's configuration as an engine reads it."""
    inspected = json.loads(run("buildah", "inspect", "--type", "image", name))
    return inspected["Docker"]["config"]


def pushed_layers(name, folder):
    """The files of an image's layers as a registry gets them, compressed."""
    target = folder / name.replace("/", "-")
    run("buildah", "push", "--quiet", name, f"dir:{target}")
    manifest = json.loads((target / "manifest.json").read_text())
    return [target / layer["digest"].split(":")[1]
            for layer in manifest["layers"]]


def added_layers_bytes(name):
    """(on disk, to download) of an image's layers over the base."""
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        base = pushed_layers(BASES[1], pathlib.Path(folder))
        image = pushed_layers(name, pathlib.Path(folder))
        shared, added = image[:len(base)], image[len(base):]
        assert [layer.name for layer in shared] == \
            [layer.name for layer in base], (base, image)
        unpacked_bytes = 0
        for layer in added:
            with gzip.open(layer) as archive:
                while chunk := archive.read(1 << 20):
                    unpacked_bytes += len(chunk)
        return unpacked_bytes, sum(layer.stat().st_size for layer in added)


def mounted_image(name):
    """Folder of the root of a container of the image."""
    container = run("buildah", "from", "--pull-never", name)
    return pathlib.Path(run("buildah", "mount", container))
