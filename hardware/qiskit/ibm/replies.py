"""Replies of IBM's service, checked field by field before anybody reads them.

Fields that nobody here reads may be anything. A schema names those that are read, by
request; `[]` stands for every entry of a list.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from attrs import define, evolve, field, frozen

from qml_qdl.circuits.errors import ServiceError


@frozen
class FieldType:
    """What a field holds.

    Args:
        words: What it is called in messages.
        fits: Whether a value is such.
        needed: Whether it has to be there.
        nullable: Whether null stands for its absence.
    """

    words: str
    fits: Callable[[Any], bool]
    needed: bool = True
    nullable: bool = False


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_moment(value: Any) -> bool:
    try:
        datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return False
    return True


def _types(
    words: str, fits: Callable[[Any], bool]
) -> tuple[FieldType, FieldType, FieldType]:
    """Needed; may be absent or null; may be absent, but not null."""
    return (
        FieldType(words, fits),
        FieldType(words, fits, False, True),
        FieldType(words, fits, False),
    )


TEXT, TEXT_OR_NULL, _ = _types("a text", lambda value: isinstance(value, str))
ID = FieldType("a text that is not empty", lambda v: isinstance(v, str) and bool(v))
NUMBER, NUMBER_OR_NULL, NUMBER_OR_NONE = _types("a number", _is_number)
WHOLE, WHOLE_OR_NULL, _ = _types("a whole number", _is_whole)
FLAG, _, FLAG_OR_NONE = _types("true or false", lambda value: isinstance(value, bool))
OBJECT, OBJECT_OR_NULL, _ = _types("an object", lambda value: isinstance(value, dict))
LIST, LIST_OR_NULL, LIST_OR_NONE = _types(
    "a list", lambda value: isinstance(value, list)
)
MOMENT, MOMENT_OR_NULL, _ = _types("a date and time", _is_moment)

Schema = Mapping[str, FieldType]

_QUANTITY: Schema = {"name": TEXT, "unit": TEXT, "value": NUMBER, "date": MOMENT}
_JOB: Schema = {
    "": OBJECT,
    "id": ID,
    "backend": TEXT_OR_NULL,
    "program": OBJECT,
    "program.id": ID,
    "session_id": TEXT_OR_NULL,
    "tags": LIST_OR_NULL,
}


def _inside(place: str, schema: Schema) -> dict[str, FieldType]:
    """A schema, of what is found at a place of another one."""
    return {f"{place}.{name}" if name else place: kind for name, kind in schema.items()}


SCHEMAS: dict[str, Schema] = {
    "POST /jobs": {"": OBJECT, "id": ID, "backend": TEXT_OR_NULL},
    "GET /jobs": {
        "": OBJECT,
        "jobs": LIST,
        "count": WHOLE,
        **_inside("jobs[]", _JOB),
    },
    "GET /jobs/[^/]+": {
        **_JOB,
        "state": OBJECT,
        "state.status": ID,
        "state.reason": TEXT_OR_NULL,
        "state.reason_code": WHOLE_OR_NULL,
        "state.reasonCode": WHOLE_OR_NULL,
    },
    "GET /jobs/[^/]+/metrics": {
        "": OBJECT,
        "usage": OBJECT_OR_NULL,
        "usage.qpu_charge_time_seconds": NUMBER_OR_NULL,
        "usage.status": TEXT_OR_NULL,
        "position_in_queue": WHOLE_OR_NULL,
        "estimated_completion_time": MOMENT_OR_NULL,
    },
    "GET /backends": {
        "": OBJECT,
        "devices": LIST,
        "devices[]": OBJECT,
        "devices[].name": ID,
        "devices[].status": OBJECT,
        "devices[].status.name": TEXT,
        "devices[].qubits": WHOLE,
        "devices[].queue_length": WHOLE,
    },
    "GET /backends/[^/]+/configuration": {
        "": OBJECT,
        "n_qubits": WHOLE,
        "backend_version": TEXT,
        "online_date": MOMENT,
        "basis_gates": LIST,
        "basis_gates[]": TEXT,
        "coupling_map": LIST_OR_NULL,
        "coupling_map[]": LIST,
        "coupling_map[][]": WHOLE,
        "gates": LIST,
        "gates[]": OBJECT,
        "gates[].name": TEXT,
        "gates[].parameters": evolve(LIST, nullable=True),
        "gates[].qasm_def": evolve(TEXT, nullable=True),
        "default_rep_delay": NUMBER_OR_NULL,
        "dt": NUMBER_OR_NULL,
        "supported_instructions": LIST_OR_NONE,
        "supported_instructions[]": TEXT,
    },
    "GET /backends/[^/]+/properties": {
        "": OBJECT,
        "backend_version": TEXT,
        "last_update_date": MOMENT,
        "qubits": LIST,
        "qubits[]": LIST,
        "qubits[][]": OBJECT,
        **_inside("qubits[][]", _QUANTITY),
        "gates": LIST,
        "gates[]": OBJECT,
        "gates[].gate": TEXT,
        "gates[].qubits": LIST,
        "gates[].qubits[]": WHOLE,
        "gates[].parameters": LIST,
        "gates[].parameters[]": OBJECT,
        **_inside("gates[].parameters[]", _QUANTITY),
        "general": LIST,
        "general[]": OBJECT,
        **_inside("general[]", _QUANTITY),
    },
    "GET /backends/[^/]+/status": {
        "": OBJECT,
        "state": FLAG,
        "status": TEXT,
        "length_queue": WHOLE,
        "backend_version": TEXT,
    },
    "GET /instances/usage": {
        "": OBJECT,
        "usage_consumed_seconds": NUMBER_OR_NONE,
        "usage_limit_seconds": NUMBER_OR_NULL,
        "usage_allocation_seconds": NUMBER_OR_NULL,
        "usage_limit_reached": FLAG_OR_NONE,
    },
    "POST /sessions": {"": OBJECT, "id": ID},
}
"""By request, the path without what comes before it, the fields that are read."""


@define
class _Node:
    """A field, and those inside it.

    Args:
        kind: What it holds; None if it may be anything.
        fields: Those of an object, by name.
        entries: Every entry of a list.
    """

    kind: FieldType | None = None
    fields: dict[str, _Node] = field(factory=dict)
    entries: _Node | None = None


@cache
def _tree(request: str) -> _Node:
    """The schema of a request, field within field."""
    root = _Node()
    for name, kind in SCHEMAS[request].items():
        node = root
        for part in re.findall(r"\[\]|[^.\[]+", name):
            if part == "[]":
                node.entries = node.entries or _Node()
                node = node.entries
            else:
                node = node.fields.setdefault(part, _Node())
        node.kind = kind
    return root


def check_reply(method: str, path: str, content: Callable[[], Any]) -> None:
    """Refuses an answer in which a field is not what it should be.

    Args:
        method: Of the request.
        path: Of the request.
        content: Gives the answer, decoded; a ValueError if it is no JSON.

    Raises:
        ServiceError: A field is missing, or holds something else.
    """
    for request in SCHEMAS:
        its_method, _, its_path = request.partition(" ")
        match = re.search(rf"{its_path}$", path)
        if method == its_method and match is not None:
            shown = f"{method} {match[0]}"
            try:
                reply = content()
            except ValueError as error:
                raise ServiceError(
                    f"IBM: the answer to {shown} should be JSON, got something else; "
                    "try again later"
                ) from error
            _check(shown, _tree(request), reply, ())
            return


def _check(request: str, node: _Node, value: Any, place: Sequence[str | int]) -> None:
    kind = node.kind
    if kind is not None and not kind.fits(value):
        if value is None and kind.nullable:
            return
        raise _wrong(request, place, kind, _shown(value))
    if node.fields and isinstance(value, dict):
        for name, inner in node.fields.items():
            if name in value:
                _check(request, inner, value[name], (*place, name))
            elif inner.kind is not None and inner.kind.needed:
                raise _wrong(request, (*place, name), inner.kind, "nothing")
    if node.entries is not None and isinstance(value, list):
        for number, entry in enumerate(value):
            _check(request, node.entries, entry, (*place, number))


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) < 40 else f"{text[:30]}…"


def _wrong(
    request: str, place: Sequence[str | int], kind: FieldType, got: str
) -> ServiceError:
    name = "".join(f"[{x}]" if isinstance(x, int) else f".{x}" for x in place)
    where = f"its field {name.removeprefix('.')!r}" if name else "it"
    return ServiceError(
        f"IBM: the answer to {request} is not what this library knows: {where} should "
        f"be {kind.words}, got {got}; try again later, or update qml-qdl"
    )
