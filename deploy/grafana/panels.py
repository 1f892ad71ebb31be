"""What the dashboard shows: its rows, and their panels with their queries.

`$F` in a query stands for the matchers of the dashboard's variables. Queries use
metrics of docs/metrics.md only, and $__rate_interval for every rate.
"""

from typing import NamedTuple


class Query(NamedTuple):
    expr: str
    legend: str


class Panel(NamedTuple):
    kind: str  # stat, timeseries, table or heatmap
    title: str
    description: str
    unit: str  # Grafana's id of the unit
    queries: list
    width: int = 8  # of 24 columns
    stacked: bool = False
    red_above: float = None  # a value that asks for attention


class Row(NamedTuple):
    title: str
    panels: list


FAULT = 'grpc_code=~"Internal|Unknown|DataLoss|Unavailable"'
REFUSED_BY_LOAD = 'grpc_code="ResourceExhausted"'


def rate(metric, matchers="", by=""):
    """The summed rate of a counter, per second."""
    chosen = f"$F,{matchers}" if matchers else "$F"
    grouped = f" by ({by})" if by else ""
    return f"sum{grouped} (rate({metric}{{{chosen}}}[$__rate_interval]))"


def quantile(share, histogram, matchers="", by=""):
    """A quantile of a histogram over the interval."""
    groups = f"le, {by}" if by else "le"
    return (f"histogram_quantile({share}, "
            f"{rate(histogram + '_bucket', matchers, groups)})")


def share(part, whole):
    """part / whole, or nothing while whole is 0."""
    return f"{part} / ({whole} > 0)"


METHOD = 'grpc_method=~"$method"'

OVERVIEW = Row("Overview", [
    Panel("stat", "Servers", "Servers that are scraped.", "short",
          [Query("count(moeplan_build_info{$F})", "servers")], width=4),
    Panel("stat", "Calls", "Calls begun per second, all methods.", "reqps",
          [Query(rate("grpc_server_started_total"), "calls")], width=4),
    Panel("stat", "Faults", "Share of the ended calls that the server failed: "
          "Internal, Unknown, DataLoss, Unavailable. What clients got wrong is "
          "not in it.", "percentunit",
          [Query(share(rate("grpc_server_handled_total", FAULT),
                       rate("grpc_server_handled_total")), "faults")],
          width=4, red_above=0.01),
    Panel("stat", "Predict, p99", "99 of 100 calls of Predict took at most this "
          "long, from the first byte in to the last byte out.", "s",
          [Query(quantile(0.99, "grpc_server_handling_seconds",
                          'grpc_method="Predict"'), "p99")], width=4),
    Panel("stat", "Coefficient sets", "Sets that are served, published ones "
          "included.", "short",
          [Query('max(moeplan_coefficient_sets{$F,state="served"})', "sets")],
          width=4),
    Panel("stat", "Quarantined sets", "Sets whose row in the store is damaged; "
          "they answer DATA_LOSS.", "short",
          [Query('sum(moeplan_coefficient_sets{$F,state="quarantined"})',
                 "sets")], width=4, red_above=1),
    Panel("table", "Builds", "Version and source revision of each server.",
          "none", [Query("moeplan_build_info{$F}", "")], width=24),
])

