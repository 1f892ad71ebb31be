"""A client of the Kubernetes API that shows what kubectl hides: warnings."""

import http.client
import json
import re
import ssl
import time
import urllib.parse

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"


class Reply:
    def __init__(self, request, response):
        self.request = request
        self.status = response.status
        self.warnings = response.headers.get_all("Warning") or []
        text = response.read().decode()
        is_json = response.headers.get_content_type() == JSON
        self.body = json.loads(text) if is_json else text

    @property
    def succeeded(self):
        return 200 <= self.status < 300

    @property
    def message(self):
        """What the server said against the request."""
        if isinstance(self.body, dict):
            return self.body.get("message", "")
        return self.body

    def __str__(self):
        return f"{self.request}: {self.status} {self.message} {self.warnings}"


class RefusedError(Exception):
    """The server did not do what was asked, or warned."""


def gently(reply):
    """The body of a reply that succeeded without a warning."""
    if not reply.succeeded or reply.warnings:
        raise RefusedError(str(reply))
    return reply.body


class Api:
    def __init__(self, port, authority, token):
        self._port = port
        self._context = ssl.create_default_context(cafile=authority)
        self._token = token
        self._resources = {}

    def call(self, method, path, body=None, content_type=JSON, **query):
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self._port, context=self._context, timeout=30)
        try:
            connection.request(
                method, f"{path}?{urllib.parse.urlencode(query)}",
                body=None if body is None else json.dumps(body),
                headers={"Authorization": f"Bearer {self._token}",
                         "Content-Type": content_type, "Accept": JSON})
            return Reply(f"{method} {path}", connection.getresponse())
        finally:
            connection.close()

    def _kinds(self, version):
        """Each kind of an apiVersion: its plural and whether it has a namespace."""
        root = "/api/v1" if version == "v1" else f"/apis/{version}"
        if version not in self._resources:
            found = gently(self.call("GET", root))["resources"]
            self._resources[version] = {
                each["kind"]: (f"{root}/", each["name"], each["namespaced"])
                for each in found if "/" not in each["name"]}
        return self._resources[version]

    def _collection(self, item, namespace):
        root, plural, namespaced = self._kinds(item["apiVersion"])[item["kind"]]
        if not namespaced:
            return root + plural
        namespace = item["metadata"].get("namespace", namespace)
        return f"{root}namespaces/{namespace}/{plural}"

    def create(self, item, namespace="default", dry_run=False):
        """The reply to an object; unknown and doubled fields are refused."""
        query = {"fieldValidation": "Strict", **({"dryRun": "All"} if dry_run else {})}
        return self.call("POST", self._collection(item, namespace), item, **query)

    def path(self, item, namespace="default"):
        return f"{self._collection(item, namespace)}/{item['metadata']['name']}"

    def read(self, item, namespace="default"):
        """An object as the server holds it."""
        return gently(self.call("GET", self.path(item, namespace)))

    def find(self, version, kind, namespace, name):
        return self.read({"apiVersion": version, "kind": kind,
                          "metadata": {"name": name}}, namespace)

    def _versions(self):
        groups = gently(self.call("GET", "/apis"))["groups"]
        return ["v1", *(each["preferredVersion"]["groupVersion"] for each in groups)]

    def everything(self, passing=("Event", "Lease")):
        """(kind, namespace, name) of all objects but those that come by themselves."""
        found = set()
        self._resources.clear()
        for version in self._versions():
            root = "/api/v1" if version == "v1" else f"/apis/{version}"
            for each in gently(self.call("GET", root))["resources"]:
                if "list" not in each["verbs"] or each["kind"] in passing:
                    continue
                reply = self.call("GET", f"{root}/{each['name']}")
                if not reply.succeeded:
                    raise RefusedError(str(reply))
                found |= {(each["kind"], item["metadata"].get("namespace", ""),
                           item["metadata"]["name"]) for item in reply.body["items"]}
        return found


def wait(what, condition, seconds=60):
    """Polls until the condition yields something, and returns that."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(0.05)


UNITS = {"": 1, "m": 1e-3, **{unit: 1000 ** power for power, unit in
                              enumerate("kMGTPE", 1)},
         **{unit + "i": 1024 ** power for power, unit in enumerate("KMGTPE", 1)}}


def _quantity(value):
    match = re.fullmatch(r"([0-9.]+)([numkKMGTPE]?i?)", str(value))
    return float(match[1]) * UNITS[match[2]] if match and match[2] in UNITS else None


def missing(wanted, held, where=""):
    """Where an object lacks or changes what was asked of it; more is no fault."""
    if isinstance(wanted, dict) and isinstance(held, dict):
        for key, value in wanted.items():
            # The server drops null, {} and [] in places, which say nothing.
            if value not in (None, {}, []) or key in held:
                yield from missing(value, held.get(key), f"{where}.{key}")
    elif isinstance(wanted, list) and isinstance(held, list):
        if len(wanted) != len(held):
            yield f"{where}: {len(wanted)} asked, {len(held)} held"
        for index, (one, other) in enumerate(zip(wanted, held)):
            yield from missing(one, other, f"{where}[{index}]")
    elif wanted != held and (_quantity(wanted) is None
                             or _quantity(wanted) != _quantity(held)):
        yield f"{where}: {wanted!r} asked, {held!r} held"
