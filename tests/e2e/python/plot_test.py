#!/usr/bin/env python3
"""The figures of the Python client: what they draw is what the server answered,
axes say their units, and no text lies over another.

Environment as in client_test.py.
"""

import unittest

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as pyplot
import numpy
import pandas

import moeplan
from moeplan import plot
from planner_server import ServerTestCase, read_runs


def line(ax, label):
    return next(item for item in ax.get_lines() if item.get_label() == label)


def legend_texts(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


class PlotTest(ServerTestCase):
    def setUp(self):
        # A figure that is shown would need a screen, and block.
        self.shown = pyplot.show
        pyplot.show = lambda *_, **__: self.fail("show() was called")

    def tearDown(self):
        pyplot.show = self.shown
        pyplot.close("all")

    def assert_readable(self, ax):
        """Units on the axes, everything inside of the figure, no overlaps."""
        figure = ax.figure
        figure.canvas.draw()
        renderer = figure.canvas.get_renderer()
        for label in (ax.get_xlabel(), ax.get_ylabel()):
            self.assertNotEqual(label, "")
        texts = [ax.xaxis.label, ax.yaxis.label, ax._left_title]
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            texts += [tick.label1
                      for tick in axis.get_major_ticks() + axis.get_minor_ticks()
                      if low <= tick.get_loc() <= high and tick.label1.get_text()]
        boxes = [(item.get_text(), item.get_window_extent(renderer))
                 for item in texts]
        legend = ax.get_legend().get_window_extent(renderer)
        boxes.append(("legend", legend))
        for i, (text, box) in enumerate(boxes):
            self.assertTrue(
                figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1
                and figure.bbox.y0 <= box.y0 and box.y1 <= figure.bbox.y1,
                f"{text!r} leaves the figure")
            for other, other_box in boxes[:i]:
                self.assertFalse(box.overlaps(other_box),
                                 f"{text!r} lies over {other!r}")
        for curve in ax.get_lines():
            points = curve.get_transform().transform(curve.get_xydata())
            inside = [point for point in points if ax.bbox.contains(*point)]
            hits = sum(legend.contains(*point) for point in inside)
            self.assertEqual(hits, 0, f"the legend hides {curve.get_label()!r}")

    def test_isoflop_profiles(self):
        profiles = self.planner.isoflop_profiles(
            [1e19, 1e20, 1e21], coefficient_set="joint-2025",
            search_space=moeplan.SearchSpace(expansion_rates=(8,)))
        ax = plot.isoflop_profiles(profiles)
        self.assert_readable(ax)
        self.assertEqual(legend_texts(ax), ["1e19", "1e20", "1e21", "optimum"])
        rows = profiles[profiles["train_flops"] == 1e20]
        curve = line(ax, "1e20")
        numpy.testing.assert_array_equal(curve.get_xdata(), rows["active_params"])
        asked = self.planner.predict(pandas.DataFrame({
            "active_params": curve.get_xdata(),
            "training_tokens": 1e20 / (6 * curve.get_xdata()),
            "expansion_rate": 8.0}), coefficient_set="joint-2025")
        numpy.testing.assert_array_equal(curve.get_ydata(), asked["loss"])
        optimum = self.planner.optimal_config(
            1e20, coefficient_set="joint-2025",
            search_space=moeplan.SearchSpace(expansion_rates=(8,))).optimum
        optima = line(ax, "optimum")
        self.assertEqual(optima.get_xdata()[1], optimum.shape.active_params)
        self.assertAlmostEqual(optima.get_ydata()[1], optimum.loss, delta=1e-12)

    def test_loss_against_memory(self):
        limits = numpy.geomspace(8 * moeplan.GIB, 640 * moeplan.GIB, 13)
        sweep = self.planner.sweep(train_flops=1e22, memory_bytes=limits,
                                   coefficient_set="joint-2025")
        ax = plot.loss_against_memory(sweep)
        self.assert_readable(ax)
        self.assertIn("GiB", ax.get_xlabel())
        self.assertIn("nats per token", ax.get_ylabel())
        self.assertEqual(legend_texts(ax),
                         ["best", "1 (dense)", "2", "4", "8", "16", "32"])
        answer = self.planner.optimal_config(
            1e22, coefficient_set="joint-2025",
            memory_limit=moeplan.MemoryLimit(bytes=round(limits[5])))
        by_rate = {point.shape.expansion_rate: point.loss
                   for point in answer.plan.best_by_expansion_rate}
        for label, rate in [("1 (dense)", 1), ("8", 8), ("32", 32)]:
            curve = line(ax, label)
            self.assertAlmostEqual(curve.get_xdata()[5] * moeplan.GIB, limits[5],
                                   delta=1)
            self.assertEqual(curve.get_ydata()[5], by_rate[rate])
        self.assertEqual(line(ax, "best").get_ydata()[5], answer.optimum.loss)

    def test_where_the_best_number_of_experts_changes(self):
        # Figure 1a of 2502.05172 from its law (reference scaling-laws.md, B76):
        # total parameters at which twice the experts become better.
        switches = [7.21599705e9, 1.02806157e10, 1.65836276e10, 2.98985857e10,
                    5.88994053e10]
        for before, after, size in zip((1, 2, 4, 8, 16), (2, 4, 8, 16, 32), switches):
            sweep = self.planner.sweep(
                train_flops=1e22, memory_bytes=[2 * size * 0.9999, 2 * size * 1.0001],
                coefficient_set="joint-2025")
            self.assertEqual(
                list(sweep[sweep["is_best"]]["expansion_rate"]), [before, after])

    def test_granularity_and_saving_of_the_fine_grained_paper(self):
        sweep = self.planner.sweep(train_flops=[1e18, 1e20, 1e22, 1e25, 1e26],
                                   coefficient_set="fine-grained-2024-e64")
        ax = plot.optimal_granularity(sweep)
        self.assert_readable(ax)
        curve = line(ax, "fine-grained-2024-e64")
        self.assertEqual(list(curve.get_ydata()), [8, 16, 32, 64, 64])
        ax = plot.saving_over_dense(sweep)
        self.assert_readable(ax)
        # Reference scaling-laws.md, A27.
        numpy.testing.assert_allclose(
            line(ax, "fine-grained-2024-e64, E = 64").get_ydata(),
            [17.227289, 21.281051, 25.405006, 32.007423, 34.237381], rtol=1e-7)

    def test_saving_of_the_joint_paper(self):
        sweep = pandas.concat([
            self.planner.sweep(
                train_flops=[1e18, 1e20, 1e22, 1e24], coefficient_set="joint-2025",
                search_space=moeplan.SearchSpace(expansion_rates=(experts,)))
            for experts in (4, 8)])
        ax = plot.saving_over_dense(sweep, as_ratio=False)
        self.assert_readable(ax)
        self.assertIn("%", ax.get_ylabel())
        # Reference scaling-laws.md, 2.6 (figure 2b of 2502.05172).
        for label, expected in [
                ("joint-2025, E = 4", [17.635, 26.295, 34.045, 40.979]),
                ("joint-2025, E = 8", [30.695, 40.488, 48.897, 56.118])]:
            numpy.testing.assert_allclose(line(ax, label).get_ydata(), expected,
                                          atol=6e-4)

    def test_fit_residuals(self):
        runs = read_runs()
        report = self.planner.fit(
            runs, "joint", progress=False, start_count=8,
            hold_out=moeplan.HoldOutRule(lowest_loss_run_count=10))
        ax = plot.fit_residuals(report, runs)
        self.assert_readable(ax)
        self.assertIn("held out (10 runs)", legend_texts(ax))
        fitted, held_out = [item.get_offsets() for item in ax.collections]
        self.assertEqual((len(fitted), len(held_out)), (51, 10))
        worst = report.fitted.outliers[0]
        drawn = held_out if worst.held_out else fitted
        residual = 100 * numpy.log(worst.fitted_loss / worst.loss)
        distance = numpy.abs(numpy.asarray(drawn) - [worst.loss, residual]).max(axis=1)
        self.assertLess(distance.min(), 1e-9)
        with self.assertRaisesRegex(ValueError, "61 fitted losses for 60 runs"):
            plot.fit_residuals(report, runs.head(60))

    def test_given_axes_and_empty_tables(self):
        figure, axes = pyplot.subplots()
        sweep = self.planner.sweep(train_flops=1e22, memory_bytes=[80e9, 160e9])
        self.assertIs(plot.loss_against_memory(sweep, ax=axes), axes)
        self.assertEqual(pyplot.get_fignums(), [figure.number])
        nothing = self.planner.sweep(train_flops=1e22, memory_bytes=[1000.0])
        with self.assertRaisesRegex(ValueError, "nothing to draw"):
            plot.loss_against_memory(nothing)
        with self.assertRaisesRegex(ValueError, "needs a sweep over compute"):
            plot.optimal_granularity(sweep)


if __name__ == "__main__":
    unittest.main()
