#!/usr/bin/env python3
"""The worker's image: built from a clean copy, looked into, and run on a node
without a GPU.

Some minutes, and 6 GB at most in MOEPLAN_IMAGE_CACHE (build/image), of which the
next run finds the base. The CUDA that scripts/setup has put here is given to the
build, which would else download it again.
"""

import json
import pathlib
import re
import shlex
import shutil
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import engine  # noqa: E402
from image_case import (ImageTestCase, RunningTestCase, USER,  # noqa: E402
                        project_version)

MAX_ADDED_MB = 75
# One case may be under way when it is asked to stop.
STOP_GRACE_S = 10
DATA = "/var/lib/moeplan-worker"
PROGRAM = "/usr/bin/moeplan-worker"
LIBRARIES = "/usr/lib/moeplan-worker"
BUILD_BASE = "localhost/moeplan-worker-image-build"
README = engine.ROOT / "deploy" / "docker" / "README.md"


def suite_text(protocol, sizes):
    """A suite of products of these sizes and a copy."""
    products = [{"operation": {"kind": "gemm", "m": size, "n": size, "k": size},
                 "ceiling": size == sizes[0]} for size in sizes]
    copy = {"operation": {"kind": "copy", "bytes": 1 << 20}, "ceiling": True}
    return json.dumps({"protocol": protocol, "cases": [*products, copy]})


def documented_run():
    """(options, image, arguments) of `docker run` in the README's section."""
    text = README.read_text("utf-8").split("## The worker's image", 1)[1]
    command = re.search(r"docker run ((?:.*\\\n)*.*)", text)[1]
    words = shlex.split(command.replace("\\\n", " "))
    image = next(index for index, word in enumerate(words)
                 if word.startswith("moeplan-worker:"))
    return words[:image], words[image], words[image + 1:]


class WorkerImage:
    name = "localhost/moeplan-worker-image-test"
    arguments = ("worker", "--build-arg", f"BUILD_BASE={BUILD_BASE}")

    @classmethod
    def prepare_build(cls):
        """Debian with this machine's CUDA, as far as there is one, and with the
        certificates that a download would need here."""
        container = engine.run("buildah", "from", "--pull-never",
                               engine.BASES[0])
        root = pathlib.Path(engine.run("buildah", "mount", container))
        for source, target in [
                *((path, "src/build/tools") for path in
                  (engine.ROOT / "build" / "tools").glob("cud*")),
                (pathlib.Path("/usr/local/share/ca-certificates"),
                 "usr/local/share")]:
            if source.exists():
                (root / target).mkdir(parents=True, exist_ok=True)
                engine.run("cp", "--archive", str(source), str(root / target))
        engine.run("buildah", "commit", "--quiet", "--rm", container,
                   BUILD_BASE)
        unittest.addModuleCleanup(engine.run, "buildah", "rmi", BUILD_BASE)


class ContentsTest(WorkerImage, ImageTestCase):

    def test_layers_over_the_base_are_small(self):
        self.assert_layers_within(MAX_ADDED_MB)

    def test_it_runs_our_program_as_an_ordinary_user(self):
        self.assertEqual(self.configuration["User"], f"{USER}:{USER}")
        self.assertEqual(self.configuration["Entrypoint"], [PROGRAM])
        self.assertEqual(self.configuration["Cmd"], ["--help"])
        self.assertEqual(self.configuration["WorkingDir"], DATA)
        self.assertEqual(list(self.configuration["Volumes"]), [DATA])
        self.assertFalse(self.configuration.get("ExposedPorts"))
        folder = (self.root / DATA.lstrip("/")).stat()
        self.assertEqual((folder.st_uid, folder.st_gid), (USER, USER))
        self.assertEqual(folder.st_mode & 0o7777, 0o750)

    def test_it_asks_the_node_for_what_measuring_takes(self):
        environment = dict(each.split("=", 1)
                           for each in self.configuration["Env"])
        # An empty folder in the path would be the working directory.
        self.assertEqual(environment["LD_LIBRARY_PATH"],
                         f"{LIBRARIES}:/usr/local/nvidia/lib64")
        self.assertEqual(environment["NVIDIA_DRIVER_CAPABILITIES"],
                         "compute,utility")
        self.assertEqual(environment["CUDA_CACHE_PATH"], "/tmp/cuda")

    def test_its_labels_say_what_it_is_and_where_it_comes_from(self):
        self.assert_labels("moeplan-worker")
        self.assert_licensed()
        # Those of the libraries that go along.
        for package in ("libdnnl2", "libgomp1", "ocl-icd-libopencl1"):
            document = self.root / f"usr/share/doc/moeplan/{package}.copyright"
            self.assertIn("opyright", document.read_text(encoding="utf-8"))

    def test_the_build_leaves_nothing_behind(self):
        self.assert_nothing_left_behind("moeplan-worker")
        for pattern in ("**/nvcc", "**/libcublas*", "**/*.a"):
            self.assertEqual(list((self.root / "usr").glob(pattern)), [])


