#!/usr/bin/env python3
"""The Python client against a real server: each method beside the golden tables
or the command line's answers, order and index of DataFrames, fits and sets.

Run with an interpreter that has the package (pip install ./client/python):
MOEPLAN_SERVER_PROGRAM=build/release/bin/moeplan-server python -B client_test.py
"""

import dataclasses
import time
import unittest

import numpy
import pandas

import moeplan
from moeplan import _mirror
from planner_server import (ROOT, SYNTHETIC_RUNS, ServerTestCase, golden_rows,
                            read_runs)

POINTS_10K_BUDGET_SECONDS = 0.1


def random_points(count, seed=1):
    """Points within and around the box of the joint set."""
    rng = numpy.random.default_rng(seed)
    return pandas.DataFrame({
        "active_params": 10 ** rng.uniform(7.5, 11, count),
        "training_tokens": 10 ** rng.uniform(9, 12, count),
        "expansion_rate": rng.choice([1.0, 2.0, 4.0, 8.0, 16.0, 32.0], count)})


class PredictTest(ServerTestCase):
    def test_the_golden_losses(self):
        sets = {item.id for item in self.planner.coefficient_sets()}
        checked = 0
        for row in golden_rows("law_evaluation.tsv"):
            if row["set"] not in sets:
                continue
            with self.subTest(row["id"]):
                frame = pandas.DataFrame({
                    "law_params": [float(row["params"])],
                    "training_tokens": [float(row["training_tokens"])],
                    "expansion_rate": [float(row["expansion_rate"])],
                    "granularity": [float(row["granularity"])]})
                answer = self.planner.predict(frame, coefficient_set=row["set"])
                self.assert_relative(answer["loss"][0], float(row["expected_loss"]),
                                     float(row["tolerance"]))
                variables = [text.split()[0].lower() for text in
                             answer["extrapolated"][0].split(", ") if text]
                self.assertEqual(",".join(variables) or "-", row["outside"])
                checked += 1
        self.assertGreater(checked, 15)

    def test_order_index_and_other_columns(self):
        points = random_points(1000)
        shuffled = points.sample(frac=1, random_state=3)
        shuffled["note"] = "kept out"
        answer = self.planner.predict(shuffled, coefficient_set="joint-2025")
        pandas.testing.assert_index_equal(answer.index, shuffled.index)
        pandas.testing.assert_frame_equal(
            answer[list(points.columns)], shuffled[list(points.columns)])
        straight = self.planner.predict(points, coefficient_set="joint-2025")
        pandas.testing.assert_series_equal(answer["loss"].sort_index(),
                                           straight["loss"])
        self.assertNotIn("note", answer)
        self.assertEqual(answer.attrs["provenance"]["coefficient_set"],
                         "coefficientSets/joint-2025")

    def test_more_points_than_one_call_takes(self):
        points = random_points(120_001)
        answer = self.planner.predict(points, coefficient_set="joint-2025")
        self.assertEqual(len(answer), len(points))
        for row in (0, 49_999, 50_000, 99_999, 100_000, 120_000):
            single = self.planner.predict(points.iloc[[row]],
                                          coefficient_set="joint-2025")
            for column in ("loss", "extrapolation_decades", "extrapolated"):
                self.assertEqual(single[column].iloc[0], answer[column].iloc[row])

    def test_points_intervals_and_gradients(self):
        step = 1e-5
        point = moeplan.Point(active_params=2e8, training_tokens=8e9,
                              expansion_rate=8)
        larger = dataclasses.replace(point, active_params=2e8 * (1 + step))
        answer = self.planner.predict([point, larger], intervals=True,
                                      gradients=True, coefficient_set="joint-2025")
        slope = (answer["loss"][1] - answer["loss"][0]) / numpy.log1p(step)
        self.assert_relative(answer["loss_gradient_log_params"][0], slope, 1e-4)
        self.assertLess(answer["loss_lower"][0], answer["loss"][0])
        self.assertLess(answer["loss"][0], answer["loss_upper"][0])
        self.assertEqual(answer["interval_basis"][0], "RESIDUAL")
        self.assertEqual(answer["extrapolated"][0], "")
        self.assertEqual(answer["extrapolation_decades"][0], 0)
        with self.assertRaisesRegex(ValueError, "expansion_rate is given for 1 of 2"):
            self.planner.predict([point,
                                  dataclasses.replace(point, expansion_rate=None)])

    def test_a_real_model(self):
        mixtral = moeplan.ModelShape(
            d_model=4096, vocabulary_size=32_000, label="Mixtral 8x7B",
            layer_groups=(moeplan.LayerGroup(
                layer_count=32,
                gqa=moeplan.GroupedQueryAttention(heads=32, kv_heads=8, head_dim=128),
                moe=moeplan.MoeFfn(routed_experts=8, experts_per_token=2,
                                   expert_width=14336, gated=True)),))
        answer = self.planner.predict(moeplan.ShapePoint(mixtral, 1e12),
                                      coefficient_set="joint-2025")
        self.assertEqual(answer["label"][0], "Mixtral 8x7B")
        self.assertEqual(answer["expansion_rate"][0], 4)  # docs/units.md
        self.assert_relative(answer["active_params"][0], 12.9e9, 0.02)

    def test_the_overhead_of_10000_rows(self):
        points = random_points(10_000)
        connection = self.planner._connection
        inner_call, spent = connection.call, []

        def timed_call(*arguments):
            start = time.perf_counter()
            try:
                return inner_call(*arguments)
            finally:
                spent.append(time.perf_counter() - start)

        connection.call = timed_call
        try:
            overheads = []
            for _ in range(7):
                start = time.perf_counter()
                self.planner.predict(points, coefficient_set="joint-2025")
                overheads.append(time.perf_counter() - start - spent[-1])
        finally:
            connection.call = inner_call
        best = min(overheads)
        print(f"10,000 rows: {1e3 * best:.1f} ms beyond the RPC "
              f"({1e3 * min(spent):.1f} ms), {best / POINTS_10K_BUDGET_SECONDS:.2f} "
              "of 100 ms")
        # A loaded machine may be slow; ten times the budget is a mistake.
        self.assertLess(best, 10 * POINTS_10K_BUDGET_SECONDS)


