"""The package installs as a user installs it, and its types hold."""

import pathlib
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
PACKAGE = ROOT / "client" / "python"


def run(*arguments, folder=ROOT):
    return subprocess.run([sys.executable, *map(str, arguments)], cwd=folder,
                          capture_output=True, text=True, timeout=300, check=False)


def files():
    return {path for path in PACKAGE.rglob("*") if "__pycache__" not in path.parts}


class InstallTest(unittest.TestCase):
    def test_1_pip_installs_it_and_leaves_the_checkout_as_it_was(self):
        before = files()
        # The tools of this environment stand in for those that pip would fetch.
        done = run("-m", "pip", "install", "--quiet", "--no-deps",
                   "--no-build-isolation", "--disable-pip-version-check",
                   "--force-reinstall", "--root-user-action=ignore", PACKAGE)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(files(), before)

    def test_2_it_comes_with_stubs_and_types(self):
        code = ("import pathlib, moeplan; from moeplan.v1 import planner_pb2_grpc;"
                "print(pathlib.Path(moeplan.__file__).parent)")
        done = run("-c", code, folder="/")
        self.assertEqual(done.returncode, 0, done.stderr)
        installed = pathlib.Path(done.stdout.strip())
        self.assertNotIn(ROOT / "client", installed.parents)
        self.assertTrue((installed / "py.typed").exists())
        self.assertTrue((installed / "v1" / "plan_pb2.pyi").exists())

    def test_3_its_types_hold(self):
        done = run("-m", "mypy", "--cache-dir", ROOT / "build" / "mypy",
                   folder=PACKAGE)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_4_its_version_is_the_projects(self):
        cmake = (ROOT / "CMakeLists.txt").read_text()
        done = run("-m", "pip", "show", "moeplan")
        version = done.stdout.split("Version: ")[1].split()[0]
        self.assertIn(f"project(moeplan VERSION {version} ", cmake)


if __name__ == "__main__":
    unittest.main()
