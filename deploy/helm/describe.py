#!/usr/bin/env python3
"""Writes what the comments of values.yaml say into the chart's README and schema.

  describe.py           writes README.md and the descriptions of values.schema.json
  describe.py --check   says what is out of date, exit code 1

Types stand in TYPES below; only keys whose type the default does not show.
"""

import json
import pathlib
import re
import sys

import yaml

CHART = pathlib.Path(__file__).resolve().parent / "moeplan"
KEY = re.compile(r"^( *)([A-Za-z_]+):")

# What the default does not show: null admits more, and maps of the user's own.
TYPES = {
    "terminationGracePeriodSeconds": {"type": ["integer", "null"], "minimum": 1},
    "imagePullSecrets": {"type": "array", "items": {"type": "object"}},
    "extraEnv": {
        "type": "array",
        "items": {"type": "object", "required": ["name"],
                  "properties": {"name": {"type": "string"}}},
    },
    "extraVolumes": {
        "type": "array",
        "items": {"type": "object", "required": ["name"],
                  "properties": {"name": {"type": "string"}}},
    },
    "extraObjects": {"type": "array", "items": {"type": ["object", "string"]}},
    "server.threads": {"type": "integer", "minimum": 0},
    "server.fitThreads": {"type": "integer", "minimum": 0},
    "tests.resources": {"type": "object"},
    "worker.jobs": {
        "type": "array",
        "items": {
            "type": "object", "required": ["name"],
            "additionalProperties": False,
            "properties": {
                **{key: {"type": "string"} for key in
                   ("name", "product", "suite", "dtype", "claim")},
                "device": {"enum": ["cuda", "cpu"]},
                "nodeSelector": {"type": "object",
                                 "additionalProperties": {"type": "string"}},
            }},
    },
    "worker.suite": {"enum": ["smoke", "standard", "full"]},
    "worker.dtype": {"type": "string", "pattern": "^(bf16|f32)(,(bf16|f32))*$"},
    "worker.backoffLimit": {"type": "integer", "minimum": 0, "maximum": 10},
    "worker.activeDeadlineSeconds": {"type": "integer", "minimum": 60},
    "worker.ttlSecondsAfterFinished": {"type": "integer", "minimum": 0},
    "commonLabels": {"type": "object", "additionalProperties": {"type": "string"}},
    "podLabels": {"type": "object", "additionalProperties": {"type": "string"}},
    "podAnnotations": {"type": "object", "additionalProperties": {"type": "string"}},
}
# Maps that are handed on to Kubernetes: their keys are not the chart's.
OPEN = {"resources", "tests.resources", "worker.resources", "podSecurityContext", "securityContext",
        "dashboards.labels"}


def comments(text):
    """The comment above each key, by its dotted path."""
    found, path, pending = {}, [], []
    for line in text.splitlines():
        if line.lstrip().startswith("# "):
            pending.append(line.strip()[2:])
            continue
        match = KEY.match(line)
        if match:
            path = path[: len(match[1]) // 2] + [match[2]]
            found[".".join(path)] = " ".join(pending)
        pending = []
    return found


def leaves(values, prefix=""):
    """Each value that a user sets, with its path; open maps are one value."""
    for key, value in values.items():
        path = prefix + key
        if isinstance(value, dict) and value and path not in OPEN:
            yield from leaves(value, path + ".")
        else:
            yield path, value


def type_of(value):
    for kind, name in ((bool, "boolean"), (int, "integer"), (str, "string"),
                       (list, "array"), (dict, "object")):
        if isinstance(value, kind):
            return name
    raise ValueError(f"no type for {value!r}: put it in TYPES")


def schema_of(values, said, prefix=""):
    properties = {}
    for key, value in values.items():
        path = prefix + key
        if isinstance(value, dict) and value and path not in OPEN:
            properties[key] = schema_of(value, said, path + ".")
        else:
            properties[key] = dict(TYPES.get(path) or {"type": type_of(value)})
        if said.get(path):
            properties[key]["description"] = said[path]
    return {"type": "object", "additionalProperties": False,
            "properties": properties}


def dump(node, indent=""):
    """JSON with one line for each value, so that the file can be read."""
    if "properties" not in node or node.get("additionalProperties") is not False:
        return json.dumps(node, ensure_ascii=False)
    inner = indent + "  "
    head = {k: v for k, v in node.items() if k != "properties"}
    lines = [f"{inner}{json.dumps(k)}: {json.dumps(v)}" for k, v in head.items()]
    rows = [f"{inner}  {json.dumps(key)}: {dump(child, inner + '  ')}"
            for key, child in node["properties"].items()]
    lines.append(f'{inner}"properties": {{\n' + ",\n".join(rows) + f"\n{inner}}}")
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}"


def schema(text):
    top = schema_of(yaml.safe_load(text), comments(text))
    top = {"$schema": "http://json-schema.org/draft-07/schema#",
           "title": "Values of the chart moeplan", **top}
    return dump(top) + "\n"


def readme(text, current):
    """README.md with the table between its marks written anew."""
    said = comments(text)
    rows = ["| value | default | what it says |", "|---|---|---|"]
    for path, value in leaves(yaml.safe_load(text)):
        default = json.dumps(value, ensure_ascii=False)
        rows.append(f"| `{path}` | `{default}` | {said[path]} |")
    table = "<!-- values -->\n" + "\n".join(rows) + "\n<!-- end of values -->"
    return re.sub(r"<!-- values -->.*<!-- end of values -->", lambda _: table,
                  current, flags=re.DOTALL)


def outdated():
    """Files that do not hold what they should, with what they should hold."""
    text = (CHART / "values.yaml").read_text()
    wanted = {
        "values.schema.json": schema(text),
        "README.md": readme(text, (CHART / "README.md").read_text()),
    }
    for name, content in wanted.items():
        path = CHART / name
        if not path.exists() or path.read_text() != content:
            yield path, content


def main():
    stale = list(outdated())
    for path, content in stale:
        if "--check" in sys.argv[1:]:
            print(f"{path.name} is out of date: run deploy/helm/describe.py")
        else:
            path.write_text(content)
            print(f"wrote {path}")
    return 1 if stale and "--check" in sys.argv[1:] else 0


if __name__ == "__main__":
    sys.exit(main())
