"""A real Prometheus as a process, for the tests beside."""

import json
import os
import pathlib
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

import yaml

BIN = pathlib.Path(os.environ["MOEPLAN_PROMETHEUS_DIR"])
SCRAPE_INTERVAL = "200ms"
PATIENCE_SECONDS = 60


def wait_for(what, condition):
    """The first true value of condition(), asked again until it is one."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"waited {PATIENCE_SECONDS} s in vain for {what}")


def free_port():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


class Prometheus:
    """Scrapes one target as job `moeplan` and evaluates a file of rules."""

    def __init__(self, target, rules):
        self.folder = tempfile.TemporaryDirectory()
        folder = pathlib.Path(self.folder.name)
        (folder / "prometheus.yaml").write_text(yaml.safe_dump({
            "global": {"scrape_interval": SCRAPE_INTERVAL,
                       "scrape_timeout": SCRAPE_INTERVAL,
                       "evaluation_interval": "1s"},
            "rule_files": [str(rules)],
            "scrape_configs": [{"job_name": "moeplan", "static_configs": [
                {"targets": [target]}]}]}))
        self.address = f"127.0.0.1:{free_port()}"
        self.log = open(folder / "log", "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [BIN / "prometheus", f"--config.file={folder / 'prometheus.yaml'}",
             f"--storage.tsdb.path={folder / 'data'}",
             f"--web.listen-address={self.address}"],
            stdout=self.log, stderr=subprocess.STDOUT)
        wait_for("the target", self.is_scraping)

    def is_scraping(self):
        if self.process.poll() is not None:
            self.log.seek(0)
            raise AssertionError("Prometheus ended:\n" + self.log.read())
        try:
            return self.value("up") == 1
        except urllib.error.URLError:
            return False

    def get(self, path, **parameters):
        """The data of an answer of the HTTP API."""
        url = (f"http://{self.address}/api/v1/{path}?"
               + urllib.parse.urlencode(parameters))
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            if error.code == 503:
                raise urllib.error.URLError("not ready") from error
            raise AssertionError(error.read().decode()) from error

    def values(self, expr):
        """What an instant query says now, a number for each series."""
        data = self.get("query", query=expr)
        return [float(each["value"][1]) for each in data["result"]]

    def value(self, expr):
        found = self.values(expr)
        return found[0] if found else None

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=60)
        self.log.close()
        self.folder.cleanup()
