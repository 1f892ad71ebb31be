"""Errors of calls, decoded from what the server says beside its status code."""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, List, Optional, Tuple, Type

_DETAILS_KEY = "grpc-status-details-bin"
_TYPE_PREFIX = "type.googleapis.com/google.rpc."


@dataclasses.dataclass(frozen=True)
class Violation:
    """One field of the request that broke one rule."""

    field: str  # path in proto names: budget.train_flops, runs.loss[3]
    rule: str  # "must be finite and > 0"
    value: str  # the value that breaks it, as the server read it; may be empty


@dataclasses.dataclass(frozen=True)
class Precondition:
    """Something that has to change before the call can succeed."""

    kind: str  # such as LAW_LACKS_VARIABLE
    subject: str
    description: str


class NoModelFits(ValueError):
    """The limits admit no model; `infeasible` says what it would take."""

    def __init__(self, infeasible: Any) -> None:
        super().__init__("no model fits the limits" if infeasible is None
                         else infeasible.message)
        self.infeasible = infeasible


class MoePlanError(Exception):
    """A call failed. The subclass says how, by gRPC status code.

    code: the canonical code, such as "INVALID_ARGUMENT".
    message: English, for developers.
    reason: UPPER_SNAKE_CASE, stable, for programs; empty where the error did
        not come from a moeplan server (no connection, deadline).
    metadata: every value that stands in the message, by name.
    violations: the fields that break rules; the first 20 of violation_count.
    preconditions: what has to change before the call can succeed.
    resource_name: the set that the call was about, or empty.
    quotas: limits that were reached, as sentences.
    retry_delay_seconds: when to come back; None where retrying is pointless or
        nothing is known.
    """

    code = "UNKNOWN"

    def __init__(self, message: str, *, code: Optional[str] = None,
                 reason: str = "", metadata: Optional[Dict[str, str]] = None,
                 violations: Tuple[Violation, ...] = (),
                 violation_count: int = 0,
                 preconditions: Tuple[Precondition, ...] = (),
                 resource_name: str = "", quotas: Tuple[str, ...] = (),
                 retry_delay_seconds: Optional[float] = None) -> None:
        self.code = code or type(self).code
        self.message = message
        self.reason = reason
        self.metadata = metadata or {}
        self.violations = violations
        self.violation_count = max(violation_count, len(violations))
        self.preconditions = preconditions
        self.resource_name = resource_name
        self.quotas = quotas
        self.retry_delay_seconds = retry_delay_seconds
        super().__init__(self._text())

    def _text(self) -> str:
        lines = [self.message]
        for violation in self.violations:
            value = f"; got {violation.value}" if violation.value else ""
            line = f"  {violation.field} {violation.rule}{value}"
            if line.strip() not in self.message:
                lines.append(line)
        hidden = self.violation_count - len(self.violations)
        if hidden > 0:
            lines.append(f"  and {hidden} more")
        for precondition in self.preconditions:
            if precondition.description not in self.message:
                lines.append(f"  {precondition.subject}: "
                             f"{precondition.description}")
        lines += [f"  {quota}" for quota in self.quotas]
        return "\n".join(lines)


class InvalidArgument(MoePlanError):
    """A field breaks its rule; `violations` name each. Do not retry."""

    code = "INVALID_ARGUMENT"


class OutOfRange(MoePlanError):
    """strict was asked for, and the answer lies outside the fitted box."""

    code = "OUT_OF_RANGE"


class NotFound(MoePlanError):
    """The coefficient set is missing; `resource_name` says which."""

    code = "NOT_FOUND"


class AlreadyExists(MoePlanError):
    """The id is taken (SET_EXISTS), or the request id was used with another
    body (REQUEST_ID_REUSED)."""

    code = "ALREADY_EXISTS"


class FailedPrecondition(MoePlanError):
    """The set's law lacks what the question needs, or the set cannot be
    deleted; `preconditions` say why."""

    code = "FAILED_PRECONDITION"


