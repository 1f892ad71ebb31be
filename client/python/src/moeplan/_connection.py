"""One lazy channel to a server, with deadlines, retries and decoded errors."""

from __future__ import annotations

import dataclasses
import ipaddress
import json
import os
import pathlib
import random
import threading
import time
from typing import Any, Callable, Iterator, List, Optional, Tuple, Union

import grpc

from moeplan.errors import (Aborted, MoePlanError, Overloaded, Unavailable,
                            from_rpc_error)

DEFAULT_ADDRESS = "127.0.0.1:7600"  # as the command line's
MAX_MESSAGE_BYTES = 16 << 20
FIRST_BACKOFF_SECONDS = 0.1
LONGEST_BACKOFF_SECONDS = 2.0
SHORTEST_WAIT_SECONDS = 0.001
LARGEST_SPREAD = 0.25

PathLike = Union[str, "os.PathLike[str]"]


@dataclasses.dataclass(frozen=True)
class Tls:
    """Files for TLS, in PEM. Without root certificates the system's count; a
    client certificate and its key go together (mutual TLS)."""

    root_certificates: Optional[PathLike] = None
    client_certificate: Optional[PathLike] = None
    client_key: Optional[PathLike] = None
    server_name: Optional[str] = None  # expected, where not the address's


TlsArgument = Union[None, bool, PathLike, Tls]


def tls_from(argument: TlsArgument) -> Optional[Tls]:
    """What an argument, or else the environment, says on TLS; None: plain text.

    Errors: ValueError for a value of MOEPLAN_TLS that is neither yes nor no.
    """
    if isinstance(argument, Tls):
        return argument
    files = Tls(_variable("MOEPLAN_TLS_ROOT_CERTIFICATES"),
                _variable("MOEPLAN_TLS_CLIENT_CERTIFICATE"),
                _variable("MOEPLAN_TLS_CLIENT_KEY"))
    if argument is None:
        text = (_variable("MOEPLAN_TLS") or "").lower()
        if text in ("1", "true", "yes", "on"):
            return files
        if text in ("0", "false", "no", "off"):
            return None
        if text:
            raise ValueError(f"MOEPLAN_TLS is {text!r}; expected 1 or 0")
        return files if files.root_certificates else None
    if isinstance(argument, bool):
        return files if argument else None
    return dataclasses.replace(files, root_certificates=argument)


def _variable(name: str) -> Optional[str]:
    return os.environ.get(name) or None


