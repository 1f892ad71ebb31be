"""Generates the stubs of moeplan.v1 from the repository's protos at build time.

Everything else stands in pyproject.toml. The stubs are never committed: they
come from ../../proto, or from proto/ in a source distribution.
"""

import atexit
import importlib.metadata
import pathlib
import re
import shutil
import tempfile

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

HERE = pathlib.Path(__file__).resolve().parent
PACKAGE = "moeplan/v1"


def proto_root() -> pathlib.Path:
    """The folder that holds moeplan/v1/*.proto."""
    candidates = [HERE / "proto", HERE.parents[1] / "proto"]
    for root in candidates:
        if (root / PACKAGE / "planner.proto").is_file():
            return root
    raise SystemExit(
        "moeplan: the protos are missing, looked for moeplan/v1/planner.proto in "
        + " and ".join(map(str, candidates))
        + "; install from a checkout of the repository (pip install "
        "./client/python) or from a source distribution")


def generate(target: pathlib.Path) -> None:
    """Writes the modules and type stubs of moeplan.v1 under `target`."""
    import grpc_tools
    from grpc_tools import protoc

    root = proto_root()
    protos = sorted(str(path) for path in (root / PACKAGE).glob("*.proto"))
    well_known = pathlib.Path(grpc_tools.__file__).parent / "_proto"
    target.mkdir(parents=True, exist_ok=True)
    status = protoc.main([
        "protoc", f"-I{root}", f"-I{well_known}", f"--python_out={target}",
        f"--pyi_out={target}", f"--grpc_python_out={target}", *protos])
    if status != 0:
        raise SystemExit(f"moeplan: protoc ended with {status}")
    (target / PACKAGE / "__init__.py").write_text(
        '"""Generated from proto/moeplan/v1. Do not edit."""\n')


def generated_version() -> str:
    """The protobuf version of the code that the installed tools generate."""
    with tempfile.TemporaryDirectory() as folder:
        generate(pathlib.Path(folder))
        text = (pathlib.Path(folder) / PACKAGE / "law_pb2.py").read_text()
    # Written since 5.26; older generated code runs from 4.25 on.
    match = re.search(r"Protobuf Python Version: ([0-9.]+)", text)
    return match.group(1) if match else "4.25.0"


def runtime_requirements() -> list:
    """Generated code refuses runtimes older than the tools that made it, and
    protobuf supports code of its own and of the previous major version."""
    tools = importlib.metadata.version("grpcio-tools")
    protobuf = generated_version()
    next_major = int(protobuf.split(".")[0]) + 2
    return [f"grpcio>={tools}", f"protobuf>={protobuf},<{next_major}",
            "numpy>=1.21", "pandas>=1.4", "tqdm>=4.60"]


class BuildPy(build_py):
    """build_py, and the stubs beside the modules."""

    def run(self):
        super().run()
        generate(HERE / "src" if self.editable_mode else pathlib.Path(self.build_lib))


class Sdist(sdist):
    """sdist with a copy of the protos, which lie outside of this folder."""

    def make_release_tree(self, base_dir, files):
        super().make_release_tree(base_dir, files)
        target = pathlib.Path(base_dir) / "proto" / PACKAGE
        target.mkdir(parents=True, exist_ok=True)
        for path in sorted((proto_root() / PACKAGE).glob("*.proto")):
            shutil.copy(path, target / path.name)


# pip builds in this folder: what it makes on the way goes elsewhere, so that
# the checkout stays clean.
SCRATCH = tempfile.mkdtemp(prefix="moeplan-build-")
atexit.register(shutil.rmtree, SCRATCH, ignore_errors=True)
setup(
    install_requires=runtime_requirements(),
    cmdclass={"build_py": BuildPy, "sdist": Sdist},
    options={"build": {"build_base": SCRATCH}, "egg_info": {"egg_base": SCRATCH}},
)
