"""A real Prometheus scrapes a real server: every query of the dashboard and of
the rules finds what it asks for."""

import json
import math
import re
import subprocess
import unittest
import urllib.request

import yaml

from moeplan_process import EXAMPLES, PLAN, ROOT, Server, moeplan
from prometheus_process import BIN, Prometheus, wait_for

DASHBOARD = ROOT / "deploy" / "grafana" / "dashboards" / "moeplan.json"
RULES = ROOT / "deploy" / "prometheus" / "moeplan.rules.yaml"

# What the variables stand for where there is no Kubernetes.
VARIABLES = {"$namespace": ".*", "$job": "moeplan", "$instance": ".+",
             "$method": ".+", "$__rate_interval": "1m"}

# A comparison with a number, which makes an alert of an expression.
THRESHOLD = re.compile(r"(==|!=|>=|<=|>|<)\s*[\d.]+(\s*\*\s*[\d.]+)?")

FIT = ["fit", EXAMPLES / "routed-lm-final.csv", "--family", "joint",
       "--starts", "8"]

COMMANDS = [
    ["info"],
    ["predict", "--active-params", "1B", "--tokens", "20B",
     "--expansion-rate", "8"],
    ["predict", "--active-params", "1T", "--tokens", "20T",
     "--expansion-rate", "8"],
    PLAN,
    ["plan", "--compute", "1e29"],
    ["plan", "--compute", "1e22", "--memory", "1kB"],
    ["evaluate", "--active-params", "1B", "--tokens",
     "20B", "--expansion-rate", "8"],
    ["sets", "list"],
    ["sets", "get", "no-such-set"],
]


def panel_queries():
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel.get("targets", []):
            expr = target["expr"]
            for name, value in VARIABLES.items():
                expr = expr.replace(name, value)
            yield panel["title"], expr


def rule_queries():
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        for rule in group["rules"]:
            expr = rule["expr"]
            if "alert" in rule:
                bare = re.sub(r"^absent\((.*)\)$", r"\1",
                              THRESHOLD.sub("", expr).strip())
                assert bare != expr.strip(), f"no threshold in {expr}"
                expr = bare
            yield rule.get("alert") or rule["record"], expr


class MonitoringTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.addClassCleanup(cls.server.stop)
        cls.prometheus = Prometheus(cls.server.metrics_address, RULES)
        cls.addClassCleanup(cls.prometheus.stop)
        cls.drive()

    @classmethod
    def drive(cls):
        """Asks the server for something of everything, then waits for a scrape."""
        for command in COMMANDS:
            moeplan(*command, server=cls.server.address)
        fit = moeplan(*FIT, server=cls.server.address)
        assert fit.returncode == 0, fit.stderr
        wait_for("the fit's series", lambda: cls.prometheus.value(
            "sum(increase(moeplan_fits_total[1m]))"))
        wait_for("all recorded series", lambda: all(
            cls.prometheus.values(name) for name, _ in rule_queries()
            if ":" in name))

    def assert_all_answered(self, what, queries):
        count = 0
        for name, expr in queries:
            count += 1
            with self.subTest(name):
                found = self.prometheus.values(expr)
                self.assertTrue(any(map(math.isfinite, found)),
                                f"{found} for {expr}")
        print(f"{count} queries of {what} returned a series")
        return count

    def test_each_query_of_the_dashboard_returns_a_series(self):
        count = self.assert_all_answered("panels", panel_queries())
        self.assertGreater(count, 35)

    def test_each_rule_returns_a_series(self):
        count = self.assert_all_answered("rules", rule_queries())
        self.assertGreater(count, 15)

    def test_the_dashboard_shows_what_was_asked(self):
        asked = {
            'sum(moeplan_plans_total{outcome="infeasible"})': 1,
            'sum(moeplan_plans_total{extrapolation="outside"})': 1,
            'sum(moeplan_predicted_points_total)': 2,
            'sum(moeplan_fits_total)': 1,
            'sum(grpc_server_handled_total{grpc_code="NotFound"})': 1,
        }
        for expr, least in asked.items():
            with self.subTest(expr):
                self.assertGreaterEqual(self.prometheus.value(expr), least)

    def test_a_healthy_server_raises_no_alert(self):
        firing = [alert["labels"]["alertname"]
                  for alert in self.prometheus.get("alerts")["alerts"]
                  if alert["state"] == "firing"]
        self.assertEqual(firing, [])

    def test_variables_find_the_server(self):
        for label, value in (("job", "moeplan"),
                             ("instance", self.server.metrics_address)):
            found = self.prometheus.get(f"label/{label}/values",
                                        **{"match[]": "moeplan_build_info"})
            self.assertEqual(found, [value])

    def test_promtool_has_nothing_to_say_of_the_page(self):
        with urllib.request.urlopen(
                f"http://{self.server.metrics_address}/metrics") as answer:
            page = answer.read()
        done = subprocess.run([BIN / "promtool", "check", "metrics"], input=page,
                              capture_output=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr),
                         (0, b"", b""))


if __name__ == "__main__":
    unittest.main()