def is_loopback(address: str) -> bool:
    """True where packets to `address` do not leave the machine."""
    if address.startswith(("unix:", "unix-abstract:")):
        return True
    authority = address.rpartition("/")[2]
    host = authority.rpartition(":")[0].strip("[]") or authority
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Connection:
    """Calls of one server. Thread-safe; the channel is made by the first call."""

    def __init__(self, address: Optional[str], token: Optional[str],
                 tls: TlsArgument, retries: int,
                 allow_plaintext_token: bool) -> None:
        self.address = address or _variable("MOEPLAN_SERVER") or DEFAULT_ADDRESS
        self._tls = tls_from(tls)
        self._token = token or _variable("MOEPLAN_TOKEN")
        self._retries = retries
        if (self._token and self._tls is None and not is_loopback(self.address)
                and not allow_plaintext_token):
            raise ValueError(
                f"a token would travel to {self.address} in plain text: use TLS "
                "(tls=True), or say allow_plaintext_token=True")
        self._lock = threading.Lock()
        self._channel: Any = None
        self._process_id = 0
        self._is_closed = False

    def close(self) -> None:
        """Ends the channel; running calls end as Cancelled."""
        with self._lock:
            self._is_closed = True
            if self._channel is not None and self._process_id == os.getpid():
                self._channel.close()
            self._channel = None

    def call(self, method: str, request: Any, response_type: Any,
             timeout_seconds: float) -> Any:
        """One unary call, repeated as long as that may help."""

        def attempt(seconds_left: float) -> Any:
            stub = self._open().unary_unary(
                method, request_serializer=type(request).SerializeToString,
                response_deserializer=response_type.FromString)
            return stub(request, timeout=seconds_left, metadata=self._metadata())

        return self._repeat(attempt, timeout_seconds)

    def stream(self, method: str, request: Any, response_type: Any,
               timeout_seconds: float) -> Iterator[Any]:
        """The events of a streaming call. Closing the iterator, or leaving it
        by an exception, cancels the call."""
        deadline = time.monotonic() + timeout_seconds
        tries = 0
        while True:
            stub = self._open().unary_stream(
                method, request_serializer=type(request).SerializeToString,
                response_deserializer=response_type.FromString)
            call = stub(request, timeout=max(deadline - time.monotonic(), 0),
                        metadata=self._metadata())
            try:
                for event in call:
                    yield event
                return
            except grpc.RpcError as failure:
                self._wait(from_rpc_error(failure, self.address), tries, deadline)
                tries += 1
            finally:
                call.cancel()  # nothing to cancel after the end

    def _repeat(self, attempt: Callable[[float], Any],
                timeout_seconds: float) -> Any:
        deadline = time.monotonic() + timeout_seconds
        tries = 0
        while True:
            try:
                return attempt(max(deadline - time.monotonic(), 0))
            except grpc.RpcError as failure:
                self._wait(from_rpc_error(failure, self.address), tries, deadline)
                tries += 1

    def _wait(self, error: MoePlanError, tries: int, deadline: float) -> None:
        """Sleeps before the next try, or raises `error` where none may help."""
        wait_seconds = self._wait_seconds(error, tries)
        if wait_seconds is None or time.monotonic() + wait_seconds >= deadline:
            raise error from None
        time.sleep(wait_seconds)

    def _wait_seconds(self, error: MoePlanError, tries: int) -> Optional[float]:
        # Refused clients should not return together.
        spread = 1 + random.uniform(0, LARGEST_SPREAD)
        named_seconds = error.retry_delay_seconds
        if self._retries == 0:
            return None
        if isinstance(error, Overloaded) and named_seconds is not None:
            # Until the deadline: the server says when to come back.
            return max(named_seconds * spread, SHORTEST_WAIT_SECONDS)
        if tries >= self._retries or self._is_closed:
            return None
        if isinstance(error, (Unavailable, Aborted)):
            if named_seconds is not None:
                return max(named_seconds * spread, SHORTEST_WAIT_SECONDS)
            if isinstance(error, Unavailable):
                return spread * min(FIRST_BACKOFF_SECONDS * 2 ** tries,
                                    LONGEST_BACKOFF_SECONDS)
        return None

    def _metadata(self) -> List[Tuple[str, str]]:
        return [("authorization", f"Bearer {self._token}")] if self._token else []

    def _open(self) -> Any:
        with self._lock:
            if self._is_closed:
                raise ValueError("this MoePlanner is closed")
            if self._channel is None:
                self._channel = self._make_channel()
                self._process_id = os.getpid()
            elif self._process_id != os.getpid():
                raise RuntimeError(
                    "this MoePlanner was connected before a fork, which gRPC does "
                    "not survive: make one in the child process, started with "
                    'multiprocessing\'s "spawn" method')
            return self._channel

    def _make_channel(self) -> Any:
        options: List[Tuple[str, Any]] = [
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
            ("grpc.service_config",
             json.dumps({"loadBalancingConfig": [{"round_robin": {}}]})),
            # Retries are made here, where RetryInfo is honoured.
            ("grpc.enable_retries", 0),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.min_reconnect_backoff_ms", 100)]
        if is_loopback(self.address):
            options.append(("grpc.enable_http_proxy", 0))
        if self._tls is None:
            return grpc.insecure_channel(self.address, options)
        if self._tls.server_name:
            options.append(("grpc.ssl_target_name_override", self._tls.server_name))
        credentials = grpc.ssl_channel_credentials(
            root_certificates=_read(self._tls.root_certificates),
            private_key=_read(self._tls.client_key),
            certificate_chain=_read(self._tls.client_certificate))
        return grpc.secure_channel(self.address, credentials, options)


def _read(path: Optional[PathLike]) -> Optional[bytes]:
    return None if path is None else pathlib.Path(path).read_bytes()
