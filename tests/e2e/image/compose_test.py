#!/usr/bin/env python3
"""deploy/docker/compose.yaml: valid, hardened, and its parts find each other.

Against the schema of the compose specification (compose-spec.json, Apache-2.0,
from the Go module github.com/compose-spec/compose-go v2.4.7), and with the server
and a real Prometheus, started as the file says but for addresses and folders.
MOEPLAN_SERVER_PROGRAM and MOEPLAN_PROMETHEUS name the programs.
"""

import json
import os
import pathlib
import re
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request

import jsonschema
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
DOCKER = ROOT / "deploy" / "docker"
COMPOSE = yaml.safe_load((DOCKER / "compose.yaml").read_text("utf-8"))
SERVICES = COMPOSE["services"]
DOCKERFILE = (DOCKER / "server.Dockerfile").read_text("utf-8")
START_LIMIT_S = 120


def mounts(service):
    """{path in the container: (folder or volume, options)}."""
    result = {}
    for volume in SERVICES[service]["volumes"]:
        source, target, *options = volume.split(":")
        result[target] = (source, options)
    return result


def on_this_machine(service, text, folders):
    """Text with the container's paths replaced by those behind its mounts."""
    for target, (source, _) in mounts(service).items():
        here = folders.get(source) or (DOCKER / source).resolve()
        text = re.sub(rf"(?<!\w){re.escape(target)}(?=[/\s]|$)", str(here), text)
    return text


