"""The API server of these tests refuses what it should, so that a pass says something.

Needs MOEPLAN_HELM, MOEPLAN_KUBE_APISERVER and MOEPLAN_ETCD, the programs.
"""

import copy
import unittest

import yaml

import api
import cluster as kubernetes
import release


# What each change of the chart's own pod is refused for.
FAULTS = {
    "privileged": lambda _, own: own.update(privileged=True,
                                            allowPrivilegeEscalation=True),
    "allowPrivilegeEscalation != false":
        lambda _, own: own.pop("allowPrivilegeEscalation"),
    "unrestricted capabilities": lambda _, own: own.pop("capabilities"),
    "runAsNonRoot != true": lambda pod, _: pod["securityContext"].pop("runAsNonRoot"),
    "runAsUser=0": lambda pod, _: pod["securityContext"].update(runAsUser=0),
    "seccompProfile": lambda pod, _: pod["securityContext"].pop("seccompProfile"),
    "host namespaces": lambda pod, _: pod.update(hostNetwork=True),
    "hostPort": lambda pod, _: pod["containers"][0]["ports"][0].update(
        hostPort=pod["containers"][0]["ports"][0]["containerPort"]),
    "restricted volume types": lambda pod, _: pod["volumes"].append(
        {"name": "root", "hostPath": {"path": "/"}}),
}


class RestrictedTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.enterClassContext(kubernetes.Cluster())
        plan = release.Release(cls.cluster, "default")
        plan.install()
        cls.deployment = next(each for each in plan.manifest()
                              if each["kind"] == "Deployment")
        cls.pods = [release.pod_of(cls.deployment), *plan.hooks()]

    def create(self, item):
        return self.cluster.api.create(item, dry_run=True)

    def test_each_fault_is_refused(self):
        pod = self.pods[0]
        api.gently(self.create(pod))
        for what, change in FAULTS.items():
            with self.subTest(what):
                changed = copy.deepcopy(pod)
                change(changed["spec"], changed["spec"]["containers"][0]
                       ["securityContext"])
                reply = self.create(changed)
                self.assertEqual(reply.status, 403, str(reply))
                self.assertIn('violates PodSecurity "restricted:latest"', reply.message)
                self.assertIn(what, reply.message)

    def test_each_container_of_helm_test_counts(self):
        for group in ("initContainers", "containers"):
            for index in range(len(self.pods[1]["spec"][group])):
                changed = copy.deepcopy(self.pods[1])
                changed["spec"][group][index].pop("securityContext")
                self.assertEqual(self.create(changed).status, 403)

    def test_a_deployment_with_a_fault_warns(self):
        changed = copy.deepcopy(self.deployment)
        changed["metadata"]["name"] = "other"
        changed["spec"]["template"]["spec"]["containers"][0].pop("securityContext")
        with self.assertRaisesRegex(api.RefusedError, "would violate PodSecurity"):
            api.gently(self.create(changed))

    def test_helm_passes_warnings_on(self):
        plan = release.Release(self.cluster, "default", "other")
        with self.assertRaisesRegex(release.HelmError, "would violate PodSecurity"):
            plan.install("--set", "podSecurityContext.runAsNonRoot=null")

    def test_a_service_monitor_without_its_type(self):
        plan = release.Release(self.cluster, "default", "monitored")
        with self.assertRaisesRegex(release.HelmError,
                                    'kind "ServiceMonitor".*\n?.*CRDs are installed'):
            plan.install("--set", "metrics.serviceMonitor.enabled=true")

    def test_unknown_fields_are_refused(self):
        changed = copy.deepcopy(self.pods[0])
        changed["spec"]["containers"][0]["livenesProbe"] = {}
        reply = self.create(changed)
        self.assertEqual(reply.status, 400)
        self.assertIn('unknown field "spec.containers[0].livenesProbe"', reply.message)

    def test_an_old_annotation_warns(self):
        changed = copy.deepcopy(self.pods[0])
        changed["metadata"]["annotations"] = {
            "container.apparmor.security.beta.kubernetes.io/server": "runtime/default"}
        with self.assertRaisesRegex(api.RefusedError, "deprecated"):
            api.gently(self.create(changed))


class ReadingTest(unittest.TestCase):
    """What the tests read is read closely."""

    def test_doubled_keys_are_refused(self):
        self.assertEqual(release.objects("a: {b: 1, c: 1}\n---\n"),
                         [{"a": {"b": 1, "c": 1}}])
        with self.assertRaisesRegex(yaml.YAMLError, "a key stands twice"):
            release.objects("a: {b: 1, b: 1}")

    def test_what_an_object_lacks_is_found(self):
        held = {"a": {"cpu": "4", "size": "2560Mi"}, "b": [{"c": 1, "d": 2}]}
        for wanted, fault in (
                ({"a": {"cpu": 4, "size": "2.5Gi"}, "b": [{"c": 1}], "e": None}, None),
                ({"a": {"cpu": 5}}, ".a.cpu: 5 asked, '4' held"),
                ({"b": []}, ".b: 0 asked, 1 held"),
                ({"b": [{"c": "x"}]}, ".b[0].c: 'x' asked, 1 held"),
                ({"f": {"g": 1}}, ".f: {'g': 1} asked, None held")):
            with self.subTest(wanted):
                self.assertEqual(list(api.missing(wanted, held)),
                                 [fault] if fault else [])


if __name__ == "__main__":
    unittest.main()
