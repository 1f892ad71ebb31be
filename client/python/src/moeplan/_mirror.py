"""Dataclasses that mirror messages of the API, field by field.

A mirror has the fields of its message under the same names and in the same
units. Absent values are None, repeated fields are tuples, enum values are their
proto names without the prefix ("NEAR_OPTIMAL"), timestamps are datetimes.
"""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any, Callable, Dict, Type, TypeVar

T = TypeVar("T")

_PACKAGE = "moeplan.v1."
_MIRRORS: Dict[str, type] = {}


def mirrors(message: str) -> Callable[[Type[T]], Type[T]]:
    """Registers a dataclass as the mirror of moeplan.v1.`message`."""

    def register(cls: Type[T]) -> Type[T]:
        _MIRRORS[_PACKAGE + message] = cls
        return cls

    return register


def registered() -> Dict[str, type]:
    """All mirrors by the full name of their message."""
    return dict(_MIRRORS)


def _is_repeated(field: Any) -> bool:
    # protobuf 6 has is_repeated and deprecates label.
    known = getattr(field, "is_repeated", None)
    return field.label == field.LABEL_REPEATED if known is None else known


def _prefix(enum: Any) -> str:
    """FLOP_RULE_ of FlopRule, by the value 0, which is X_UNSPECIFIED."""
    zero: str = enum.values_by_number[0].name
    return zero[: -len("UNSPECIFIED")]


def _enum_name(enum: Any, number: int) -> str:
    value = enum.values_by_number.get(number)
    # A newer server may know more than this client.
    return str(number) if value is None else value.name[len(_prefix(enum)):]


def _enum_number(enum: Any, name: str) -> int:
    prefix = _prefix(enum)
    upper = str(name).upper()
    value = enum.values_by_name.get(
        upper if upper.startswith(prefix) else prefix + upper)
    if value is None or value.number == 0:
        legal = [v.name[len(prefix):] for v in enum.values if v.number != 0]
        raise ValueError(
            f"{name!r} is no {enum.name}; expected one of {', '.join(legal)}")
    return int(value.number)


def _message_to_python(message: Any) -> Any:
    name = message.DESCRIPTOR.full_name
    if name == "google.protobuf.Timestamp":
        return message.ToDatetime(tzinfo=datetime.timezone.utc)
    if name == "google.protobuf.Duration":
        return message.ToTimedelta().total_seconds()
    return from_message(message)


def _field_to_python(message: Any, field: Any) -> Any:
    value = getattr(message, field.name)
    if _is_repeated(field):
        if field.message_type is not None:
            return tuple(_message_to_python(item) for item in value)
        if field.enum_type is not None:
            return tuple(_enum_name(field.enum_type, item) for item in value)
        return tuple(value)
    if field.has_presence and not message.HasField(field.name):
        return None
    if field.message_type is not None:
        return _message_to_python(value)
    if field.enum_type is not None:
        return _enum_name(field.enum_type, value)
    return value


def from_message(message: Any) -> Any:
    """The mirror of a message, filled.

    Errors: KeyError where the message has no mirror.
    """
    descriptor = message.DESCRIPTOR
    cls = _MIRRORS[descriptor.full_name]
    known = descriptor.fields_by_name
    return cls(**{field.name: _field_to_python(message, known[field.name])
                  for field in dataclasses.fields(cls) if field.name in known})


def to_message(value: Any, message: Any) -> Any:
    """Fills `message` from a mirror, and returns it. None leaves a field out.

    Errors: ValueError for an unknown enum value; TypeError where `value` is no
    mirror of the message or a field has another type.
    """
    descriptor = message.DESCRIPTOR
    expected = _MIRRORS[descriptor.full_name]
    if not isinstance(value, expected):
        raise TypeError(f"expected a {expected.__name__}, got {value!r:.80}")
    for field in dataclasses.fields(expected):
        item = getattr(value, field.name)
        if item is not None:
            set_field(message, field.name, item)
    return message


def set_field(message: Any, name: str, value: Any) -> None:
    """Sets one field from a Python value; see to_message."""
    field = message.DESCRIPTOR.fields_by_name[name]
    if _is_repeated(field):
        target = getattr(message, name)
        if field.message_type is not None:
            for item in value:
                to_message(item, target.add())
        elif field.enum_type is not None:
            target.extend(_enum_number(field.enum_type, item) for item in value)
        else:
            target.extend(value)
    elif field.message_type is None:
        try:
            setattr(message, name, _scalar(field, value))
        except TypeError as error:
            raise TypeError(f"{name}: {error}") from None
    elif field.message_type.full_name == "google.protobuf.Duration":
        getattr(message, name).FromTimedelta(datetime.timedelta(seconds=value))
    elif field.message_type.full_name == "google.protobuf.Timestamp":
        getattr(message, name).FromDatetime(value)
    else:
        target = getattr(message, name)
        target.SetInParent()
        to_message(value, target)


def _scalar(field: Any, value: Any) -> Any:
    if field.enum_type is not None:
        return _enum_number(field.enum_type, value)
    if field.cpp_type in (field.CPPTYPE_INT32, field.CPPTYPE_INT64):
        # 80e9 bytes are typed as a float; half a byte is a mistake.
        if isinstance(value, float) and value.is_integer():
            return int(value)
    return value
