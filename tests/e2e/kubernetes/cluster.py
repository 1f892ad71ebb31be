"""etcd and kube-apiserver on this machine, with Pod Security "restricted".

No controller and no kubelet runs, so that nothing makes pods of a Deployment or
runs one: a test plays their part where it needs it. Programs are those of
MOEPLAN_ETCD and MOEPLAN_KUBE_APISERVER.
"""

import base64
import contextlib
import json
import os
import pathlib
import secrets
import signal
import socket
import subprocess
import tempfile

import api

# The users, and contexts of Helm, with the group of each.
ADMIN = "admin"
RESEARCHER = "researcher"
GROUPS = {ADMIN: "system:masters", RESEARCHER: "research"}
ADMISSION = {
    "apiVersion": "apiserver.config.k8s.io/v1", "kind": "AdmissionConfiguration",
    "plugins": [{"name": "PodSecurity", "configuration": {
        "apiVersion": "pod-security.admission.config.k8s.io/v1",
        "kind": "PodSecurityConfiguration",
        "defaults": {f"{mode}{key}": value
                     for mode in ("enforce", "audit", "warn")
                     for key, value in (("", "restricted"), ("-version", "latest"))},
        "exemptions": {"usernames": [], "runtimeClasses": [], "namespaces": []},
    }}]}


def program(variable):
    path = os.environ.get(variable, "")
    if not os.access(path, os.X_OK):
        raise SystemExit(f"{variable} is {path!r}: it must be the path of a program; "
                         "scripts/setup --long puts it into build/tools")
    return pathlib.Path(path).resolve()


class Process:
    """A program whose output is kept, and shown when something goes wrong."""

    def __init__(self, folder, command):
        self.name = pathlib.Path(command[0]).name
        self._log = folder / f"{self.name}.log"
        self._told = False
        with self._log.open("wb") as log:
            # It dies with this test, even where that one is killed.
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *map(str, command)], cwd=folder,
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                env={"PATH": os.environ["PATH"]})

    def log(self):
        lines = self._log.read_text(errors="replace").splitlines()[-40:]
        return "\n".join([f"--- {self.name}:", *lines])

    def check(self):
        if self._process.poll() is not None and not self._told:
            self._told = True
            raise RuntimeError(f"{self.name} ended with {self._process.returncode}\n"
                               f"{self.log()}")

    def stop(self):
        self.check()
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(90)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise RuntimeError(f"{self.name} did not stop\n{self.log()}") from None


class Cluster:
    """A context: the servers run inside it."""

    def __init__(self):
        self._stack = contextlib.ExitStack()
        self._programs = [program("MOEPLAN_ETCD"), program("MOEPLAN_KUBE_APISERVER")]
        self._processes = []
        self._tokens = {user: secrets.token_hex(16) for user in GROUPS}

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            name = stack.enter_context(
                tempfile.TemporaryDirectory(prefix="moeplan-kube-"))
            self.folder = pathlib.Path(name)
            self._write_files()
            self._start(stack, self._etcd())
            self._start(stack, self._kube_apiserver(self._reserve_port(stack)))
            self._await_ready()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error):
        return self._stack.__exit__(*error)

    def _start(self, stack, command):
        process = Process(self.folder, command)
        stack.callback(process.stop)
        self._processes.append(process)

    def _reserve_port(self, stack):
        # Bound but not listening: nobody else gets the port, and kube-apiserver
        # shares it.
        held = stack.enter_context(socket.socket())
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind(("127.0.0.1", 0))
        self._port = held.getsockname()[1]
        return self._port

    def _write_files(self):
        (self.folder / "admission.json").write_text(json.dumps(ADMISSION))
        (self.folder / "tokens.csv").write_text("".join(
            f"{self._tokens[user]},{user},{user},{group}\n"
            for user, group in GROUPS.items()))
        subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey",
                        "-noout", "-out", "accounts.key"], cwd=self.folder, check=True)

    def _etcd(self):
        # A socket in the folder; etcd wants a host and a port all the same.
        return [self._programs[0], "--data-dir", "etcd", "--unsafe-no-fsync",
                "--listen-client-urls", "unix://etcd:0",
                "--advertise-client-urls", "unix://etcd:0",
                "--listen-peer-urls", "unix://peer:0"]

    def _kube_apiserver(self, port):
        return [
            self._programs[1], "--etcd-servers=unix://etcd:0",
            "--cert-dir=certificates",
            f"--secure-port={port}", "--bind-address=127.0.0.1",
            "--permit-port-sharing", "--advertise-address=127.0.0.1",
            "--endpoint-reconciler-type=none", "--service-cluster-ip-range=10.0.0.0/24",
            "--authorization-mode=RBAC", "--token-auth-file=tokens.csv",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-account-key-file=accounts.key",
            "--service-account-signing-key-file=accounts.key",
            "--admission-control-config-file=admission.json",
            # So that it is Pod Security that refuses.
            "--allow-privileged",
            # The controller that lets a claim go does not run.
            "--disable-admission-plugins=StorageObjectInUseProtection",
        ]

    def _await_ready(self):
        authority = self.folder / "certificates" / "apiserver.crt"

        def ready():
            for process in self._processes:
                process.check()
            if not authority.exists():
                return False
            with contextlib.suppress(OSError):
                self.api = api.Api(self._port, authority, self._tokens[ADMIN])
                return self.api.call("GET", "/readyz").succeeded
            return False
        try:
            api.wait("kube-apiserver", ready, 120)
        except TimeoutError as error:
            logs = "\n".join(process.log() for process in self._processes)
            raise RuntimeError(f"{error}\n{logs}") from None
        self._write_kubeconfig(authority)

    def _write_kubeconfig(self, authority):
        self.kubeconfig = self.folder / "kubeconfig"
        self.kubeconfig.touch(mode=0o600)
        self.kubeconfig.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": ADMIN,
            "clusters": [{"name": "test", "cluster": {
                "server": f"https://127.0.0.1:{self._port}",
                "certificate-authority-data":
                    base64.b64encode(authority.read_bytes()).decode()}}],
            "users": [{"name": user, "user": {"token": token}}
                      for user, token in self._tokens.items()],
            "contexts": [{"name": user, "context": {"cluster": "test", "user": user}}
                         for user in GROUPS]}))