TRAFFIC = Row("Traffic and errors", [
    Panel("timeseries", "Calls by method", "Calls begun per second.", "reqps",
          [Query(rate("grpc_server_started_total", METHOD, "grpc_method"),
                 "{{grpc_method}}")], stacked=True),
    Panel("timeseries", "Calls that failed, by code",
          "Calls ended per second with a code other than OK. InvalidArgument, "
          "NotFound and FailedPrecondition are answers to what a client asked.",
          "reqps",
          [Query(rate("grpc_server_handled_total", METHOD + ',grpc_code!="OK"',
                      "grpc_code"), "{{grpc_code}}")], stacked=True),
    Panel("timeseries", "Faults and refusals",
          "Shares of the ended calls: failed by the server, and refused because "
          "a class of work was full (ResourceExhausted).", "percentunit",
          [Query(share(rate("grpc_server_handled_total", FAULT),
                       rate("grpc_server_handled_total")), "faults"),
           Query(share(rate("grpc_server_handled_total", REFUSED_BY_LOAD),
                       rate("grpc_server_handled_total")), "refused by load")]),
    Panel("timeseries", "Messages", "Messages per second; a fit sends many.",
          "ops",
          [Query(rate("grpc_server_msg_received_total"), "received"),
           Query(rate("grpc_server_msg_sent_total"), "sent")]),
    Panel("timeseries", "Unknown methods", "Calls per second of methods that this "
          "server does not know: a newer client, or a stranger.", "reqps",
          [Query(rate("grpc_server_started_total", 'grpc_method="unknown"'),
                 "unknown")]),
])

LATENCY = Row("Latency", [
    Panel("timeseries", f"Latency by method, {name}",
          f"{words} calls took at most this long: parsing, waiting, answering "
          "and sending included.", "s",
          [Query(quantile(number, "grpc_server_handling_seconds", METHOD,
                          "grpc_method"), "{{grpc_method}}")])
    for name, words, number in (("p50", "50 of 100", 0.5),
                                ("p90", "90 of 100", 0.9),
                                ("p99", "99 of 100", 0.99))
] + [
    Panel("heatmap", "Calls by latency", "Calls of the chosen methods per second "
          "in each bucket of latency.", "s",
          [Query(rate("grpc_server_handling_seconds_bucket", METHOD, "le"),
                 "{{le}}")], width=24),
])

PLANNER = Row("What is asked, and what limits the plans", [
    Panel("timeseries", "Plans by objective", "Answers of OptimalConfig per "
          "second.", "ops",
          [Query(rate("moeplan_plans_total", by="objective"),
                 "{{objective}}")], stacked=True),
    Panel("timeseries", "Plans that nothing satisfies",
          "Share of OptimalConfig's answers that are Infeasible: no model keeps "
          "all limits.", "percentunit",
          [Query(share(rate("moeplan_plans_total", 'outcome="infeasible"'),
                       rate("moeplan_plans_total")), "infeasible")]),
    Panel("timeseries", "What binds the plans",
          "Limits that held a plan, per second; a plan may count under several.",
          "ops",
          [Query(rate("moeplan_binding_constraints_total", 'outcome="plan"',
                      "constraint"), "{{constraint}}")], stacked=True),
    Panel("timeseries", "What admits no plan",
          "Limits that no model keeps, per second.", "ops",
          [Query(rate("moeplan_binding_constraints_total",
                      'outcome="infeasible"', "constraint"),
                 "{{constraint}}")], stacked=True),
    Panel("timeseries", "Answers outside the fitted box",
          "Share of predicted points and of plans that lie outside the data "
          "which their law was fitted to. Their loss is a guess.", "percentunit",
          [Query(share(rate("moeplan_predicted_points_total",
                            'extrapolation="outside"'),
                       rate("moeplan_predicted_points_total")), "predictions"),
           Query(share(rate("moeplan_plans_total", 'extrapolation="outside"'),
                       rate("moeplan_plans_total", 'outcome="plan"')), "plans")]),
    Panel("timeseries", "Predicted points", "Points answered by Predict per "
          "second.", "ops",
          [Query(rate("moeplan_predicted_points_total", by="extrapolation"),
                 "{{extrapolation}}")], stacked=True),
    Panel("timeseries", "Verdicts on candidates",
          "Evaluations of models that somebody means to train, per second.",
          "ops",
          [Query(rate("moeplan_evaluations_total", by="verdict"),
                 "{{verdict}}")], stacked=True),
])