class PlanTest(ServerTestCase):
    def test_the_golden_optima(self):
        rows = golden_rows("optima.tsv")
        self.assertGreater(len(rows), 40)
        for row in rows:
            with self.subTest(row["id"]):
                limit = None
                if row["memory_kind"] != "none":
                    number = float(row["memory_limit"])
                    limit = moeplan.MemoryLimit(**{row["memory_kind"]: number})
                served = float(row["served_tokens"])
                answer = self.planner.optimal_config(
                    float(row["compute_budget_flops"]), memory_limit=limit,
                    serving_memory=moeplan.ServingMemory(
                        kv_cache_tokens=float(row["kv_cache_tokens"])),
                    serving_demand=(moeplan.ServingDemand(decode_tokens=served)
                                    if served else None),
                    search_space=moeplan.SearchSpace(
                        expansion_rates=(float(row["expansion_rate"]),),
                        granularities=(float(row["granularity"]),)),
                    coefficient_set=row["set"])
                optimum = answer.optimum
                self.assert_relative(optimum.loss, float(row["expected_loss"]),
                                     float(row["loss_tolerance"]))
                self.assert_relative(optimum.shape.active_params,
                                     float(row["expected_active_params"]),
                                     float(row["location_tolerance"]))

    def test_sweeps_equal_the_command_lines(self):
        for kind, flags, arguments in [
                ("memory", ["--compute", "1e22", "--kv-tokens", "16384",
                            "--at", "24GB,80GB,640GB,1kB"],
                 dict(train_flops=1e22, memory_bytes=[24e9, 80e9, 640e9, 1e3],
                      serving_memory=moeplan.ServingMemory(kv_cache_tokens=16384))),
                ("compute", ["--at", "1e19,1e21,1e23", "--set",
                             "fine-grained-2024-e64"],
                 dict(train_flops=[1e19, 1e21, 1e23],
                      coefficient_set="fine-grained-2024-e64"))]:
            with self.subTest(kind):
                expected = self.command_line_table("sweep", kind, *flags)
                ours = self.planner.sweep(**arguments)
                ours = ours.drop(columns="dense_to_plan_flops_ratio")
                self.assertEqual(list(ours.columns), list(expected.columns))
                pandas.testing.assert_frame_equal(
                    ours.astype(expected.dtypes), expected, rtol=1e-15)

    def test_a_plan_with_its_table(self):
        answer = self.planner.optimal_config(
            1e22, memory_limit=moeplan.MemoryLimit(bytes=80 * moeplan.GIB),
            serving_memory=moeplan.ServingMemory(kv_cache_tokens=16_000),
            pareto_point_count=5, alternative_count=2)
        self.assertIs(answer.outcome, answer.plan)
        self.assertEqual(answer.optimum.shape.expansion_rate, 16)  # README.md
        self.assertEqual(len(answer.plan.alternatives), 2)
        self.assertGreater(len(answer.pareto_points), 1)
        self.assertEqual({c.constraint for c in answer.plan.binding_constraints},
                         {"COMPUTE_BUDGET", "MEMORY_LIMIT"})
        self.assertGreater(answer.optimum.extrapolation_decades, 1)
        for phrase in ("<table>", "3.72B", "80 GiB", "2.111", "memory limit"):
            self.assertIn(phrase, answer._repr_html_())

    def test_a_question_without_an_answer(self):
        answer = self.planner.optimal_config(
            1e22, memory_limit=moeplan.MemoryLimit(bytes=1000))
        self.assertIsNone(answer.plan)
        self.assertIs(answer.outcome, answer.infeasible)
        by_limit = {item.constraint: item for item in answer.infeasible.relaxations}
        enough = by_limit["MEMORY_LIMIT"].smallest_value
        self.assertGreater(enough, 1000)
        with self.assertRaises(moeplan.NoModelFits) as caught:
            _ = answer.optimum
        self.assertIs(caught.exception.infeasible, answer.infeasible)
        self.assertIn("memory limit", answer._repr_html_())
        relaxed = self.planner.optimal_config(
            1e22, memory_limit=moeplan.MemoryLimit(bytes=int(enough) + 1))
        self.assertIsNotNone(relaxed.plan)

    def test_a_candidate(self):
        optimum = self.planner.optimal_config(1e21).optimum
        near = self.planner.evaluate(moeplan.Candidate(
            training_tokens=optimum.training_tokens,
            point=moeplan.CandidatePoint(
                active_params=optimum.shape.active_params,
                expansion_rate=optimum.shape.expansion_rate)),
            max_extrapolation_decades=3)
        self.assertEqual(near.verdict, "NEAR_OPTIMAL")
        self.assertLess(abs(near.loss_gap), 1e-9)
        far = self.planner.evaluate(
            moeplan.Candidate(training_tokens=1e12,
                              point=moeplan.CandidatePoint(active_params=1e9)),
            max_extrapolation_decades=3)
        self.assertEqual(far.verdict, "SUBOPTIMAL")
        self.assertGreater(far.compute_to_same_loss_ratio, 1)

    def test_the_least_compute_for_a_loss(self):
        least = self.planner.optimal_config(objective="LEAST_COMPUTE", target_loss=2.5,
                                            coefficient_set="joint-2025").optimum
        self.assert_relative(least.loss, 2.5, 1e-9)
        back = self.planner.optimal_config(least.flops.train_flops,
                                           coefficient_set="joint-2025").optimum
        self.assert_relative(back.loss, 2.5, 1e-9)

    def test_isoflop_profiles_bottom_at_their_optima(self):
        profiles = self.planner.isoflop_profiles(
            [1e19, 1e21], search_space=moeplan.SearchSpace(expansion_rates=(8,)))
        self.assertEqual(set(profiles["expansion_rate"]), {8.0})
        for _, rows in profiles.groupby("train_flops"):
            optimum = rows[rows["is_optimum"]]
            self.assertEqual(len(optimum), 1)
            self.assertLessEqual(optimum["loss"].iloc[0], rows["loss"].min() + 1e-12)


