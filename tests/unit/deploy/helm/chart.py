"""Renders the chart with a real Helm, for the tests of this folder."""

import os
import pathlib
import shutil
import subprocess

import yaml

HERE = pathlib.Path(__file__).resolve().parent
CHART = HERE.parents[3] / "deploy" / "helm" / "moeplan"
HELM = os.environ.get("MOEPLAN_HELM") or shutil.which("helm")
if not HELM:
    raise SystemExit("no Helm: set MOEPLAN_HELM to its path, or put helm on PATH")
# Helm 3.10 thinks offline of Kubernetes 1.25, which the chart does not admit.
KUBERNETES = "1.31.0"


def helm(*arguments):
    """Runs Helm without the user's settings."""
    return subprocess.run(
        [HELM, *map(str, arguments)], text=True, capture_output=True, timeout=60,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"}, check=False)


def template(*arguments, chart=CHART, release="plan", version=KUBERNETES):
    return helm("template", release, chart, "--namespace", "ml",
                "--kube-version", version, *arguments)


def objects(*arguments, **settings):
    """The rendered objects, or an error with what Helm said."""
    done = template(*arguments, **settings)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return [each for each in yaml.safe_load_all(done.stdout) if each]


def find(rendered, kind, name=None):
    """The one object of a kind, and of a name where one is given."""
    found = [each for each in rendered if each["kind"] == kind
             and name in (None, each["metadata"]["name"])]
    if len(found) != 1:
        raise AssertionError(f"{len(found)} objects {kind} {name or ''}")
    return found[0]


def kinds(rendered):
    return {each["kind"] for each in rendered}


def pod_of(rendered):
    return find(rendered, "Deployment")["spec"]["template"]


def server_of(rendered):
    return pod_of(rendered)["spec"]["containers"][0]


def values(folder):
    """The value files of a folder."""
    return sorted((HERE / folder).glob("*.yaml"))