FITS = Row("Fits", [
    Panel("timeseries", "Reports by outcome", "Reports of FitFromRuns per minute: "
          "fitted; reduced, where the runs do not determine all of the law; "
          "refused; illegal, where the best fit is no legal law.", "opm",
          [Query("60 * " + rate("moeplan_fits_total", by="family, outcome"),
                 "{{family}}, {{outcome}}")], stacked=True),
    Panel("timeseries", "Fits without a report", "Fits per minute that ended "
          "early, by reason.", "opm",
          [Query("60 * " + rate("moeplan_fit_failures_total", by="reason"),
                 "{{reason}}")], stacked=True),
    Panel("timeseries", "Time of a fit", "Half and 95 of 100 fits took at most "
          "this long.", "s",
          [Query(quantile(0.5, "moeplan_fit_duration_seconds"), "p50"),
           Query(quantile(0.95, "moeplan_fit_duration_seconds"), "p95")]),
    Panel("timeseries", "Starts", "Starting points tried per second.", "ops",
          [Query(rate("moeplan_fit_starts_total"), "starts")]),
    Panel("timeseries", "Starts at the best objective",
          "Share of a fit's starts that reached its best objective: median, and "
          "the lowest tenth of the fits. Low means that the data leave several "
          "minima.", "percentunit",
          [Query(quantile(0.5, "moeplan_fit_starts_at_best_ratio"), "median"),
           Query(quantile(0.1, "moeplan_fit_starts_at_best_ratio"),
                 "lowest tenth")]),
])

SATURATION = Row("Saturation", [
    Panel("timeseries", "Work in hand over its limit",
          "Calls running or waiting in each class of work over the number at "
          "which the next is refused.", "percentunit",
          [Query("max by (class) (moeplan_inflight{$F} / "
                 "moeplan_inflight_limit{$F})", "{{class}}")], red_above=0.8),
    Panel("timeseries", "Waiting time, p99", "From a call's arrival to the start "
          "of its work, 99 of 100 calls.", "s",
          [Query(quantile(0.99, "moeplan_queue_wait_seconds", by="class"),
                 "{{class}}")]),
    Panel("timeseries", "Calls refused", "Calls per second refused because their "
          "class was full.", "reqps",
          [Query(rate("moeplan_admission_rejected_total", by="class"),
                 "{{class}}")], stacked=True),
    Panel("timeseries", "Store, p99", "Operations of the store, 99 of 100.", "s",
          [Query(quantile(0.99, "moeplan_store_operation_seconds",
                          by="operation"), "{{operation}}")]),
    Panel("timeseries", "Store errors", "Failed operations per second, by kind.",
          "ops",
          [Query(rate("moeplan_store_errors_total", by="kind"), "{{kind}}")],
          stacked=True),
    Panel("timeseries", "CPU", "Processors in use by each server.", "short",
          [Query("rate(process_cpu_seconds_total{$F}[$__rate_interval])",
                 "{{instance}}")]),
    Panel("timeseries", "Memory", "Resident memory of each server.", "bytes",
          [Query("process_resident_memory_bytes{$F}", "{{instance}}")]),
    Panel("timeseries", "File descriptors over their limit",
          "A server that runs out of them takes no new connection, ever.",
          "percentunit",
          [Query("process_open_fds{$F} / process_max_fds{$F}",
                 "{{instance}}")], red_above=0.8),
    Panel("timeseries", "Threads", "Threads of each server.", "short",
          [Query("process_threads{$F}", "{{instance}}")]),
    Panel("timeseries", "Uptime", "Since each server started.", "s",
          [Query("time() - process_start_time_seconds{$F}", "{{instance}}")]),
    Panel("timeseries", "Abandoned calls", "Calls that no code of the server "
          "finished; more than 0 is a defect.", "short",
          [Query("sum(moeplan_reactor_abandoned_total{$F})", "abandoned")],
          red_above=1),
])

ROWS = [OVERVIEW, TRAFFIC, LATENCY, PLANNER, FITS, SATURATION]
