#!/usr/bin/env python3
"""Writes the Grafana dashboard dashboards/moeplan.json from panels.py.

  dashboard.py           writes it
  dashboard.py --check   says whether the file is out of date, exit code 1

The JSON is provisioned as it is, from a file or a ConfigMap: it names its data
source by a variable, never by `__inputs`, which provisioning does not fill in.
"""

import json
import pathlib
import sys

import panels

FILE = pathlib.Path(__file__).resolve().parent / "dashboards" / "moeplan.json"
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
MATCHERS = 'namespace=~"$namespace",job=~"$job",instance=~"$instance"'
HEIGHTS = {"stat": 4, "table": 5, "timeseries": 8, "heatmap": 8}
COLUMNS = 24
REFRESH_ON_TIME_RANGE = 2


def query_variable(name, label, query, all_value=None):
    """A variable of the values of a label, several at once.

    "All" means the values found, unless all_value stands for them.
    """
    return {"name": name, "label": label, "type": "query", "datasource": SOURCE,
            "query": {"query": query, "refId": name}, "definition": query,
            "refresh": REFRESH_ON_TIME_RANGE, "sort": 1, "multi": True,
            "includeAll": True, "allValue": all_value,
            "current": {"text": ["All"], "value": ["$__all"]}}


def variables():
    """Data source, namespace, job, instance, method."""
    # Without Kubernetes no series has a namespace: only .* matches that. "All"
    # jobs are those that export moeplan_build_info, not every gRPC server there.
    return [
        {"name": "datasource", "label": "Data source", "type": "datasource",
         "query": "prometheus", "current": {}, "hide": 0},
        query_variable("namespace", "Namespace",
                       "label_values(moeplan_build_info, namespace)", ".*"),
        query_variable("job", "Job", "label_values(moeplan_build_info"
                       '{namespace=~"$namespace"}, job)'),
        query_variable("instance", "Instance", "label_values(moeplan_build_info"
                       '{namespace=~"$namespace",job=~"$job"}, instance)', ".+"),
        query_variable("method", "Method",
                       "label_values(grpc_server_started_total"
                       '{namespace=~"$namespace",job=~"$job"}, grpc_method)',
                       ".+"),
    ]


def targets(panel):
    """The panel's queries."""
    made = []
    for index, query in enumerate(panel.queries):
        target = {"refId": chr(ord("A") + index), "datasource": SOURCE,
                  "expr": query.expr.replace("$F", MATCHERS),
                  "legendFormat": query.legend}
        if panel.kind in ("table", "stat"):
            target["instant"] = True
        if panel.kind == "table":
            target["format"] = "table"
        if panel.kind == "heatmap":
            target["format"] = "heatmap"
        made.append(target)
    return made


def defaults(panel):
    """Unit, limits and thresholds of the panel's values."""
    made = {"unit": panel.unit}
    steps = [{"color": "green", "value": None}]
    if panel.red_above is not None:
        steps.append({"color": "red", "value": panel.red_above})
    made["thresholds"] = {"mode": "absolute", "steps": steps}
    if panel.kind == "timeseries":
        made["min"] = 0
        made["custom"] = {"fillOpacity": 20 if panel.stacked else 5,
                          "stacking": {"mode": "normal" if panel.stacked
                                       else "none"},
                          "showPoints": "never"}
        if panel.red_above is not None:
            made["custom"]["thresholdsStyle"] = {"mode": "dashed"}
    return made


OPTIONS = {
    "stat": {"reduceOptions": {"calcs": ["lastNotNull"]}, "graphMode": "none"},
    "timeseries": {"legend": {"displayMode": "list", "placement": "bottom"},
                   "tooltip": {"mode": "multi", "sort": "desc"}},
    "table": {"showHeader": True},
    "heatmap": {"calculate": False, "yAxis": {"unit": "s"},
                "legend": {"show": True}},
}

# What a table of an instant query need not show.
HIDDEN_COLUMNS = {"id": "organize", "options": {"excludeByName": {
    "Time": True, "Value": True, "__name__": True}}}


def panel_json(panel, identity, x, y):
    """One panel at its place."""
    made = {"id": identity, "type": panel.kind, "title": panel.title,
            "description": panel.description, "datasource": SOURCE,
            "gridPos": {"x": x, "y": y, "w": panel.width,
                        "h": HEIGHTS[panel.kind]},
            "fieldConfig": {"defaults": defaults(panel), "overrides": []},
            "options": OPTIONS[panel.kind], "targets": targets(panel)}
    if panel.kind == "table":
        made["transformations"] = [HIDDEN_COLUMNS]
    return made


def all_panels():
    """Rows and panels, each line of panels filled from the left."""
    made, y = [], 0
    for row in panels.ROWS:
        made.append({"id": len(made) + 1, "type": "row", "title": row.title,
                     "collapsed": False, "panels": [],
                     "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1}})
        y, x, line_height = y + 1, 0, 0
        for panel in row.panels:
            if x + panel.width > COLUMNS:
                y, x, line_height = y + line_height, 0, 0
            made.append(panel_json(panel, len(made) + 1, x, y))
            x += panel.width
            line_height = max(line_height, HEIGHTS[panel.kind])
        y += line_height
    return made


def dashboard():
    """The whole dashboard."""
    return {
        "uid": "moeplan", "title": "moeplan", "tags": ["moeplan", "grpc"],
        "description": "The planning service for Mixture-of-Experts models: "
                       "traffic, plans, fits, saturation.",
        "schemaVersion": 38, "version": 1, "editable": False,
        "graphTooltip": 1, "refresh": "30s", "timezone": "",
        "time": {"from": "now-1h", "to": "now"},
        "annotations": {"list": []},
        "links": [{"type": "dashboards", "title": "moeplan dashboards",
                   "tags": ["moeplan"], "asDropdown": True,
                   "includeVars": True, "keepTime": True}],
        "templating": {"list": variables()}, "panels": all_panels(),
    }


def main():
    text = json.dumps(dashboard(), indent=2) + "\n"
    if sys.argv[1:] == ["--check"]:
        if not FILE.exists() or FILE.read_text() != text:
            print(f"{FILE} is out of date: run {pathlib.Path(__file__)}")
            return 1
        return 0
    FILE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
