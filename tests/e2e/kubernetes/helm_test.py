"""The chart in a real API server that enforces Pod Security "restricted".

Needs MOEPLAN_HELM, MOEPLAN_KUBE_APISERVER and MOEPLAN_ETCD, the programs.
"""

import itertools
import json
import pathlib
import re
import shlex
import unittest

import api
import cluster as kubernetes
import release

HERE = pathlib.Path(__file__).resolve().parent
VALUES = HERE.parents[1] / "unit" / "deploy" / "helm" / "values_good"
CLAIM = "plan-moeplan-data"
# What value files name but the chart does not make.
AROUND = [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "monitoring"}},
    {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass",
     "metadata": {"name": "high"}, "value": 1000},
    {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass",
     "metadata": {"name": "gvisor"}, "handler": "runsc"},
    json.loads((HERE / "prometheus_rule.json").read_text()),
    json.loads((HERE / "service_monitor.json").read_text()),
]


class ClusterTestCase(unittest.TestCase):
    numbers = itertools.count(1)

    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.enterClassContext(kubernetes.Cluster())
        for item in AROUND:
            api.gently(cls.cluster.api.create(item))
        monitors = f"/apis/{AROUND[-1]['spec']['group']}/v1"
        api.wait("the operator's types", lambda: all(
            cls.cluster.api.call("GET", path).succeeded
            for path in (monitors, monitors + "/prometheusrules",
                         monitors + "/servicemonitors")))

    def namespace(self):
        """A new namespace, with the account that a controller would put there."""
        name = f"research-{next(self.numbers)}"
        for item in ({"kind": "Namespace", "metadata": {"name": name}},
                     {"kind": "ServiceAccount", "metadata": {"name": "default"}}):
            api.gently(self.cluster.api.create({"apiVersion": "v1", **item}, name))
        return name

    def release(self):
        return release.Release(self.cluster, self.namespace())

    def find(self, plan, kind, name="plan-moeplan"):
        version = {"Deployment": "apps/v1",
                   "NetworkPolicy": "networking.k8s.io/v1"}.get(kind, "v1")
        return self.cluster.api.find(version, kind, plan.namespace, name)

    def ports(self, plan, name="plan-moeplan"):
        held = self.find(plan, "Service", name)
        return [each["port"] for each in held["spec"]["ports"]]

    def names(self, items, namespace):
        return {(each["kind"], each["metadata"].get("namespace", namespace),
                 each["metadata"]["name"]) for each in items}

    def check_held(self, plan):
        """The cluster holds what the release consists of."""
        for wanted in plan.manifest():
            held = self.cluster.api.read(wanted, plan.namespace)
            self.assertEqual(list(api.missing(wanted, held)), [], wanted["kind"])

    def check_pods_admitted(self, plan):
        deployments = [self.cluster.api.read(each, plan.namespace)
                       for each in plan.manifest() if each["kind"] == "Deployment"]
        self.assertEqual(len(deployments), 1)
        jobs = [each for each in plan.manifest() if each["kind"] == "Job"]
        for pod in (*map(release.pod_of, deployments + jobs), *plan.hooks()):
            self.assertEqual(pod["kind"], "Pod")
            api.gently(self.cluster.api.create(pod, plan.namespace, dry_run=True))


