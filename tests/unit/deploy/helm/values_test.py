"""Right values render, validate and are restricted; wrong ones are refused."""

import copy
import re
import unittest

import kubernetes_validate

import chart
import restricted

VERSIONS = ("1.27", "1.28", "1.29", "1.30", "1.31", "1.32", "1.33")
# Types of operators, whose schemas no Kubernetes has.
FOREIGN = {"PrometheusRule", "ServiceMonitor"}


def pods(rendered):
    for each in rendered:
        if each["kind"] == "Pod":
            yield each["metadata"]["name"], each["spec"]
        elif each["kind"] in ("Deployment", "Job"):
            yield each["metadata"]["name"], each["spec"]["template"]["spec"]


class GoodValuesTest(unittest.TestCase):
    def test_there_are_at_least_twelve(self):
        self.assertGreaterEqual(len(chart.values("values_good")), 12)

    def test_lint_strictly(self):
        for path in chart.values("values_good"):
            with self.subTest(path.name):
                done = chart.helm("lint", "--strict", chart.CHART, "--values", path)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_validate_for_each_kubernetes(self):
        count = 0
        for path in chart.values("values_good"):
            for version in VERSIONS:
                with self.subTest(path.name, version=version):
                    for each in chart.objects("--values", path,
                                              version=version + ".0"):
                        if each["kind"] in FOREIGN:
                            continue
                        used = kubernetes_validate.validate(each, version, strict=True)
                        self.assertEqual(used, version)
                        count += 1
        print(f"{len(chart.values('values_good'))} value files, "
              f"{count} objects valid in Kubernetes {VERSIONS[0]} to {VERSIONS[-1]}")

    def test_pods_are_restricted(self):
        for path in chart.values("values_good"):
            for name, spec in pods(chart.objects("--values", path)):
                with self.subTest(path.name, pod=name):
                    self.assertEqual(restricted.violations(spec), [])
                    self.assertIs(spec["automountServiceAccountToken"], False)
                    for container in spec["containers"]:
                        self.assertIs(container["securityContext"]
                                      ["readOnlyRootFilesystem"], True)

    def test_names_are_unique(self):
        for path in chart.values("values_good"):
            with self.subTest(path.name):
                names = [(each["kind"], each["metadata"]["name"])
                         for each in chart.objects("--values", path)]
                self.assertEqual(len(names), len(set(names)))


class BadValuesTest(unittest.TestCase):
    def test_there_are_at_least_twelve(self):
        self.assertGreaterEqual(len(chart.values("values_bad")), 12)

    def test_refused_with_the_sentence(self):
        for path in chart.values("values_bad"):
            with self.subTest(path.name):
                first = path.read_text().splitlines()[0]
                self.assertTrue(first.startswith("# expect: "), first)
                done = chart.template("--values", path)
                self.assertNotEqual(done.returncode, 0)
                self.assertRegex(done.stderr, first.removeprefix("# expect: "))
                self.assertNotRegex(done.stderr, "nil pointer|%!")
        print(f"{len(chart.values('values_bad'))} wrong value files refused")

    def test_old_kubernetes_is_refused(self):
        done = chart.template(version="1.26.9")
        self.assertRegex(done.stderr, "requires kubeVersion")

    def test_release_that_cannot_name_a_service(self):
        self.assertRegex(chart.template(release="1plan").stderr,
                         'name its Services "1plan-moeplan".*fullnameOverride')
        self.assertEqual(chart.template("--set", "fullnameOverride=planner",
                                        release="1plan").returncode, 0)


class RestrictedTest(unittest.TestCase):
    """The check itself finds each fault."""

    def setUp(self):
        self.spec = next(spec for _, spec in pods(chart.objects()))

    def faults(self, change):
        spec = copy.deepcopy(self.spec)
        change(spec, spec["containers"][0]["securityContext"])
        return restricted.violations(spec)

    def test_finds_faults(self):
        changes = {
            "hostNetwork": lambda pod, _: pod.update(hostNetwork=True),
            "hostPath": lambda pod, _: pod["volumes"].append(
                {"name": "h", "hostPath": {"path": "/"}}),
            "privileged": lambda _, own: own.update(privileged=True),
            "escalate": lambda _, own: own.pop("allowPrivilegeEscalation"),
            "keeps capabilities": lambda _, own: own.pop("capabilities"),
            "adds": lambda _, own: own["capabilities"].update(add=["SYS_ADMIN"]),
            "as root": lambda pod, _: pod["securityContext"].pop("runAsNonRoot"),
            "seccomp": lambda pod, _: pod["securityContext"].pop("seccompProfile"),
            "user 0": lambda _, own: own.update(runAsUser=0),
        }
        for what, change in changes.items():
            with self.subTest(what):
                found = self.faults(change)
                self.assertTrue(any(re.search(what, each) for each in found), found)


if __name__ == "__main__":
    unittest.main()
