#!/usr/bin/env python3
"""The notebook, top to bottom without a screen, against a real server.

Environment as in client_test.py. With MOEPLAN_PICTURES_DIR each picture is saved
there as PNG, to be looked at.
"""

import base64
import json
import os
import pathlib
import time
import unittest

import nbformat
from nbclient import NotebookClient

from planner_server import ROOT, Server

NOTEBOOK = (ROOT / "client" / "python" / "notebooks"
            / "ten_minutes_with_moeplan.ipynb")
LONGEST_SECONDS = 60
PICTURES = ["isoflop_profiles", "loss_against_memory", "optimal_granularity",
            "saving_over_dense", "saving_over_dense", "fit_residuals"]


def outputs_of(cell, mime_type):
    return [output["data"][mime_type] for output in cell.get("outputs", [])
            if mime_type in output.get("data", {})]


def printed(cell):
    return "".join(output["text"] for output in cell.get("outputs", [])
                   if output["output_type"] == "stream")


class NotebookTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        server = Server()
        cls.addClassCleanup(server.stop)
        os.environ["MOEPLAN_SERVER"] = server.address
        os.environ.pop("MPLBACKEND", None)  # the notebook's own is inline
        cls.notebook = nbformat.read(NOTEBOOK, as_version=4)
        start = time.monotonic()
        # An error of a cell is raised, and fails all tests.
        NotebookClient(cls.notebook, timeout=LONGEST_SECONDS, kernel_name="python3",
                       resources={"metadata": {"path": str(NOTEBOOK.parent)}}).execute()
        cls.seconds = time.monotonic() - start
        cls.code_cells = [cell for cell in cls.notebook.cells
                          if cell.cell_type == "code"]

    def test_it_is_quick(self):
        print(f"the notebook took {self.seconds:.1f} s, its kernel's start included")
        self.assertLess(self.seconds, LONGEST_SECONDS)

    def test_every_picture_is_drawn(self):
        folder = os.environ.get("MOEPLAN_PICTURES_DIR")
        drawn = []
        for cell in self.code_cells:
            for picture in outputs_of(cell, "image/png"):
                png = base64.b64decode(picture)
                self.assertGreater(len(png), 5000)
                drawn.append(cell)
                if folder:
                    name = f"{len(drawn)}_{PICTURES[len(drawn) - 1]}.png"
                    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
                    (pathlib.Path(folder) / name).write_bytes(png)
        self.assertEqual(len(drawn), len(PICTURES))
        for cell, name in zip(drawn, PICTURES):
            self.assertIn(f"plot.{name}(", cell.source)

    def test_what_it_shows(self):
        pages = "".join("".join(outputs_of(cell, "text/html"))
                        for cell in self.code_cells)
        for phrase in ("joint-2025", "39.6B", "would have to be", "held out",
                       "training_tokens = 130.5B"):
            self.assertIn(phrase, pages)
        texts = "".join(printed(cell) for cell in self.code_cells)
        for phrase in ("SUBOPTIMAL", "starts at the best", "undetermined"):
            self.assertIn(phrase, texts)
        self.assertNotIn("Warning", texts)

    def test_the_best_experts_of_table_2(self):
        cell = next(cell for cell in self.code_cells if "table_2[" in cell.source)
        text = outputs_of(cell, "text/plain")[0]
        rates = [float(line.split()[2]) for line in text.splitlines()[1:4]]
        self.assertEqual(rates, [4, 16, 32])

    def test_the_file_is_stripped(self):
        for cell in json.loads(NOTEBOOK.read_text())["cells"]:
            if cell["cell_type"] == "code":
                self.assertEqual(cell["outputs"], [])
                self.assertIsNone(cell["execution_count"])


if __name__ == "__main__":
    unittest.main()