class EachValuesTest(ClusterTestCase):
    """Every value file from rendering to uninstalling."""

    def one(self, path):
        plan = self.release()
        before = self.cluster.api.everything()
        wanted = plan.rendered("--values", path)
        for item in wanted:
            if item["kind"] != "Pod":  # its account is not there yet
                api.gently(self.cluster.api.create(item, plan.namespace, dry_run=True))
        status = plan.install("--values", path)["info"]["status"]
        self.assertEqual(status, "deployed")
        objects = self.names(plan.manifest(), plan.namespace)
        self.assertEqual(objects | self.names(plan.hooks(), plan.namespace),
                         self.names(wanted, plan.namespace))
        history = {("Secret", plan.namespace, "sh.helm.release.v1.plan.v1")}
        self.assertEqual(self.cluster.api.everything() - before, objects | history)
        self.check_held(plan)
        self.check_pods_admitted(plan)
        kept = self.names(filter(release.is_kept, plan.manifest()), plan.namespace)
        plan.uninstall()
        self.assertEqual(self.cluster.api.everything() - before, kept)
        return len(wanted), kept

    def test_each(self):
        paths = sorted(VALUES.glob("*.yaml"))
        self.assertGreaterEqual(len(paths), 12)
        count = 0
        for path in paths:
            with self.subTest(path.name):
                objects, kept = self.one(path)
                count += objects
                if path.stem in ("defaults", "placed"):
                    self.assertEqual({name for _, _, name in kept}, {CLAIM})
                if path.stem in ("own_claim", "existing_claim", "empty_dir"):
                    self.assertEqual(kept, set())
        print(f"{len(paths)} value files, {count} objects admitted")


class HistoryTest(ClusterTestCase):
    """One release through its life."""

    def threads(self, plan):
        return self.find(plan, "ConfigMap")["data"]["MOEPLAN_THREADS"]

    def checksum(self, plan):
        template = self.find(plan, "Deployment")["spec"]["template"]
        return template["metadata"]["annotations"]["checksum/config"]

    def listed(self, plan):
        return [(each["name"], each["revision"], each["status"])
                for each in plan.read("list")]

    def test_life(self):
        plan = self.release()
        self.assertEqual(plan.install("--set", "server.threads=2")["version"], 1)
        claim = self.find(plan, "PersistentVolumeClaim", CLAIM)["metadata"]["uid"]
        address = self.find(plan, "Service")["spec"]["clusterIP"]
        first = self.checksum(plan)
        self.assertEqual(self.threads(plan), "2")

        self.assertEqual(plan.upgrade(
            "--set", "server.threads=4,service.port=9000,metrics.enabled=false,"
            "networkPolicy.enabled=false")["version"], 2)
        self.assertEqual(self.threads(plan), "4")
        self.assertEqual(self.ports(plan), [9000])
        self.assertNotEqual(self.checksum(plan), first)
        with self.assertRaisesRegex(api.RefusedError, "404"):
            self.find(plan, "NetworkPolicy")
        self.check_held(plan)
        self.check_pods_admitted(plan)
        self.assertEqual(self.listed(plan), [("plan", "2", "deployed")])
        self.assertEqual(plan.read("get", "values", "plan")["server"], {"threads": 4})

        plan.helm("rollback", "plan", "1")
        self.assertEqual(self.threads(plan), "2")
        self.assertEqual(self.checksum(plan), first)
        self.assertEqual(self.ports(plan), [7600, 7601])
        self.find(plan, "NetworkPolicy")
        self.check_held(plan)
        self.assertEqual(plan.read("get", "values", "plan")["server"], {"threads": 2})
        self.assertEqual([each["status"] for each in plan.read("history", "plan")],
                         ["superseded", "superseded", "deployed"])
        self.assertEqual(self.find(plan, "Service")["spec"]["clusterIP"], address)
        self.assertEqual(self.find(plan, "PersistentVolumeClaim", CLAIM)
                         ["metadata"]["uid"], claim)

    def test_the_store_outlives_the_release(self):
        plan = self.release()
        plan.install()
        claim = self.find(plan, "PersistentVolumeClaim", CLAIM)["metadata"]["uid"]
        plan.uninstall()
        self.assertEqual(self.listed(plan), [])
        plan.install()
        plan.upgrade("--set", "persistence.annotations.backup=nightly")
        held = self.find(plan, "PersistentVolumeClaim", CLAIM)["metadata"]
        self.assertEqual(held["uid"], claim)
        self.assertEqual(held["annotations"]["backup"], "nightly")

    def test_from_each_values_to_each(self):
        """No upgrade changes what may not change, nor does the way back."""
        plan = self.release()
        plan.install()
        first = plan.manifest()
        before = self.cluster.api.everything()
        for path in sorted(VALUES.glob("*.yaml")):
            if path.stem == "own_claim":  # a claim cannot change its class
                continue
            with self.subTest(path.name):
                plan.upgrade("--values", path, "--history-max", 0)
                self.check_held(plan)
        plan.helm("rollback", "plan", 1)
        self.assertEqual(plan.manifest(), first)
        self.check_held(plan)
        changed = {each for each in before ^ self.cluster.api.everything()
                   if each[0] != "Secret"}
        # Other names of objects are other stores.
        self.assertEqual(changed, {
            ("PersistentVolumeClaim", plan.namespace, name + "-data")
            for name in ("planner", "plan-planner")})

    def test_refused_upgrade_changes_nothing(self):
        plan = self.release()
        plan.install()
        for values in ("replicaCount=2", "service.type=LoadBalancer"):
            with self.assertRaisesRegex(release.HelmError, r"SQLite|gRPC|plain text"):
                plan.upgrade("--set", values)
        self.assertEqual(self.listed(plan), [("plan", "1", "deployed")])
        self.assertEqual(self.find(plan, "Deployment")["metadata"]["generation"], 1)


