"""Help, completion, pipes and terminals of the `moeplan` command."""

import re
import subprocess
import unittest

from moeplan_process import BIN, PLAN, ROOT, moeplan


class HelpTest(unittest.TestCase):
    COMMANDS = [["plan"], ["predict"], ["evaluate"], ["sweep", "memory"],
                ["sweep", "compute"], ["fit"], ["sets", "list"],
                ["sets", "get"], ["sets", "create"], ["sets", "delete"],
                ["sets", "export"], ["info"], ["completion"]]

    def test_every_command_has_help_with_examples(self):
        for command in self.COMMANDS:
            with self.subTest(" ".join(command)):
                result = moeplan(*command, "--help")
                self.assertEqual(result.returncode, 0)
                self.assertIn("moeplan " + " ".join(command), result.stdout)
                self.assertRegex(result.stdout, r"Examples?:\n  (source|\S)")

    def test_examples_of_plan_run_as_printed(self):
        text = moeplan("plan", "--help").stdout
        examples = re.findall(r"^  moeplan (plan .*)$", text, re.MULTILINE)
        self.assertGreaterEqual(len(examples), 5)
        for example in examples:
            if "--calibration" in example:
                continue  # of a machine that somebody measured
            with self.subTest(example):
                result = moeplan(*example.split(), "--offline")
                self.assertEqual(result.returncode, 0, result.stderr)

    def test_root_help_lists_exit_codes_and_commands(self):
        text = moeplan("--help").stdout
        self.assertIn("3  server unreachable", text)
        for command in self.COMMANDS:
            self.assertIn(command[0], text)
        self.assertRegex(moeplan("--version").stdout,
                         r"^moeplan \d+\.\d+\.\d+\n$")


class CompletionTest(unittest.TestCase):
    def complete(self, *words):
        """What bash would offer for the last word."""
        script = moeplan("completion", "bash").stdout
        line = " ".join(f"'{word}'" for word in words)
        command = (f"{script}\nCOMP_WORDS=({line})\n"
                   f"COMP_CWORD={len(words) - 1}\n_moeplan\n"
                   'printf "%s\\n" "${COMPREPLY[@]}"')
        done = subprocess.run(["bash", "--norc", "-c", command],
                              capture_output=True, text=True, check=True)
        return done.stdout.split()

    def test_bash_completes_commands_and_options(self):
        self.assertEqual(self.complete("moeplan", "pl"), ["plan"])
        self.assertEqual(self.complete("moeplan", "sets", "ex"), ["export"])
        self.assertIn("--kv-tokens",
                      self.complete("moeplan", "plan", "--kv"))
        self.assertEqual(self.complete("moeplan", "sweep", "memory", "--poi"),
                         ["--points"])

    def test_bash_completes_after_a_flag_but_not_after_a_value_option(self):
        self.assertEqual(self.complete("moeplan", "plan", "--json", "--kv-t"),
                         ["--kv-tokens"])
        self.assertEqual(self.complete("moeplan", "plan", "--compute", ""), [])

    def test_flags_are_shown_without_a_value(self):
        text = moeplan("plan", "--help").stdout
        self.assertRegex(text, r"(?m)^  --offline  ")
        self.assertRegex(text, r"(?m)^  -F,--compute FLOPS  ")
        self.assertLessEqual(max(map(len, text.splitlines())), 80)

    def test_bash_completes_files_where_an_option_takes_one(self):
        offered = self.complete("moeplan", "sets", "create", "x", "--file",
                                str(ROOT / "READ"))
        self.assertEqual(offered, [str(ROOT / "README.md")])

    def test_the_scripts_of_other_shells_name_every_command(self):
        for shell in ("zsh", "fish"):
            script = moeplan("completion", shell).stdout
            for word in ("plan", "predict", "evaluate", "sweep", "fit",
                         "sets", "info", "kv-tokens"):
                self.assertIn(word, script)


class PipeTest(unittest.TestCase):
    def test_a_closed_pipe_ends_the_command(self):
        command = (f"'{BIN}/moeplan' sets list --offline --json | head -c 1")
        done = subprocess.run(["bash", "-c", command], capture_output=True,
                              text=True, timeout=60, check=False)
        self.assertEqual(done.stdout, "{")

    def test_colours_only_on_a_terminal(self):
        self.assertNotIn("\033", moeplan(*PLAN, "--offline",
                                         env={"TERM": "xterm"}).stdout)


if __name__ == "__main__":
    unittest.main()
