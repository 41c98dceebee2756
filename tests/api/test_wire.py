from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from metronome_analytics.api.decode import kind
from metronome_analytics.api.endpoints import ENDPOINTS, Effect, Endpoint
from metronome_analytics.api.wire.kinds import INSTANT, JsonText
from metronome_analytics.changes.operations import OPERATIONS
from tests.spec import operations, response_fields, spec

if TYPE_CHECKING:
    from collections.abc import Iterator

# Fields of the OpenAPI file that no wire schema holds, each with its reason.
LEFT_OUT = {"url": "the secret address of a dashboard: given to whoever asks for it, held in no frame"}

# Endpoints the OpenAPI file does not describe, and who does.
_PLANS = "Plans only: declared by the Plans reference and the official SDK"
_PLANS_READS = ("costs", "billing_config", "plans", "plan_price_adjustments", "credit_grants", "credit_grant_entries")
_PLANS_WRITES = ("add_plan", "end_plan", "add_charge", "create_billing_config", "delete_billing_config")
NOT_IN_SPEC = dict.fromkeys((*_PLANS_READS, *_PLANS_WRITES), _PLANS)

# Largest pages that the vendor gives in prose only (fact sheet 1.6 and 2.2).
PROSE_LIMITS = {"subscription_seats": 10, "seat_balances": 100}

IN_SPEC = [endpoint for name, endpoint in ENDPOINTS.items() if name not in NOT_IN_SPEC]


def declared(dtype: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every field path below a wire dtype, in the notation of `response_fields`."""
    match dtype:
        case pl.Struct():
            for name, inner in dtype:
                where = f"{path}.{name}" if path else name
                yield where, inner
                yield from declared(inner, where)
        case pl.List():
            yield f"{path}[]", dtype.inner
            yield from declared(dtype.inner, f"{path}[]")
        case _:
            return


@pytest.mark.parametrize("endpoint", [e for e in IN_SPEC if e.effect is Effect.READ], ids=lambda e: e.name)
def test_every_field_of_the_spec_is_declared(endpoint: Endpoint) -> None:
    """The wire schema holds every field of the vendor's response schema, or the field stands in LEFT_OUT."""
    mine = dict(declared(endpoint.wire)) if endpoint.wire is not None else {}
    whole = tuple(f"{path}{end}" for path, dtype in mine.items() if isinstance(dtype, JsonText) for end in ".[")
    missing = set(response_fields(endpoint.path, endpoint.method)) - set(mine) - set(LEFT_OUT)
    # What is kept as JSON text is kept with all that is in it.
    assert {path for path in missing if not path.startswith(whole)} == set()


@pytest.mark.parametrize("endpoint", IN_SPEC, ids=lambda e: e.name)
def test_every_declared_type_is_the_spec_type(endpoint: Endpoint) -> None:
    """A field both know has the JSON type the vendor declares."""
    fits = {
        "text": {"string"},
        "number": {"number", "integer"},
        "flag": {"boolean"},
        "list": {"array"},
        "object": {"object", "map"},
        "any": {"string", "number", "integer", "boolean", "array", "object", "map", "any"},
    }
    mine = dict(declared(endpoint.wire)) if endpoint.wire is not None else {}
    theirs = response_fields(endpoint.path, endpoint.method)
    wrong = {
        path: (mine[path], kinds)
        for path, kinds in theirs.items()
        if path in mine and not kinds <= fits[kind(mine[path])]
    }
    assert wrong == {}


@pytest.mark.parametrize("endpoint", IN_SPEC, ids=lambda e: e.name)
def test_every_timestamp_of_the_spec_is_an_instant(endpoint: Endpoint) -> None:
    """No string ending like a timestamp's name is left as text."""
    mine = dict(declared(endpoint.wire)) if endpoint.wire is not None else {}
    suspects = {path for path in mine if path.endswith(("_timestamp", "_at", "_before", ".timestamp"))}
    # A tier starts at a quantity: as text in `tier`, as a number in `tiers`.
    assert {path for path in suspects if mine[path] != INSTANT and "tier" not in path} == set()


@pytest.mark.parametrize("endpoint", IN_SPEC, ids=lambda e: e.name)
def test_every_row_stands_in_the_spec(endpoint: Endpoint) -> None:
    """A row of the registry is an operation of the vendor's, and its largest page the documented one."""
    operation = spec()["paths"][endpoint.path][endpoint.method.lower()]
    if endpoint.cursor.place == "query":
        limits = [p["schema"] for p in map(resolved, operation["parameters"]) if p["name"] == "limit"]
    elif endpoint.cursor.place == "body":
        # System notifications take no body, and yet their answer has a cursor.
        content = operation.get("requestBody", {"content": {"application/json": {"schema": {"properties": {}}}}})[
            "content"
        ]
        body = resolved(content["application/json"]["schema"])
        limits = [resolved(node) for name, node in body["properties"].items() if name == "limit"]
    else:
        limits = []
    documented = [limit.get("maximum", PROSE_LIMITS.get(endpoint.name)) for limit in limits]
    # A limit without a documented maximum is not sent: the API's own page is as good as a guess.
    assert [limit for limit in documented if limit] == ([] if endpoint.page_limit is None else [endpoint.page_limit])


def resolved(node: Any) -> Any:
    """`node` with its `$ref` followed."""
    while "$ref" in node:
        target: Any = spec()
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


# What the vendor's operation ids begin with: those of reads, and those of operations that change something.
READS = ("get", "list", "search", "preview", "embeddable")
WRITES = (
    "add", "amend", "archive", "attempt", "cancel", "charge", "create", "delete", "disable", "edit", "ingest",
    "integrationCloudwatchLogger", "move", "regenerate", "release", "remove", "reset", "rotate", "schedule", "set",
    "update", "upsert", "void",
)  # fmt: skip


def test_every_documented_read_has_a_row_and_a_loader() -> None:
    """Each operation of the vendor's file is a read that we make, or a write; there are no exceptions."""
    reads = {str(endpoint): endpoint for endpoint in ENDPOINTS.values() if endpoint.effect is Effect.READ}
    documented = {name for name, id_ in operations().items() if id_.startswith(READS)}
    assert documented - set(reads) == set()
    assert {name for name, id_ in operations().items() if not id_.startswith((*READS, *WRITES))} == set()
    # The one call that only tries where it is told so: its loader tells it so, always.
    tries = {"preview_historical_invoices"}
    assert set(reads) - documented == {str(ENDPOINTS[name]) for name in {*_PLANS_READS, *tries}}
    assert all(endpoint.loader for endpoint in reads.values())


def test_the_effect_is_declared_and_not_the_verb() -> None:
    """Reads by POST are reads; the writes are those of the table of operations, and no others."""
    assert {e.name for e in ENDPOINTS.values() if e.effect is Effect.WRITE} == {o.endpoint for o in OPERATIONS.values()}
    assert {e.method for e in ENDPOINTS.values() if e.effect is Effect.READ} == {"GET", "POST"}
