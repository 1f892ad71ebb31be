"""What the chart's templates make of their values, feature by feature."""

import base64
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import yaml

import chart

sys.path.insert(0, str(chart.CHART.parent))
sys.dont_write_bytecode = True
import describe  # noqa: E402  (beside the chart, no package)

NAME = "plan-moeplan"


def good(name):
    return chart.objects("--values", chart.HERE / "values_good" / f"{name}.yaml")


def environment(container):
    return {each["name"]: each.get("value") for each in container["env"]}


class ServerTest(unittest.TestCase):
    def test_one_server_that_is_replaced(self):
        spec = chart.find(chart.objects(), "Deployment")["spec"]
        self.assertEqual(spec["replicas"], 1)
        self.assertEqual(spec["strategy"], {"type": "Recreate"})
        labels = spec["template"]["metadata"]["labels"]
        self.assertLessEqual(spec["selector"]["matchLabels"].items(), labels.items())

    def test_store_in_a_claim(self):
        rendered = chart.objects()
        claim = chart.find(rendered, "PersistentVolumeClaim", NAME + "-data")
        self.assertEqual(claim["spec"]["accessModes"], ["ReadWriteOnce"])
        self.assertNotIn("storageClassName", claim["spec"])
        self.assertEqual(claim["metadata"]["annotations"],
                         {"helm.sh/resource-policy": "keep"})
        self.assertIn({"name": "data", "persistentVolumeClaim":
                       {"claimName": NAME + "-data"}},
                      chart.pod_of(rendered)["spec"]["volumes"])
        server = chart.server_of(rendered)
        self.assertIn({"name": "data", "mountPath": "/var/lib/moeplan"},
                      server["volumeMounts"])
        self.assertEqual(environment(server)["MOEPLAN_STORE_DIR"], "/var/lib/moeplan")

    def test_own_claim(self):
        claim = chart.find(good("own_claim"), "PersistentVolumeClaim")
        self.assertEqual(claim["spec"]["storageClassName"], "")
        self.assertEqual(claim["spec"]["accessModes"], ["ReadWriteOncePod"])
        self.assertEqual(claim["metadata"]["annotations"], {"backup": "nightly"})

    def test_existing_claim_and_empty_dir(self):
        for name, volume in (
                ("existing_claim",
                 {"persistentVolumeClaim": {"claimName": "planner-store"}}),
                ("empty_dir", {"emptyDir": {"sizeLimit": "500Mi"}})):
            rendered = good(name)
            self.assertNotIn("PersistentVolumeClaim", chart.kinds(rendered))
            self.assertIn({"name": "data", **volume},
                          chart.pod_of(rendered)["spec"]["volumes"])

    def test_probes_ask_grpc_health(self):
        server = chart.server_of(chart.objects())
        for probe, service in (("startup", ""), ("readiness", "readiness"),
                               ("liveness", "liveness")):
            self.assertEqual(server[probe + "Probe"]["grpc"],
                             {"port": 7600, "service": service})

    def test_custom_probe_replaces(self):
        server = chart.server_of(good("own_probes"))
        self.assertEqual(set(server["readinessProbe"]), {"exec", "periodSeconds"})
        self.assertNotIn("livenessProbe", server)
        self.assertEqual(server["startupProbe"]["failureThreshold"], 200)

    def test_grace_period_exceeds_the_drain(self):
        for values, seconds in (
                ("", 35), ("server.drainNotice=1500ms", 32),
                ("server.drainDeadline=1h", 3615), ("server.drainNotice=08s", 38),
                ("server.drainNotice=0s", 30),
                ("terminationGracePeriodSeconds=26", 26)):
            spec = chart.pod_of(chart.objects("--set", values))["spec"]
            self.assertEqual(spec["terminationGracePeriodSeconds"], seconds, values)
        for seconds in (1, 25):
            done = chart.template(
                "--set", f"terminationGracePeriodSeconds={seconds}")
            self.assertRegex(done.stderr, "terminationGracePeriodSeconds is")

    def test_settings(self):
        rendered = good("openshift")
        self.assertEqual(chart.find(rendered, "ConfigMap", NAME)["data"], {
            "MOEPLAN_LOG_LEVEL": "debug", "MOEPLAN_SLOW_CALL": "0s",
            "MOEPLAN_THREADS": "4", "MOEPLAN_FIT_THREADS": "3",
            "MOEPLAN_REFLECTION": "false", "MOEPLAN_DEFAULT_SET": "joint-2025",
            "MOEPLAN_DEFAULT_DENSE_SET": "chinchilla-2024-besiroglu"})
        security = chart.pod_of(rendered)["spec"]["securityContext"]
        self.assertEqual(security["runAsUser"], 1000650000)
        self.assertEqual(chart.pod_of(rendered)["spec"]["serviceAccountName"],
                         "planner")

    def test_null_lets_the_platform_choose_the_user(self):
        security = chart.pod_of(chart.objects(
            "--set", "podSecurityContext.runAsUser=null"))["spec"]["securityContext"]
        self.assertNotIn("runAsUser", security)

    def test_changed_settings_replace_the_pod(self):
        def checksum(*arguments):
            pod = chart.pod_of(chart.objects(*arguments))
            return pod["metadata"]["annotations"]["checksum/config"]
        self.assertEqual(checksum(), checksum("--set", "commonLabels.a=b"))
        self.assertNotEqual(checksum(), checksum("--set", "server.threads=3"))

    def test_existing_settings_win(self):
        server = chart.server_of(good("existing_settings"))
        names = [next(iter(each.values()))["name"] for each in server["envFrom"]]
        self.assertEqual(names, [NAME, "planner-settings", "planner-secret", "more"])
        self.assertEqual(environment(server)["GRPC_VERBOSITY"], "ERROR")

    def test_placement_and_labels(self):
        rendered = good("placed")
        pod = chart.pod_of(rendered)
        for key in ("nodeSelector", "tolerations", "affinity", "priorityClassName",
                    "topologySpreadConstraints", "runtimeClassName",
                    "imagePullSecrets"):
            self.assertTrue(pod["spec"][key], key)
        self.assertEqual(pod["metadata"]["annotations"]["team"], "research")
        self.assertEqual(pod["metadata"]["labels"]["tier"], "planning")
        for each in rendered:
            self.assertEqual(each["metadata"]["labels"]["cost"], "42", each["kind"])

    def test_extras(self):
        rendered = good("extras")
        spec = chart.pod_of(rendered)["spec"]
        self.assertIn({"name": "sets", "configMap": {"name": "sets"}}, spec["volumes"])
        self.assertIn("/sets", [each["mountPath"] for each in
                                spec["containers"][0]["volumeMounts"]])
        chart.find(rendered, "ConfigMap", NAME + "-extra")
        self.assertEqual(chart.find(rendered, "ConfigMap", "plan-text")["data"],
                         {"port": "7600"})

    def test_image(self):
        self.assertEqual(chart.server_of(chart.objects())["image"], "moeplan:0.1.0")
        rendered = good("pinned_image")
        self.assertRegex(chart.server_of(rendered)["image"],
                         "^registry.example/planning/moeplan@sha256:")
        self.assertNotIn("ServiceAccount", chart.kinds(rendered))
        self.assertEqual(chart.pod_of(rendered)["spec"]["serviceAccountName"],
                         "default")


