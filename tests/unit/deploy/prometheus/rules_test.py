"""The rules of deploy/prometheus: valid, tested, documented."""

import os
import pathlib
import re
import subprocess
import unittest

import yaml

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[3]
RULES = ROOT / "deploy" / "prometheus" / "moeplan.rules.yaml"
TESTS = HERE / "moeplan.rules.test.yaml"
PROMTOOL = os.environ["MOEPLAN_PROMTOOL"]
SUFFIX = re.compile(r"_(bucket|sum|count)$")


def alerts():
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]
            if "alert" in rule]


def promtool(*arguments):
    return subprocess.run([PROMTOOL, *map(str, arguments)], text=True,
                          capture_output=True, timeout=120, check=False)


class RulesTest(unittest.TestCase):
    def test_promtool_finds_no_fault(self):
        done = promtool("check", "rules", "--lint=all", "--lint-fatal", RULES)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_alerts_fire_and_are_silent_as_written(self):
        done = promtool("test", "rules", TESTS)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_each_alert_has_a_firing_and_a_silent_case(self):
        firing, silent = set(), set()
        for test in yaml.safe_load(TESTS.read_text())["tests"]:
            for case in test.get("alert_rule_test", []):
                chosen = firing if case.get("exp_alerts") else silent
                chosen.add(case["alertname"])
        names = {rule["alert"] for rule in alerts()}
        self.assertGreater(len(names), 10)
        self.assertEqual(names, firing)
        # The healthy server at the end of the file is a silent case for all.
        last = yaml.safe_load(TESTS.read_text())["tests"][-1]
        self.assertEqual(last["promql_expr_test"],
                         [{"expr": "ALERTS", "eval_time": "90m"}])
        self.assertGreater(len(silent), 8)

    def test_each_alert_says_what_and_where_to_read_on(self):
        headings = {line.lstrip("# ").strip().lower()
                    for line in (ROOT / "docs" / "operations.md").read_text()
                    .splitlines() if line.startswith("#")}
        for rule in alerts():
            with self.subTest(rule["alert"]):
                self.assertIn(rule["labels"]["severity"],
                              ("critical", "warning", "info"))
                self.assertIn("for", rule)
                notes = rule["annotations"]
                self.assertEqual(set(notes),
                                 {"summary", "description", "runbook_url"})
                page, anchor = notes["runbook_url"].split("#")
                self.assertEqual(page, "docs/operations.md")
                self.assertEqual(anchor, rule["alert"].lower())
                self.assertIn(anchor, headings)

    def test_rules_use_documented_metrics_only(self):
        documented = set(re.findall(
            r"^\| `(\w+)`", (ROOT / "docs" / "metrics.md").read_text(),
            re.MULTILINE))
        used = {SUFFIX.sub("", name) for name in re.findall(
            r"\b(?:grpc_server|moeplan|process)_\w+", re.sub(
                r"\w+:\S+", "", RULES.read_text().split("groups:", 1)[1]))}
        self.assertGreater(len(used), 8)
        self.assertEqual(used - documented, set())


if __name__ == "__main__":
    unittest.main()
