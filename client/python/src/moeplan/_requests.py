"""Requests from keyword arguments; the arguments have the names of the fields."""

from __future__ import annotations

import dataclasses
import uuid
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

from moeplan._mirror import set_field, to_message
from moeplan._tables import fill_run_columns
from moeplan.hardware import HardwareBudget

SET_PREFIX = "coefficientSets/"


def set_name(name_or_id: str) -> str:
    """coefficientSets/{id} of either form; empty stays empty."""
    if not name_or_id or name_or_id.startswith(SET_PREFIX):
        return name_or_id
    return SET_PREFIX + name_or_id


def new_request_id() -> str:
    return str(uuid.uuid4())


def optimal_config_request(pb: Any, *, train_flops: Optional[float],
                           hardware: Optional[HardwareBudget],
                           available_training_tokens: Optional[float],
                           coefficient_set: str, dense_coefficient_set: str,
                           fields: Mapping[str, Any]) -> Any:
    """OptimalConfigRequest; `fields` are set as they are where not None."""
    request = pb.OptimalConfigRequest(
        coefficient_set=set_name(coefficient_set),
        dense_coefficient_set=set_name(dense_coefficient_set))
    if train_flops is not None:
        request.budget.train_flops = train_flops
    if hardware is not None:
        if train_flops is not None:
            raise ValueError("the budget is either train_flops or hardware")
        to_message(hardware, request.budget.hardware)
    if available_training_tokens is not None:
        request.token_supply.available_training_tokens = available_training_tokens
    set_fields(request, fields)
    return request


def set_fields(message: Any, fields: Mapping[str, Any]) -> None:
    for name, value in fields.items():
        if value is not None:
            set_field(message, name, value)


@dataclasses.dataclass(frozen=True)
class FitQuestion:
    """The arguments of a fit that are fields of the request."""

    fields: Mapping[str, Any]
    fixed_coefficients: Optional[Mapping[str, float]]
    initial_coefficients: Optional[Mapping[str, float]]


def fit_request(pb: Any, runs: Any, families: Sequence[str], convention: Any,
                question: FitQuestion) -> Any:
    """FitFromRunsRequest, without progress and deadlines."""
    request = pb.FitFromRunsRequest(families=families)
    fill_run_columns(runs, request.runs)
    request.convention.CopyFrom(convention)
    set_fields(request, question.fields)
    for target, values in [
            (request.fixed_coefficients, question.fixed_coefficients),
            (request.initial_coefficients, question.initial_coefficients)]:
        for name, value in (values or {}).items():
            target.add(name=name, value=value)
    return request


def family_convention(info: Any, family: str) -> Any:
    """The convention of a family's paper, from GetServerInfoResponse.

    Errors: ValueError where the server knows no such family.
    """
    by_name: Dict[str, Any] = {item.name: item for item in info.families}
    if family not in by_name:
        raise ValueError(f"no law family is called {family!r}; the server has "
                         + ", ".join(sorted(by_name)))
    return by_name[family].convention


def unary_method(request: Any) -> Tuple[str, Any]:
    """Path and response type of the unary call that takes a request."""
    from google.protobuf import message_factory

    from moeplan.v1 import calibration_pb2, coefficient_set_pb2, planner_pb2

    wanted = request.DESCRIPTOR.full_name
    for file in (planner_pb2, coefficient_set_pb2, calibration_pb2):
        for service in file.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                if method.server_streaming or method.input_type.full_name != wanted:
                    continue
                return (f"/{service.full_name}/{method.name}",
                        message_factory.GetMessageClass(method.output_type))
    raise TypeError(f"no unary call of moeplan.v1 takes a {wanted}")