class NetworkTest(unittest.TestCase):
    def test_services(self):
        rendered = chart.objects()
        one = chart.find(rendered, "Service", NAME)["spec"]
        self.assertEqual([(each["name"], each["port"], each["appProtocol"])
                          for each in one["ports"]],
                         [("grpc", 7600, "kubernetes.io/h2c"),
                          ("http-metrics", 7601, "http")])
        headless = chart.find(rendered, "Service", NAME + "-headless")["spec"]
        self.assertEqual(headless["clusterIP"], "None")
        self.assertEqual([each["name"] for each in headless["ports"]], ["grpc"])
        labels = chart.pod_of(rendered)["metadata"]["labels"]
        for service in (one, headless):
            self.assertLessEqual(service["selector"].items(), labels.items())

    def test_other_ports(self):
        rendered = good("other_ports")
        server = chart.server_of(rendered)
        self.assertEqual(environment(server)["MOEPLAN_LISTEN"], "[::]:9000")
        self.assertEqual(environment(server)["MOEPLAN_METRICS_LISTEN"], "[::]:9001")
        self.assertEqual(server["livenessProbe"]["grpc"]["port"], 9000)
        self.assertIn(":9000", str(chart.find(rendered, "Pod")["spec"]))

    def test_metrics_can_be_off(self):
        rendered = good("no_metrics")
        self.assertNotIn("7601", yaml.safe_dump_all(rendered))
        self.assertNotIn("http-metrics", yaml.safe_dump_all(rendered))
        self.assertNotIn("MOEPLAN_METRICS_LISTEN",
                         environment(chart.server_of(rendered)))

    def test_network_policy(self):
        rendered = chart.objects()
        spec = chart.find(rendered, "NetworkPolicy")["spec"]
        self.assertEqual(spec["policyTypes"], ["Ingress"])
        self.assertEqual([each["ports"][0]["port"] for each in spec["ingress"]],
                         ["grpc", "http-metrics"])
        test = chart.find(rendered, "Pod")["metadata"]["labels"]
        admitted = spec["ingress"][0]["from"][-1]["podSelector"]["matchLabels"]
        self.assertLessEqual(admitted.items(), test.items())

    def test_network_policy_peers(self):
        closed = good("closed_network")
        self.assertNotIn("ingress", chart.find(closed, "NetworkPolicy")["spec"])
        self.assertNotIn("NetworkPolicy", chart.kinds(good("open_network")))
        rules = chart.find(good("chosen_peers"), "NetworkPolicy")["spec"]["ingress"]
        self.assertEqual(rules[0]["from"][1], {"ipBlock": {"cidr": "10.0.0.0/8"}})
        self.assertEqual(len(rules[1]["from"]), 1)

    def test_service_monitor(self):
        self.assertNotIn("ServiceMonitor", chart.kinds(chart.objects()))
        rendered = good("monitored")
        monitor = chart.find(rendered, "ServiceMonitor")
        self.assertEqual(monitor["metadata"]["labels"]["release"], "prometheus")
        self.assertEqual(monitor["metadata"]["namespace"], "monitoring")
        self.assertEqual(monitor["spec"]["namespaceSelector"], {"matchNames": ["ml"]})
        endpoint = monitor["spec"]["endpoints"][0]
        self.assertEqual((endpoint["port"], endpoint["interval"],
                          endpoint["scrapeTimeout"]), ("http-metrics", "1m", "20s"))
        wanted = monitor["spec"]["selector"]["matchLabels"].items()
        self.assertEqual([each["metadata"]["name"] for each in rendered
                          if each["kind"] == "Service"
                          and wanted <= each["metadata"]["labels"].items()], [NAME])
        annotations = chart.pod_of(rendered)["metadata"]["annotations"]
        self.assertEqual(annotations["prometheus.io/port"], "7601")

    def test_prometheus_rule(self):
        self.assertNotIn("PrometheusRule", chart.kinds(chart.objects()))
        rule = chart.find(good("monitored"), "PrometheusRule")
        self.assertEqual(rule["metadata"]["labels"]["release"], "prometheus")
        self.assertEqual(rule["metadata"]["namespace"], "monitoring")
        source = chart.CHART.parents[1] / "prometheus" / "moeplan.rules.yaml"
        self.assertEqual(rule["spec"], yaml.safe_load(source.read_text()))


class AroundTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def copy(self, name="moeplan"):
        # What links stand for is copied, as `helm package` does.
        return shutil.copytree(chart.CHART, self.folder / name)

    def test_dashboards(self):
        copy = self.copy()
        dashboards = copy / "files" / "dashboards"
        shutil.rmtree(dashboards)
        switch = ("--set", "dashboards.enabled=true")
        self.assertEqual([], [each for each in chart.objects(*switch, chart=copy)
                              if "dashboards" in each["metadata"]["name"]])
        source = self.folder / "source.json"
        text = json.dumps({"title": "{{ not a template }}", "uid": "é"})
        source.write_text(text)
        dashboards.mkdir()
        (dashboards / "linked.json").symlink_to(source)
        rendered = chart.objects(*switch, chart=copy)
        made = chart.find(rendered, "ConfigMap", NAME + "-dashboards")
        self.assertEqual(made["data"], {"linked.json": text})
        self.assertEqual(made["metadata"]["labels"]["grafana_dashboard"], "1")
        self.assertNotIn("linked.json", str(chart.objects(chart=copy)))

    def test_package(self):
        done = chart.helm("package", chart.CHART, "--destination", self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        package = self.folder / "moeplan-0.1.0.tgz"
        self.assertEqual(chart.objects(), chart.objects(chart=package))

    def parent(self):
        parent = self.folder / "umbrella"
        (parent / "charts").mkdir(parents=True)
        shutil.copytree(chart.CHART, parent / "charts" / "moeplan")
        (parent / "Chart.yaml").write_text(yaml.safe_dump({
            "apiVersion": "v2", "name": "umbrella", "version": "1.0.0",
            "dependencies": [{"name": "moeplan", "version": "0.1.0",
                              "condition": "moeplan.enabled"}]}))
        (parent / "values.yaml").write_text(yaml.safe_dump({
            "global": {"imageRegistry": "registry.example"},
            "moeplan": {"enabled": True, "server": {"threads": 2}}}))
        return parent

    def test_subchart(self):
        parent = self.parent()
        rendered = chart.objects(chart=parent)
        self.assertEqual(chart.find(rendered, "ConfigMap")["data"]["MOEPLAN_THREADS"],
                         "2")
        self.assertEqual([], chart.objects("--set", "moeplan.enabled=false",
                                           chart=parent))
        done = chart.template("--set", "moeplan.replicaCount=3", chart=parent)
        self.assertIn("replicaCount is 3", done.stderr)

    def notes(self, *arguments):
        # `helm template` shows no notes; an extra object may include them.
        extra = ('[{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"notes"},'
                 '"data":{"text":"{{ include \\"moeplan.notes\\" . | b64enc }}"}}]')
        values = self.folder / "notes.yaml"
        values.write_text("extraObjects: " + extra)
        rendered = chart.objects(*arguments, "--values", values)
        text = chart.find(rendered, "ConfigMap", "notes")["data"]["text"]
        return rendered, base64.b64decode(text).decode()

    def test_notes_name_what_exists(self):
        for arguments in ((), ("--set", "fullnameOverride=planner,service.port=9000")):
            rendered, text = self.notes(*arguments)
            service = chart.find(rendered, "Deployment")["metadata"]["name"]
            ports = [each["port"] for each in
                     chart.find(rendered, "Service", service)["spec"]["ports"]]
            for port in ports:
                self.assertIn(f"  kubectl --namespace ml port-forward "
                              f"service/{service} {port}:{port}\n", text)
            self.assertIn(f"  kubectl --namespace ml rollout status "
                          f"deployment/{service}\n", text)
            self.assertIn("  helm test plan --namespace ml --logs", text)
            self.assertIn(f"{service}.ml.svc:{ports[0]} ", text)
            self.assertIn(f"moeplan plan --server 127.0.0.1:{ports[0]} ", text)

    def test_notes_warn(self):
        self.assertNotIn("are lost", self.notes()[1])
        self.assertIn("are lost", self.notes("--set", "persistence.enabled=false")[1])
        self.assertIn("no server runs", self.notes("--set", "replicaCount=0")[1])
        off = self.notes("--set", "metrics.enabled=false,tests.enabled=false")[1]
        self.assertNotIn("/metrics", off)
        self.assertNotIn("helm test", off)

    def test_test_pod(self):
        rendered = chart.objects()
        pod = chart.find(rendered, "Pod")
        self.assertEqual(pod["metadata"]["annotations"]["helm.sh/hook"], "test")
        self.assertEqual(pod["spec"]["activeDeadlineSeconds"], 60)
        server = chart.pod_of(rendered)["spec"]
        self.assertEqual(pod["spec"]["securityContext"], server["securityContext"])
        steps = pod["spec"]["initContainers"] + pod["spec"]["containers"]
        for step in steps:
            self.assertEqual(step["securityContext"],
                             server["containers"][0]["securityContext"])
            self.assertIn(f"{NAME}:7600", step["command"])
        self.assertNotIn("Pod", chart.kinds(good("closed_network")))


class DescriptionTest(unittest.TestCase):
    def test_readme_and_schema_are_those_of_the_comments(self):
        self.assertEqual([path.name for path, _ in describe.outdated()], [])

    def test_each_value_has_a_sentence(self):
        text = (chart.CHART / "values.yaml").read_text()
        said = describe.comments(text)
        for path, _ in describe.leaves(yaml.safe_load(text)):
            with self.subTest(path):
                self.assertRegex(said[path], r"^[A-Z].*\.$")

    def test_version_is_the_projects(self):
        wanted = yaml.safe_load((chart.CHART / "Chart.yaml").read_text())["appVersion"]
        project = (chart.CHART.parents[2] / "CMakeLists.txt").read_text()
        self.assertRegex(project, rf"VERSION\s+{wanted}\b")

    def test_a_program_says_what_is_out_of_date(self):
        done = subprocess.run([sys.executable, describe.__file__, "--check"],
                              capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, ""))


if __name__ == "__main__":
    unittest.main()