class OneReleaseTest(ClusterTestCase):
    """Who may install, what is printed, and what `helm test` does."""

    def bind(self, namespace):
        # ClusterRole admin is the sum of these; the controller that adds them up
        # does not run.
        for part in ("admin", "edit", "view"):
            api.gently(self.cluster.api.create({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
                "metadata": {"name": part},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io",
                            "kind": "ClusterRole",
                            "name": f"system:aggregate-to-{part}"},
                "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User",
                              "name": kubernetes.RESEARCHER}]}, namespace))

    def test_rights_in_one_namespace_are_enough(self):
        plan = release.Release(self.cluster, self.namespace(),
                               user=kubernetes.RESEARCHER)
        with self.assertRaisesRegex(release.HelmError, "forbidden"):
            plan.install()
        self.bind(plan.namespace)
        plan.install()
        plan.upgrade("--set", "server.threads=3")
        plan.uninstall()

    def resolve(self, plan, command):
        """The program of a command whose objects are there."""
        words = shlex.split(command)
        if words[0] == "kubectl":
            self.assertEqual(words[1:3], ["--namespace", plan.namespace])
            for kind, name in re.findall(r"\b(deployment|service)/(\S+)", command):
                self.find(plan, kind.capitalize(), name)
            for here, there in re.findall(r"\b(\d+):(\d+)\b", command):
                self.assertEqual(here, there)
                self.assertIn(int(there), self.ports(plan, name))
        elif words[0] == "helm":
            self.assertEqual(words[1:3], ["test", plan.name])
            self.assertEqual(words[words.index("--namespace") + 1], plan.namespace)
            self.assertNotEqual(plan.hooks(), [])
        return words[0]

    def test_the_notes_name_what_exists(self):
        for values in ("service.port=7600",
                       "fullnameOverride=planner,service.port=9000"):
            plan = self.release()
            notes = plan.install("--set", values)["info"]["notes"]
            commands = re.findall(r"^  (\S.*)$", notes, re.MULTILINE)
            used = [self.resolve(plan, each) for each in commands]
            self.assertEqual(used, ["kubectl", "kubectl", "moeplan", "kubectl", "curl",
                                    "helm"])

    def run_test(self, phase):
        """`helm test`, with this test in the place of the kubelet."""
        plan = self.release()
        plan.install()
        running = plan.start("test", plan.name)
        self.addCleanup(running.kill)
        pod = plan.hooks()[0]
        path = self.cluster.api.path(pod, plan.namespace)
        api.wait("the pod of helm test",
                 lambda: self.cluster.api.call("GET", path).status == 200)
        api.gently(self.cluster.api.call(
            "PATCH", path + "/status", {"status": {"phase": phase}}, api.MERGE_PATCH))
        return plan.finish(running)

    def test_helm_test_succeeds(self):
        self.assertRegex(self.run_test("Succeeded"), r"Phase:\s+Succeeded")

    def test_helm_test_fails(self):
        with self.assertRaisesRegex(release.HelmError, "(?i)failed"):
            self.run_test("Failed")


if __name__ == "__main__":
    unittest.main()