class RunningTest(WorkerImage, RunningTestCase):

    def write_suite(self, *arguments):
        (self.volume / "tiny.json").write_text(suite_text(*arguments),
                                               encoding="utf-8")

    def lines(self):
        text = (self.volume / "moeplan-tiny-cpu.jsonl").read_text("utf-8")
        return [json.loads(line) for line in text.splitlines()
                if line.endswith("}")]

    def start_worker(self, *arguments, **keywords):
        return self.start(command=[*self.configuration["Entrypoint"],
                                   *arguments], **keywords)

    def output(self, container, code=0, limit_s=120):
        """What a container says that ends with this code."""
        self.assertEqual(container.process.wait(timeout=limit_s), code,
                         container.log())
        return container.log()

    def test_it_explains_itself_unless_told_otherwise(self):
        text = self.output(self.start())
        self.assertIn("moeplan-worker run", text)

    def test_it_says_its_version(self):
        text = self.output(self.start_worker("--version"))
        self.assertIn(project_version(), text)

    def test_its_cases_are_listed_without_measuring(self):
        for arguments in ([], ["--device", "cuda", "--suite", "standard"]):
            with self.subTest(arguments=arguments):
                text = self.output(
                    self.start_worker("run", *arguments, "--list"))
                self.assertRegex(text, r"\n\d+ cases, some \d+ s; suite \w+\n$")
        self.assertEqual(list(self.volume.iterdir()), [])

    def test_its_libraries_find_what_they_want(self):
        for library in (self.root / LIBRARIES.lstrip("/")).iterdir():
            text = self.output(self.start(command=[
                "/lib64/ld-linux-x86-64.so.2", "--list",
                f"{LIBRARIES}/{library.name}"]))
            self.assertIn("libc.so.6", text)
            self.assertNotIn("not found", text)

    def test_it_measures_a_processor(self):
        self.write_suite("smoke", [64, 96])
        text = self.output(
            self.start_worker("run", "--suite", "tiny.json", "--device", "cpu"))
        self.assertIn("kept: moeplan-tiny-cpu.jsonl", text)
        owner = (self.volume / "moeplan-tiny-cpu.jsonl").stat().st_uid
        self.assertEqual(owner, USER)
        header, *measured, end = self.lines()
        self.assertEqual(header["software"]["worker_revision"],
                         self.revision[:12])
        self.assertEqual(end["type"], "end")
        # Products take the image's oneDNN, whatever others leave of the time.
        for line in measured:
            self.assertIn(line["disposition"],
                          ("passed", "contended", "no_samples"), line)
            self.assertRegex(line["backend"],
                             "onednn" if line["operation"]["kind"] == "gemm"
                             else "memcpy")

    def test_a_stopped_run_goes_on_in_another_container(self):
        self.write_suite("standard", list(range(64, 704, 32)))
        first = self.start_worker("run", "--suite", "tiny.json")
        deadline = time.monotonic() + 60
        while not (self.volume / "moeplan-tiny-cpu.jsonl").exists():
            self.assertIsNone(first.process.poll(), first.log())
            self.assertLess(time.monotonic(), deadline, first.log())
            time.sleep(0.05)  # between two looks
        self.assert_without_rights(first)
        while len(self.lines()) < 3:
            self.assertIsNone(first.process.poll(), first.log())
            self.assertLess(time.monotonic(), deadline, first.log())
            time.sleep(0.05)  # between two looks
        code, seconds = first.stop(STOP_GRACE_S)
        self.assertEqual(code, 7, first.log())
        print(f"stopped in {seconds:.1f} s", flush=True)
        second = self.start_worker("run", "--suite", "tiny.json")
        text = self.output(second)
        self.assertRegex(text, r"\d+ of 21 cases are measured already")
        self.assertEqual(self.lines()[-1]["type"], "end")

    def test_the_documented_command_ends_plainly_without_a_driver(self):
        options, image, arguments = documented_run()
        self.assertEqual(image, f"moeplan-worker:{project_version()}")
        # All but the GPU is what the container has here.
        for words in (["--gpus", "1"], ["--read-only"], ["--tmpfs", "/tmp"],
                      ["--cap-drop", "ALL"],
                      ["--security-opt", "no-new-privileges"],
                      ["--volume", f"measured:{DATA}"], ["--rm"]):
            place = options.index(words[0])
            self.assertEqual(options[place:place + len(words)], words)
            del options[place:place + len(words)]
        self.assertEqual(options, [])
        self.output(self.start_worker(*arguments, "--list"))
        self.assert_ends_without_a_driver(arguments, tmpfs="/tmp")

    def test_a_numbered_device_ends_plainly_without_a_driver(self):
        self.assert_ends_without_a_driver(["run", "--device", "cuda:0"])

    def assert_ends_without_a_driver(self, arguments, **keywords):
        began = time.monotonic()
        container = self.start_worker(*arguments, **keywords)
        text = self.output(container, code=6)
        self.assertLess(time.monotonic() - began, 10)
        self.assertIn("no NVIDIA driver is installed", text.splitlines()[-1])
        self.assertEqual(list(self.volume.iterdir()), [])

    def test_a_volume_of_another_user_is_refused_with_a_reason(self):
        shutil.chown(self.volume, 0, 0)
        self.volume.chmod(0o755)
        text = self.output(self.start_worker("run", "--device", "fake"), code=8)
        self.assertIn("moeplan-smoke-fake.jsonl", text)


if __name__ == "__main__":
    unittest.main()
