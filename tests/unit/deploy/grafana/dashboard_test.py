"""The dashboard: up to date, and by the rules of grafana/dashboard-linter."""

import json
import pathlib
import re
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[4]
GRAFANA = ROOT / "deploy" / "grafana"
DASHBOARD = json.loads((GRAFANA / "dashboards" / "moeplan.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
MATCHERS = 'namespace=~"$namespace",job=~"$job",instance=~"$instance"'
SUFFIX = re.compile(r"_(bucket|sum|count)$")


def expressions():
    return [(panel["title"], target["expr"]) for panel in PANELS
            for target in panel["targets"]]


class DashboardTest(unittest.TestCase):
    def test_the_file_is_what_the_panels_say(self):
        done = subprocess.run(
            [sys.executable, "-B", GRAFANA / "dashboard.py", "--check"],
            capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_provisioning_needs_no_input(self):
        text = json.dumps(DASHBOARD)
        self.assertNotIn("__inputs", text)
        self.assertNotIn("DS_PROMETHEUS", text)
        self.assertFalse(DASHBOARD["editable"])
        self.assertLessEqual(len(DASHBOARD["uid"]), 40)
        self.assertGreaterEqual(DASHBOARD["schemaVersion"], 36)
        self.assertNotIn("id", DASHBOARD)

    def test_variables(self):
        variables = {each["name"]: each
                     for each in DASHBOARD["templating"]["list"]}
        self.assertEqual(list(variables), ["datasource", "namespace", "job",
                                           "instance", "method"])
        self.assertEqual(variables["datasource"]["label"], "Data source")
        for name in ("namespace", "job", "instance", "method"):
            with self.subTest(name):
                self.assertTrue(variables[name]["multi"])
                self.assertEqual(variables[name]["refresh"], 2)
        # All jobs are moeplan's, not every gRPC server of this Prometheus.
        self.assertIsNone(variables["job"]["allValue"])
        self.assertIn("moeplan_build_info", variables["job"]["definition"])

    def test_each_panel_explains_itself(self):
        titles = [panel["title"] for panel in PANELS]
        self.assertEqual(len(titles), len(set(titles)))
        self.assertGreater(len(titles), 30)
        for panel in PANELS:
            with self.subTest(panel["title"]):
                self.assertTrue(panel["description"].strip().endswith("."))
                self.assertTrue(panel["fieldConfig"]["defaults"]["unit"])
                self.assertEqual(panel["datasource"]["uid"], "${datasource}")
                self.assertTrue(panel["targets"])
                for target in panel["targets"]:
                    self.assertEqual(target["datasource"]["uid"],
                                     "${datasource}")

    def test_each_selector_takes_the_variables(self):
        for title, expr in expressions():
            with self.subTest(title):
                selectors = re.findall(r"\{([^}]*)\}", expr)
                self.assertTrue(selectors)
                for selector in selectors:
                    self.assertTrue(selector.startswith(MATCHERS), selector)

    def test_counters_are_rates_over_the_rate_interval(self):
        for title, expr in expressions():
            with self.subTest(title):
                for metric, rest in re.findall(
                        r"(\w+)\{[^}]*\}(\[[^\]]*\])?", expr):
                    if metric == "moeplan_reactor_abandoned_total":
                        continue  # any at all is the news
                    if metric.endswith(("_total", "_bucket")):
                        self.assertEqual(rest, "[$__rate_interval]")
                self.assertEqual(expr.count("$__rate_interval"),
                                 len(re.findall(r"\brate\(", expr)))

    def test_metrics_are_the_documented_ones_and_none_is_left_out(self):
        documented = set(re.findall(
            r"^\| `(\w+)`", (ROOT / "docs" / "metrics.md").read_text(),
            re.MULTILINE))
        shown = {SUFFIX.sub("", metric) for _, expr in expressions()
                 for metric in re.findall(r"(\w+)\{", expr)}
        self.assertEqual(shown - documented, set())
        self.assertEqual(documented - shown, {
            "process_virtual_memory_bytes"})  # says nothing of use

    def test_panels_do_not_overlap(self):
        taken = set()
        for panel in DASHBOARD["panels"]:
            place = panel["gridPos"]
            for x in range(place["x"], place["x"] + place["w"]):
                self.assertLess(x, 24)
                for y in range(place["y"], place["y"] + place["h"]):
                    self.assertNotIn((x, y), taken, panel["title"])
                    taken.add((x, y))


if __name__ == "__main__":
    unittest.main()