class FitTest(ServerTestCase):
    def test_runs_that_cannot_determine_the_law(self):
        report = self.planner.fit(
            read_runs(), "joint", progress=False,
            hold_out=moeplan.HoldOutRule(lowest_loss_run_count=10))
        self.assertEqual(report.reductions[0].coefficients,
                         ("b", "beta", "omega", "zeta"))  # README.md
        self.assertEqual(len(report.fitted.held_out_runs), 10)
        self.assertEqual(len(report.fitted.fitted_losses), 61)
        errors = report.errors_frame()
        self.assertEqual(errors.loc[("held out", ""), "run_count"], 10)
        coefficients = report.coefficients_frame()
        self.assertEqual(coefficients.loc["b", "state"], "REDUCED")
        self.assertIn("training_tokens = 130.5B", report._repr_html_())

    def test_a_fitted_set_is_stored_and_answers(self):
        seen = []
        report = self.planner.fit(
            read_runs(SYNTHETIC_RUNS), "joint", coefficient_set_id="fit-test",
            display_name="Fitted by a test", seed=7, on_progress=seen.append,
            start_count=8)
        self.assertEqual(report.fitted.coefficient_set.id, "fit-test")
        self.assertGreaterEqual(report.fitted.share_of_starts_at_best, 0.5)
        self.assertTrue(all(step.family == "joint" for step in seen))
        point = moeplan.Point(active_params=2e8, training_tokens=8e9, expansion_rate=8)
        ours = self.planner.predict(point, coefficient_set="fit-test")["loss"][0]
        law = self.planner.predict(point, coefficient_set="joint-2025")["loss"][0]
        self.assert_relative(ours, law, 0.002)  # noise of 0.4 % over 270 runs
        self.planner.delete_coefficient_set("fit-test")

    def test_several_families_and_a_refusal(self):
        result = self.planner.fit_families(read_runs(), ["joint", "dense"],
                                           start_count=4, progress=False)
        self.assertEqual([report.family for report in result.reports],
                         ["joint", "dense"])
        self.assertEqual(len(result.run_table_hash), 16)
        self.assertIsNotNone(result.reports[0].fitted)
        report = result.reports[1]
        self.assertIsNone(report.fitted)
        self.assertEqual(report.refusal.reason, "VARIABLE_NOT_IN_LAW")
        self.assertIn(report.refusal.message, report._repr_html_())
        self.assertTrue(report.errors_frame().empty)


