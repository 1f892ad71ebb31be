"""One release of the chart, by a real Helm in a real cluster."""

import copy
import json
import os
import pathlib
import re
import subprocess

import yaml

import cluster as kubernetes

CHART = pathlib.Path(__file__).resolve().parents[3] / "deploy" / "helm" / "moeplan"
NAME = "plan"


def pod_of(owner):
    """The pod that the controller of a Deployment or Job would make."""
    template = copy.deepcopy(owner["spec"]["template"])
    template["metadata"]["name"] = "of-the-template"
    return {"apiVersion": "v1", "kind": "Pod", **template}


def is_kept(item):
    """Whether the object outlives the release."""
    annotations = item["metadata"].get("annotations", {})
    return annotations.get("helm.sh/resource-policy") == "keep"


class StrictLoader(yaml.SafeLoader):
    """Refuses a key that stands twice, of which YAML's readers take the last."""

    def construct_mapping(self, node, deep=False):
        made = super().construct_mapping(node, deep)
        if len(made) != len(node.value):
            raise yaml.constructor.ConstructorError(
                None, None, "a key stands twice", node.start_mark)
        return made


def objects(text):
    return [each for each in yaml.load_all(text, StrictLoader) if each]


class HelmError(Exception):
    """Helm failed; the message is what it said."""


class Release:
    def __init__(self, cluster, namespace, name=NAME, user=kubernetes.ADMIN):
        self.namespace = namespace
        self._user = user
        self.name = name
        self._helm = kubernetes.program("MOEPLAN_HELM")
        self._environment = {"PATH": os.environ["PATH"], "HOME": str(cluster.folder),
                             "KUBECONFIG": str(cluster.kubeconfig)}

    def start(self, *arguments):
        """Helm in the namespace of the release, still running."""
        return subprocess.Popen(
            [self._helm, "--namespace", self.namespace, "--kube-context", self._user,
             *map(str, arguments)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, env=self._environment)

    def finish(self, process):
        """What Helm printed; a warning, the server's too, is an error."""
        try:
            said, complained = process.communicate(timeout=120)
        finally:
            process.kill()
        if process.returncode != 0 or re.search("(?i)warn", complained):
            raise HelmError(f"{process.args}: {process.returncode}\n"
                            f"{said}{complained}")
        return said

    def helm(self, *arguments):
        return self.finish(self.start(*arguments))

    def read(self, *arguments):
        return json.loads(self.helm(*arguments, "--output", "json"))

    def install(self, *arguments):
        return self.read("install", self.name, CHART, *arguments)

    def upgrade(self, *arguments):
        return self.read("upgrade", self.name, CHART, *arguments)

    def uninstall(self):
        return self.helm("uninstall", self.name)

    def rendered(self, *arguments):
        """The objects, hooks too, for what this server can do; nothing is made."""
        return self._objects("template", self.name, CHART, "--validate", *arguments)

    def manifest(self, *arguments):
        """The objects that the release in the cluster consists of."""
        return self._objects("get", "manifest", self.name, *arguments)

    def hooks(self):
        return self._objects("get", "hooks", self.name)

    def _objects(self, *arguments):
        return objects(self.helm(*arguments))
