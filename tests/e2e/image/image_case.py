"""What the tests of all images share: each builds its image once, from a clean
copy, looks into it, and runs it.

As root, with Debian's buildah and debootstrap; a missing program is an error. An
image runs on a read-only root, as the user of its configuration, without
capabilities, as PID 1 of its own network, and finds no shell (container.py).
"""

import os
import pathlib
import re
import subprocess
import tempfile
import time
import unittest

import engine
from container import Container

USER = 65532
# What an unbroken build leaves nothing of.
LEFTOVERS = ["src", "out", "usr/bin/g++", "usr/bin/cmake", "usr/bin/git",
             "root/.cache", "run/packages/names", *engine.CACHES]


def project_version():
    text = (engine.ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    return re.search(r"project\(moeplan VERSION (\S+)", text).group(1)


class ImageTestCase(unittest.TestCase):
    """Builds the image once for all classes of a file."""

    # Of the image in the storage.
    name = ""
    # For deploy/docker/build.
    arguments = ()

    built = None
    revision = ""
    created_s = 0

    @classmethod
    def setUpClass(cls):
        if ImageTestCase.built is None:
            ImageTestCase.built = ()  # not once more where it fails
            engine.require_root_and_programs()
            engine.prepare_storage()
            engine.make_base()
            # Asked once: somebody may commit while the image is built.
            ImageTestCase.revision, created = engine.run(
                "git", "-C", str(engine.ROOT), "log", "-1",
                "--format=%H %ct").split()
            ImageTestCase.created_s = int(created)
            unittest.addModuleCleanup(engine.remove_containers)
            cls.prepare_build()
            seconds = engine.build_image(cls.name, cls.arguments, cls.revision,
                                         cls.created_s)
            print(f"build: {seconds:.0f} s", flush=True)
            ImageTestCase.built = (engine.configuration(cls.name),
                                   engine.mounted_image(cls.name))
        if not ImageTestCase.built:
            raise RuntimeError("the image is not built, see above")
        cls.configuration, cls.root = ImageTestCase.built

    @classmethod
    def prepare_build(cls):
        """Makes what the arguments name."""

    def assert_layers_within(self, most_mb):
        added_mb, download_mb = (
            size / 1e6 for size in engine.added_layers_bytes(self.name))
        print(f"layers over the base: {added_mb:.1f} MB, compressed "
              f"{download_mb:.1f} MB", flush=True)
        self.assertLessEqual(added_mb, most_mb)

    def assert_labels(self, title):
        """The labels say what it is and where it comes from."""
        prefix = "org.opencontainers.image."
        labels = {name.removeprefix(prefix): value
                  for name, value in self.configuration["Labels"].items()
                  if name.startswith(prefix)}
        self.assertEqual(labels["title"], title)
        self.assertEqual(labels["version"], project_version())
        self.assertEqual(labels["revision"], self.revision)
        self.assertEqual(labels["licenses"], "Apache-2.0")
        self.assertEqual(labels["base.name"], "debian:bookworm-slim")
        created = time.strftime("%Y-%m-%dT%H:%M:%SZ",
                                time.gmtime(self.created_s))
        self.assertEqual(labels["created"], created)
        self.assertTrue(labels["description"])
        self.assertTrue(labels["source"])

    def assert_nothing_left_behind(self, *programs):
        """Neither of the build in the image nor of symbols in its programs."""
        found = [path for pattern in LEFTOVERS
                 for path in self.root.glob(pattern)]
        self.assertEqual(found, [])
        for program in programs:
            sections = engine.run("readelf", "--section-headers", "--wide",
                                  str(self.root / "usr/bin" / program))
            self.assertNotIn(".symtab", sections)

    def assert_licensed(self):
        self.assertTrue((self.root / "usr/share/doc/moeplan/copyright")
                        .read_text().lstrip().startswith("Apache License"))


class RunningTestCase(ImageTestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="moeplan-image-")
        self.addCleanup(folder.cleanup)
        os.chmod(folder.name, 0o755)
        self.data = next(iter(self.configuration["Volumes"]))
        # As an engine makes a new named volume: like the folder in the image.
        self.volume = pathlib.Path(folder.name) / "volume"
        self.volume.mkdir()
        subprocess.run(["cp", "--archive", "--no-target-directory",
                        self.root / self.data.lstrip("/"), self.volume],
                       check=True)

    def start(self, **keywords):
        container = Container(self.root, self.configuration, self.volume,
                              **keywords)
        self.addCleanup(container.kill)
        return container

    def assert_without_rights(self, container):
        """An ordinary user without capabilities, on a read-only root."""
        status = container.status()
        self.assertEqual(set(status["Uid"].split()), {str(USER)})
        self.assertEqual(set(status["Gid"].split()), {str(USER)})
        self.assertEqual(status["Groups"].split(), [])
        for field in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
            self.assertEqual(int(status[field], 16), 0, field)
        self.assertEqual(status["NoNewPrivs"], "1")
        self.assertEqual(status["NSpid"].split()[-1], "1")
        mounts = container.mount_options()
        self.assertIn("ro", mounts["/"])
        self.assertIn("rw", mounts[self.data])
        self.assertEqual(
            container.execute("/usr/bin/sh", "-c", "true").returncode, 126)