class FileTest(unittest.TestCase):

    def test_it_is_valid_by_the_specification(self):
        schema = json.loads((pathlib.Path(__file__).parent /
                             "compose-spec.json").read_text("utf-8"))
        validator = jsonschema.Draft201909Validator(schema)
        self.assertEqual([], [f"{error.json_path}: {error.message}"
                              for error in validator.iter_errors(COMPOSE)])
        # The schema does refuse.
        self.assertFalse(validator.is_valid({"services": {"a": {"imag": "b"}}}))

    def test_every_service_is_hardened(self):
        self.assertEqual(sorted(SERVICES), ["grafana", "moeplan", "prometheus"])
        for name, service in SERVICES.items():
            with self.subTest(name):
                self.assertIs(service["read_only"], True)
                self.assertEqual(service["cap_drop"], ["ALL"])
                self.assertIn("no-new-privileges:true", service["security_opt"])
                for port in service["ports"]:
                    self.assertRegex(port, r"^127\.0\.0\.1:\d+:\d+$")
                self.assertRegex(service["image"], r":v?\d+\.\d+\.\d+$")
                self.assertNotIn("privileged", service)
                self.assertNotIn("cap_add", service)
                self.assertTrue("healthcheck" in service or
                                "HEALTHCHECK" in DOCKERFILE)

    def test_what_it_mounts_is_there(self):
        for name in SERVICES:
            for target, (source, options) in mounts(name).items():
                with self.subTest(service=name, target=target):
                    if source.startswith("."):
                        self.assertTrue((DOCKER / source).exists(), source)
                        self.assertEqual(options, ["ro"])
                    else:
                        self.assertIn(source, COMPOSE["volumes"])

    def test_the_server_is_this_version_and_has_time_to_drain(self):
        version = re.search(r"project\(moeplan VERSION (\S+)",
                            (ROOT / "CMakeLists.txt").read_text("utf-8"))[1]
        service = SERVICES["moeplan"]
        self.assertEqual(service["image"], f"moeplan:{version}")
        self.assertEqual(service["build"]["args"]["VERSION"], version)
        self.assertEqual((DOCKER / service["build"]["context"]).resolve(), ROOT)
        self.assertTrue((ROOT / service["build"]["dockerfile"]).exists())
        usage = subprocess.run(
            [os.environ["MOEPLAN_SERVER_PROGRAM"], "--help"],
            capture_output=True, text=True, check=True).stdout
        drain_s = sum(int(re.search(rf"--drain-{part} DURATION=(\d+)s",
                                    usage)[1])
                      for part in ("notice", "deadline"))
        grace_s = int(service["stop_grace_period"].removesuffix("s"))
        self.assertGreaterEqual(grace_s, drain_s + 10)

    def test_grafana_finds_prometheus_and_the_dashboards(self):
        provisioning = ROOT / "deploy" / "grafana" / "provisioning"
        source = yaml.safe_load(
            (provisioning / "datasources" / "prometheus.yaml").read_text())
        listening = re.search(r"--web.listen-address=\S+:(\d+)",
                              " ".join(SERVICES["prometheus"]["command"]))[1]
        self.assertEqual(source["datasources"][0]["url"],
                         f"http://prometheus:{listening}")
        provider = yaml.safe_load(
            (provisioning / "dashboards" / "moeplan.yaml").read_text())
        path = provider["providers"][0]["options"]["path"]
        self.assertEqual(mounts("grafana")[path][0], "../grafana/dashboards")
        home = SERVICES["grafana"]["environment"][
            "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
        here = pathlib.Path(on_this_machine("grafana", home, {
            "grafana-data": "/nowhere"}))
        self.assertIn("panels", json.loads(here.read_text("utf-8")))


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class RunningTest(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="moeplan-compose-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def spawn(self, name, command, **keywords):
        with open(self.folder / f"{name}.log", "w", encoding="utf-8") as log:
            process = subprocess.Popen(command, stderr=log, text=True,
                                       **keywords)
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        process.terminate()
        process.wait(timeout=60)
        if process.stdout is not None:
            process.stdout.close()

    def start_server(self):
        """The address of its metrics: in the image's environment."""
        instruction = re.search(r"^ENV (.*)", DOCKERFILE.replace("\\\n", ""),
                                re.MULTILINE)[1]
        image = dict(re.findall(r"(MOEPLAN_\w+)=(\S+)", instruction))
        image.update(SERVICES["moeplan"].get("environment", {}))
        store = self.folder / "moeplan-data"
        environment = {
            name: on_this_machine("moeplan", value, {"moeplan-data": store})
            .replace("0.0.0.0:7600", "127.0.0.1:0")
            .replace("0.0.0.0:7601", "127.0.0.1:0")
            for name, value in image.items()}
        self.assertEqual(environment["MOEPLAN_STORE_DIR"], str(store))
        # The notice is for load balancers; nobody waits for it here.
        process = self.spawn(
            "moeplan", [os.environ["MOEPLAN_SERVER_PROGRAM"],
                        "--drain-notice", "0s"],
            env=environment, stdout=subprocess.PIPE)
        for line in process.stdout:
            if line.startswith("metrics on "):
                return line.split()[-1]
        return self.fail((self.folder / "moeplan.log").read_text())

    def start_prometheus(self, metrics_address):
        """The root of its HTTP API."""
        folders = {"prometheus-data": self.folder / "prometheus-data"}
        config = (DOCKER / "prometheus.yaml").read_text("utf-8")
        self.assertIn('"moeplan:7601"', config)
        adapted = self.folder / "prometheus.yaml"
        adapted.write_text(on_this_machine(
            "prometheus", config.replace("moeplan:7601", metrics_address),
            folders))
        folders["./prometheus.yaml"] = adapted
        port = free_port()
        words = [on_this_machine("prometheus", word, folders)
                 .replace("0.0.0.0:9090", f"127.0.0.1:{port}")
                 for word in SERVICES["prometheus"]["command"]]
        self.prometheus = self.spawn(
            "prometheus", [os.environ["MOEPLAN_PROMETHEUS"], *words])
        return f"http://127.0.0.1:{port}"

    def answer(self, url, is_wanted):
        """The first answer that is_wanted accepts."""
        deadline = time.monotonic() + START_LIMIT_S
        body = None
        while time.monotonic() < deadline:
            self.assertIsNone(self.prometheus.poll(), self.log())
            try:
                with urllib.request.urlopen(url, timeout=10) as page:
                    body = page.read().decode()
                if is_wanted(body):
                    return body
            except urllib.error.URLError as error:
                body = str(error)
            time.sleep(0.2)  # between two tries
        return self.fail(f"{url}: {body}\n{self.log()}")

    def log(self):
        return (self.folder / "prometheus.log").read_text()

    def test_prometheus_scrapes_the_server_and_evaluates_its_rules(self):
        root = self.start_prometheus(self.start_server())
        kind, *check = SERVICES["prometheus"]["healthcheck"]["test"]
        self.assertEqual(kind, "CMD")
        ready_path = check[-1].removeprefix("http://127.0.0.1:9090")
        self.answer(root + ready_path, bool)

        def is_up(body):
            targets = json.loads(body)["data"]["activeTargets"]
            return [(target["labels"]["job"], target["health"])
                    for target in targets] == [("moeplan", "up")]

        def all_evaluated(body):
            groups = json.loads(body)["data"]["groups"]
            rules = [rule for group in groups for rule in group["rules"]]
            return bool(rules) and all(rule["health"] == "ok"
                                       for rule in rules)

        began = time.monotonic()
        self.answer(root + "/api/v1/targets?state=active", is_up)
        print(f"target up after {time.monotonic() - began:.1f} s")
        rules = self.answer(root + "/api/v1/rules", all_evaluated)
        groups = json.loads(rules)["data"]["groups"]
        print(f"{sum(len(group['rules']) for group in groups)} rules evaluated")


if __name__ == "__main__":
    unittest.main()