class Unimplemented(MoePlanError):
    """This server does not serve a part of the request; the message names the
    field."""

    code = "UNIMPLEMENTED"


class ResourceExhausted(MoePlanError):
    """A message was too large, the store is full, or the server is overloaded
    (then an Overloaded)."""

    code = "RESOURCE_EXHAUSTED"


class Overloaded(ResourceExhausted):
    """The server refuses work for now: repeat after `retry_delay_seconds`."""


class Unavailable(MoePlanError):
    """No connection, the server is draining, or its store is out of reach."""

    code = "UNAVAILABLE"


class DeadlineExceeded(MoePlanError):
    """There was no answer within the timeout."""

    code = "DEADLINE_EXCEEDED"


class Cancelled(MoePlanError):
    """The call was cancelled, by its caller or by close()."""

    code = "CANCELLED"


class Aborted(MoePlanError):
    """The server shut down during a fit."""

    code = "ABORTED"


class Unauthenticated(MoePlanError):
    """No token, or a wrong one."""

    code = "UNAUTHENTICATED"


class PermissionDenied(MoePlanError):
    """The token's role does not allow the call."""

    code = "PERMISSION_DENIED"


class DataLoss(MoePlanError):
    """What is stored fails its checksum."""

    code = "DATA_LOSS"


class Internal(MoePlanError):
    """A bug of the server; report it with the correlation id."""

    code = "INTERNAL"


_BY_CODE: Dict[str, Type[MoePlanError]] = {
    cls.code: cls for cls in MoePlanError.__subclasses__()}


def _split_rule(description: str) -> Tuple[str, str]:
    rule, _, value = description.partition("; got ")
    return rule, value


def _details(error: Any) -> Dict[str, bytes]:
    """The packed details by the short name of their type."""
    from moeplan.v1 import error_details_pb2

    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS_KEY:
            status = error_details_pb2.ErrorStatus()
            try:
                status.ParseFromString(value)
            except Exception:  # protobuf's DecodeError differs by runtime
                return {}
            return {detail.type_url[len(_TYPE_PREFIX):]: detail.value
                    for detail in status.details
                    if detail.type_url.startswith(_TYPE_PREFIX)}
    return {}


def from_rpc_error(error: Any, address: str = "") -> MoePlanError:
    """The exception for a grpc.RpcError, with the server's details decoded."""
    from moeplan.v1 import error_details_pb2 as pb

    packed = _details(error)

    def detail(cls: Any) -> Any:
        message = cls()
        message.ParseFromString(packed.get(cls.DESCRIPTOR.name, b""))
        return message

    info = detail(pb.ErrorInfo)
    violations: List[Violation] = [
        Violation(v.field, *_split_rule(v.description))
        for v in detail(pb.BadRequest).field_violations]
    announced = info.metadata.get("violation_count", "")
    delay = None
    if "RetryInfo" in packed:
        retry = detail(pb.RetryInfo).retry_delay
        delay = retry.seconds + retry.nanos / 1e9
    code = error.code().name
    message = error.details() or code
    if code == "UNAVAILABLE" and not info.reason:
        message = f"cannot reach the server at {address}: {message}"
    cls = _BY_CODE.get(code, MoePlanError)
    if info.reason == "OVERLOADED":
        cls = Overloaded
    return cls(
        message, code=code, reason=info.reason, metadata=dict(info.metadata),
        violations=tuple(violations),
        violation_count=int(announced) if announced.isdigit() else 0,
        preconditions=tuple(
            Precondition(v.type, v.subject, v.description)
            for v in detail(pb.PreconditionFailure).violations),
        resource_name=detail(pb.ResourceInfo).resource_name,
        quotas=tuple(f"{v.subject}: {v.description}"
                     for v in detail(pb.QuotaFailure).violations),
        retry_delay_seconds=delay)