class SetsTest(ServerTestCase):
    def test_a_set_comes_back_as_it_was_given(self):
        published = self.planner.get_coefficient_set("joint-2025")
        self.assertTrue(published.published)
        mine = dataclasses.replace(published, display_name="mine", source="a test")
        request_id = "00000000-0000-4000-8000-000000000001"
        stored = self.planner.create_coefficient_set("mine", mine,
                                                     request_id=request_id)
        again = self.planner.create_coefficient_set("mine", mine,
                                                    request_id=request_id)
        self.assertEqual(stored, again)
        self.assertEqual(stored.checksum, published.checksum)
        self.assertEqual(stored.name, "coefficientSets/mine")
        self.assertEqual(self.planner.get_coefficient_set("coefficientSets/mine"),
                         stored)
        self.assertIn("mine", [item.id for item in self.planner.coefficient_sets()])
        self.assertNotIn("mine", [item.id for item in self.planner.coefficient_sets(
            published_only=True)])
        with self.assertRaises(moeplan.AlreadyExists) as caught:
            self.planner.create_coefficient_set("mine", mine)
        self.assertEqual(caught.exception.reason, "SET_EXISTS")
        self.planner.delete_coefficient_set("mine")
        with self.assertRaises(moeplan.NotFound):
            self.planner.get_coefficient_set("mine")

    def test_info(self):
        info = self.planner.info()
        self.assertEqual({family.name for family in info.families},
                         {"joint", "fine_grained", "dense"})
        self.assertEqual(info.store_kind, "sqlite")
        self.assertEqual(info.start_time.utcoffset().total_seconds(), 0)

    def test_send_takes_any_request(self):
        from moeplan.v1 import coefficient_set_pb2, fit_from_runs_pb2

        page = self.planner.send(
            coefficient_set_pb2.ListCoefficientSetsRequest(page_size=2))
        self.assertEqual(len(page.coefficient_sets), 2)
        with self.assertRaises(TypeError):
            self.planner.send(fit_from_runs_pb2.FitFromRunsRequest())


class MirrorTest(unittest.TestCase):
    # Fields that the server does not serve yet and that are sent raw.
    NOT_MIRRORED = {"SearchSpace": {"realisable", "shape_rules"}}

    def test_dataclasses_have_the_fields_of_their_messages(self):
        from google.protobuf import descriptor_pool

        from moeplan.v1 import planner_pb2

        self.assertIsNotNone(planner_pb2)  # it brings all messages along
        pool = descriptor_pool.Default()
        mirrors = _mirror.registered()
        self.assertGreater(len(mirrors), 50)
        for name, cls in mirrors.items():
            with self.subTest(name):
                message = pool.FindMessageTypeByName(name)
                ours = {field.name for field in dataclasses.fields(cls)}
                left_out = self.NOT_MIRRORED.get(message.name, set())
                self.assertEqual(ours | left_out, set(message.fields_by_name))

    def test_the_version_is_the_repositorys(self):
        text = (ROOT / "CMakeLists.txt").read_text()
        self.assertRegex(text, rf"VERSION {moeplan.__version__}\b")


if __name__ == "__main__":
    unittest.main()
