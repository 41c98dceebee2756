"""Tests of the spec as a judge: measured on the vendor's own examples, then on spoilt copies of them."""

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from tests.spec import (
    TOLERATED_NULLS,
    Json,
    examples,
    json_schema,
    request_examples,
    request_validator,
    response_fields,
    response_problems,
    response_validator,
    spec,
)
from tests.spec.reduce import OPERATIONS, TARGET, reduce_spec, references, strip_prose, to_text

CUSTOMERS = "/v1/customers"
CUSTOMER = "/v1/customers/{customer_id}"
INVOICES = "/v1/customers/{customer_id}/invoices"
INVOICE = "/v1/customers/{customer_id}/invoices/{invoice_id}"
BREAKDOWNS = "/v1/customers/{customer_id}/invoices/breakdowns"
BALANCES = "/v1/contracts/customerBalances/list"
MANUAL_ENTRY = "/v1/contracts/addManualBalanceLedgerEntry"
PDF = "/v1/customers/{customer_id}/invoices/{invoice_id}/pdf"
ALERTS = "/v1/customer-alerts/list"
SCHEDULES = "/v1/contracts/listNamedSchedules"

every_operation = pytest.mark.parametrize(("method", "path"), OPERATIONS)

# Where the vendor's own example responses break the vendor's schema by the letter: the alert of the examples is of a
# type that only the Plans spec and the official client list.
VENDOR_WRONG = {
    ALERTS: ["$.data[0].alert.type"],
    "/v1/customer-alerts/get": ["$.data.alert.type"],
}
# And where they do under `strict` besides: the breakdown example carries a field that the spec declares neither for an
# invoice nor for a breakdown.
VENDOR_UNDECLARED = {BREAKDOWNS: ["$.data[0].subtotal", "$.data[1].subtotal"]}

# The operations without an example response, and why. Everything else has one with data in it.
WITHOUT_EXAMPLE = {
    MANUAL_ENTRY: "answers nothing",
    "/v1/customer-alerts/reset": "answers nothing",
    "/v1/customers/{customer_id}/setIngestAliases": "answers nothing",
    "/v1/customers/{customer_id}/updateConfig": "answers nothing",
    "/v1/customers/updateNamedSchedule": "answers nothing",
    "/v1/setCustomerBillingProviderConfigurations": "the vendor gives none",
    "/v1/archiveCustomerBillingProviderConfigurations": "the vendor gives none",
    "/v1/contracts/setUsageFilter": "answers nothing",
    PDF: "answers a document that is not JSON",
    "/v1/payments/list": "the vendor gives none",
    "/v1/contracts/getContractRateSchedule": "the vendor gives none",
    "/v1/contract-pricing/rate-cards/getRates": "the vendor gives none",
    "/v1/contract-pricing/rate-cards/getRateSchedule": "the vendor gives none",
    "/v1/auditLogs": "the vendor gives none",
    "/v1/customers/{customer_id}/purchasedSeats": "the vendor gives none",
    "/v1/services": "the vendor gives none",
    "/v1/contracts/scheduleProServicesInvoice": "the vendor gives none",
    "/v1/contracts/createHistoricalInvoices": "the vendor gives none",
}
SEVERAL_EXAMPLES = {"/v1/usage/groups": 2}


def only_example(path: str, method: str) -> Json:
    """Return the vendor's one example of an operation."""
    (example,) = examples(path, method).values()
    return example


def data_of(example: Any) -> Any:
    """What an example holds; the few answers without `data` are it themselves."""
    return example["data"] if isinstance(example, dict) and "data" in example else example


def paths_of(value: object, path: str = "") -> Iterator[str]:
    """Yield the field paths that a document uses, in the notation of `response_fields`."""
    if isinstance(value, dict):
        for name, member in value.items():
            below = f"{path}.{name}" if path else name
            yield below
            yield from paths_of(member, below)
    if isinstance(value, list):
        for element in value:
            yield f"{path}[]"
            yield from paths_of(element, f"{path}[]")


# --- The reduced file -------------------------------------------------------------------------------------------


def test_reduced_spec_holds_exactly_the_listed_operations() -> None:
    """The file has the operations of the list and no others."""
    held = {(method.upper(), path) for path, item in spec()["paths"].items() for method in item.keys() - {"parameters"}}
    assert held == set(OPERATIONS)


def test_reduced_spec_is_its_own_reduction() -> None:
    """Reducing the file again gives the same bytes: nothing unreachable, nothing left to strip, one order."""
    assert to_text(reduce_spec(spec())) == TARGET.read_text(encoding="utf-8")


def test_every_reference_resolves() -> None:
    """Each $ref leads to a component of the file."""
    components = spec()["components"]
    for target in references(spec()):
        _, _, kind, name = target.split("/")
        assert name in components[kind], target


def test_reduced_spec_holds_no_prose() -> None:
    """No description, summary, tag list or vendor extension is left outside the examples."""

    def prose(node: object) -> Iterator[str]:
        if isinstance(node, dict):
            for key, value in node.items():
                if (key in {"description", "summary", "tags"} and not isinstance(value, dict)) or key.startswith("x-"):
                    yield key
                elif key not in {"example", "examples"}:
                    yield from prose(value)
        elif isinstance(node, list):
            for element in node:
                yield from prose(element)

    assert list(prose(spec())) == []


def test_stripping_spares_fields_and_examples_named_like_prose() -> None:
    """A field called description and an example that uses it survive; the prose around them goes."""
    schema = {
        "description": "prose",
        "x-note": "prose",
        "properties": {"description": {"type": "string", "description": "prose"}, "tags": {"type": "array"}},
        "example": {"description": "data", "amount": 0.8},
    }
    assert strip_prose(schema) == {
        "properties": {"description": {"type": "string"}, "tags": {"type": "array"}},
        "example": {"description": "data", "amount": 0.8},
    }


def test_reduction_follows_references_and_drops_the_rest() -> None:
    """Components are kept when a kept operation reaches them, also through others and around a circle."""
    full: dict[str, Any] = {
        "openapi": "3.0.1",
        "info": {"title": "T", "version": "1", "description": "prose"},
        "tags": [{"name": "prose"}],
        "paths": {
            "/a": {
                "get": {"responses": {"200": {"$ref": "#/components/responses/A"}}},
                "post": {"responses": {"200": {"$ref": "#/components/responses/Unused"}}},
            },
        },
        "components": {
            "responses": {
                "A": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Node"}}}},
                "Unused": {},
            },
            "schemas": {"Node": {"properties": {"next": {"$ref": "#/components/schemas/Node"}}}, "Unused": {}},
        },
    }
    reduced = reduce_spec(full, [("GET", "/a")])
    assert list(reduced) == ["openapi", "info", "servers", "paths", "components"]
    assert list(reduced["paths"]["/a"]) == ["get"]
    assert {kind: list(named) for kind, named in reduced["components"].items()} == {
        "responses": ["A"],
        "schemas": ["Node"],
    }


def test_reduction_refuses_an_unknown_operation() -> None:
    """A misspelt line in the list is an error that names it."""
    with pytest.raises(LookupError, match="DELETE /v1/customers is not in the full spec"):
        reduce_spec(spec(), [("DELETE", CUSTOMERS)])


# --- The vendor's examples --------------------------------------------------------------------------------------


@every_operation
def test_examples_obey_the_schema(method: str, path: str) -> None:
    """By the letter of the vendor's schema the vendor's examples are wrong only where it is listed here."""
    for example in examples(path, method).values():
        assert [problem.path for problem in response_problems(path, method)(example)] == VENDOR_WRONG.get(path, [])


@every_operation
def test_undeclared_fields_of_the_examples_are_the_known_ones(method: str, path: str) -> None:
    """Under strict the vendor's examples have exactly the undeclared fields listed here."""
    for example in examples(path, method).values():
        problems = response_problems(path, method, strict=True)(example)
        known = [*VENDOR_WRONG.get(path, []), *VENDOR_UNDECLARED.get(path, [])]
        assert [problem.path for problem in problems] == known


@every_operation
def test_every_read_has_an_example(method: str, path: str) -> None:
    """All operations but those listed with a reason come with example responses that hold data, nearly all with one."""
    found = examples(path, method)
    assert len(found) == (0 if path in WITHOUT_EXAMPLE else SEVERAL_EXAMPLES.get(path, 1))
    assert all(data_of(example) for example in found.values())


def test_exceptions_are_about_listed_operations() -> None:
    """No list of exceptions names an operation that is not there."""
    known = {path for _, path in OPERATIONS}
    assert known >= VENDOR_WRONG.keys() | VENDOR_UNDECLARED.keys() | WITHOUT_EXAMPLE.keys() | SEVERAL_EXAMPLES.keys()


@every_operation
def test_example_requests_obey_the_schema(method: str, path: str) -> None:
    """Each of the vendor's example request bodies is valid under strict."""
    for example in request_examples(path, method).values():
        request_validator(path, method)({}, example)


def test_examples_belong_to_the_caller() -> None:
    """Changing an example changes neither the next one nor the spec."""
    only_example(CUSTOMERS, "GET")["data"].clear()
    assert only_example(CUSTOMERS, "GET")["data"]


# --- Responses --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("name", 5, "not of type"),
        ("name", None, "not of type"),
        ("ingest_aliases", "alias", "not of type"),
        ("id", "d7abd0cd", "uuid"),
        ("created_at", "2024-01-01", "date-time"),
        ("archived_at", 5, "not of type"),
    ],
)
def test_wrong_value_is_named_by_path(field: str, value: object, reason: str) -> None:
    """A wrong type, a null out of place and a bad format are each found at their JSON path."""
    answer = only_example(CUSTOMERS, "GET")
    answer["data"][0][field] = value
    (problem,) = response_problems(CUSTOMERS, "GET")(answer)
    assert problem.path == f"$.data[0].{field}"
    assert reason in problem.reason


def test_missing_required_field_is_found() -> None:
    """An object without a required field is reported at the object, with the field's name."""
    answer = only_example(CUSTOMER, "GET")
    del answer["data"]["external_id"]
    (problem,) = response_problems(CUSTOMER, "GET")(answer)
    assert problem.path == "$.data"
    assert "external_id" in problem.reason


def test_message_lists_the_first_problems_and_counts_the_rest() -> None:
    """The error names the operation, shows five problems and says how many more there are."""
    answer = only_example(CUSTOMERS, "GET")
    answer["data"] = answer["data"] * 8
    answer["data"][0]["name"] = 5  # eight times the same customer
    with pytest.raises(AssertionError) as caught:
        response_validator(CUSTOMERS, "GET")(answer)
    lines = str(caught.value).splitlines()
    assert lines[0] == "GET /v1/customers 200 disagrees with the spec:"
    assert lines[1].startswith("  $.data[0].name: ")
    assert lines[-1] == "  and 3 more"
    assert len(lines) == 7


def test_problem_inside_an_alternative_is_told_of_the_intended_one() -> None:
    """A spoilt ledger entry is judged as the kind its type names, not as none of fourteen."""
    answer = only_example(BALANCES, "POST")
    del answer["data"][0]["ledger"][0]["segment_id"]
    (problem,) = response_problems(BALANCES, "POST")(answer)
    assert problem.path == "$.data[0].ledger[0]"
    assert "segment_id" in problem.reason


def test_unknown_alternative_is_told_by_its_type() -> None:
    """A ledger entry of an unknown type is reported with that type."""
    answer = only_example(BALANCES, "POST")
    answer["data"][1]["ledger"][0]["type"] = "CREDIT_NEW"
    (problem,) = response_problems(BALANCES, "POST")(answer)
    assert problem == ("$.data[1].ledger[0]", "type 'CREDIT_NEW' fits none of 8 alternatives")


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "nullable": True},
        {"type": "string", "enum": ["A"], "nullable": True},
        {"allOf": [{"type": "string"}], "nullable": True},
        {"$ref": "#/components/schemas/Text", "nullable": True},
    ],
)
def test_nullable_allows_null_and_nothing_else(schema: Json) -> None:
    """OpenAPI's nullable works beside a type, an enum, an allOf and a $ref."""
    converted = {**json_schema(schema, strict=True), "components": {"schemas": {"Text": {"type": "string"}}}}
    validator = Draft202012Validator(converted)
    assert validator.is_valid(None)
    assert validator.is_valid("A")
    assert not validator.is_valid(5)


def test_neighbours_of_a_reference_are_ignored() -> None:
    """By OpenAPI 3.0 a type beside a $ref means nothing: an invoice's billable_status is text, not an object."""
    answer = only_example(INVOICE, "GET")
    answer["data"]["billable_status"] = "billable"
    response_validator(INVOICE, "GET", strict=True)(answer)


@pytest.mark.parametrize("field", sorted(TOLERATED_NULLS))
def test_tolerated_null_needs_no_nullable(field: str) -> None:
    """A field on the list of tolerated nulls may be null where the schema does not say so; its neighbour may not."""
    text = {"type": "string"}
    validator = Draft202012Validator(json_schema({"properties": {field: text, "other": text}}, strict=False))
    assert validator.is_valid({field: None})
    assert not validator.is_valid({field: 5})
    assert not validator.is_valid({"other": None})


def test_live_null_of_external_invoice_is_accepted() -> None:
    """An invoice without an external invoice may say so with null."""
    answer = only_example(INVOICE, "GET")
    answer["data"]["external_invoice"] = None
    response_validator(INVOICE, "GET", strict=True)(answer)


def test_undeclared_property_is_found_only_under_strict() -> None:
    """A new field deep inside an alternative passes by the letter and is named, alone, under strict."""
    answer = only_example(BALANCES, "POST")
    answer["data"][0]["ledger"][0]["balance_after"] = 1
    response_validator(BALANCES, "POST")(answer)
    (problem,) = response_problems(BALANCES, "POST", strict=True)(answer)
    assert problem == ("$.data[0].ledger[0].balance_after", "not declared in the spec")


def test_strict_names_a_wrong_value_without_echo() -> None:
    """Under strict a wrong value does not make its neighbours look undeclared."""
    answer = only_example(BALANCES, "POST")
    answer["data"][0]["balance"] = "1"
    assert [problem.path for problem in response_problems(BALANCES, "POST", strict=True)(answer)] == [
        "$.data[0].balance"
    ]


def test_strict_accepts_both_parts_of_an_all_of() -> None:
    """A breakdown has an invoice's fields and its own, and under strict neither part refuses the other's."""
    answer = only_example(BREAKDOWNS, "GET")
    for breakdown in answer["data"]:
        del breakdown["subtotal"]
    response_validator(BREAKDOWNS, "GET", strict=True)(answer)


def test_strict_tells_the_alternatives_apart() -> None:
    """A field of a commit is undeclared on a credit."""
    answer = only_example(BALANCES, "POST")
    answer["data"][1]["rollover_fraction"] = 0.5
    (problem,) = response_problems(BALANCES, "POST", strict=True)(answer)
    assert problem.path == "$.data[1].rollover_fraction"


def test_strict_leaves_free_objects_free() -> None:
    """Objects whose keys are the user's own take any key under strict."""
    answer = only_example(INVOICE, "GET")
    answer["data"]["custom_fields"] = {"anything": {"nested": 1}}
    answer["data"]["line_items"][0]["presentation_group_values"] = {"region": "eu", "team": None}
    response_validator(INVOICE, "GET", strict=True)(answer)
    assert Draft202012Validator(json_schema({"type": "object"}, strict=True)).is_valid({"anything": 1})


def test_answer_without_body_must_be_empty() -> None:
    """The manual balance entry answers nothing; a body there is a problem."""
    check = response_validator(MANUAL_ENTRY, "POST")
    check(None)
    check(b"")
    with pytest.raises(AssertionError, match="declares no body"):
        check({"data": {}})


def test_error_answers_are_judged_too() -> None:
    """A documented error status has its own schema."""
    response_validator(MANUAL_ENTRY, "POST", "404")({"message": "not found"})
    with pytest.raises(AssertionError, match="message"):
        response_validator(MANUAL_ENTRY, "POST", "404")({"error": "not found"})


def test_unknown_operation_and_status_are_errors() -> None:
    """Asking about what the spec does not hold is an error, never a pass."""
    with pytest.raises(LookupError, match="PUT /v1/customers is not in the reduced spec"):
        response_validator(CUSTOMERS, "PUT")
    with pytest.raises(LookupError, match="declares no answer 418, only 200"):
        response_validator(CUSTOMERS, "GET", "418")


# --- Requests ---------------------------------------------------------------------------------------------------

DAYS = {"starting_on": "2024-01-01T00:00:00Z", "ending_before": "2024-02-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("path", "query"),
    [
        (CUSTOMERS, {}),
        (CUSTOMERS, {"limit": "100", "only_archived": "true", "customer_ids": "a,b"}),
        (CUSTOMERS, {"customer_ids": ["a", "b"]}),
        (INVOICES, {"sort": "date_asc", "skip_zero_qty_line_items": "false"}),
        (BREAKDOWNS, {**DAYS, "window_size": "day"}),
    ],
)
def test_query_is_read_as_its_declared_types(path: str, query: dict[str, object]) -> None:
    """Numbers, booleans and comma-joined or repeated arrays are taken from text."""
    request_validator(path, "GET")(query, None)


@pytest.mark.parametrize(
    ("path", "query", "place"),
    [
        (CUSTOMERS, {"limit": "101"}, "$.query.limit"),
        (CUSTOMERS, {"limit": "many"}, "$.query.limit"),
        (CUSTOMERS, {"only_archived": "True"}, "$.query.only_archived"),
        (CUSTOMERS, {"salesforce_account_ids": ",".join("a" * 101)}, "$.query.salesforce_account_ids"),
        (CUSTOMERS, {"customer_id": "a"}, "$.query.customer_id: not declared"),
        (INVOICES, {"sort": "newest"}, "$.query.sort"),
        (INVOICES, {"sort": ["date_asc", "date_desc"]}, "$.query.sort"),
        (INVOICES, {"starting_on": "2024-01-01"}, "$.query.starting_on"),
        (BREAKDOWNS, {"starting_on": DAYS["starting_on"]}, '"ending_before" is a required'),
    ],
)
def test_wrong_query_is_refused(path: str, query: dict[str, object], place: str) -> None:
    """A value out of range, of the wrong type, undeclared or missing is named."""
    with pytest.raises(AssertionError) as caught:
        request_validator(path, "GET")(query, None)
    assert place in str(caught.value)


def test_wrong_body_is_refused() -> None:
    """A body out of range, misspelt, missing, or sent where none belongs is named."""
    check = request_validator(BALANCES, "POST")
    customer = {"customer_id": "13117714-3f05-48e5-a6e9-a66093f13b4d"}
    check({}, {**customer, "limit": 25})
    with pytest.raises(AssertionError, match=r"\$\.body\.limit"):
        check({}, {**customer, "limit": 26})
    with pytest.raises(AssertionError, match=r"\$\.body\.include_ledger: not declared"):
        check({}, {**customer, "include_ledger": True})
    with pytest.raises(AssertionError, match='"customer_id" is a required'):
        check({}, None)
    with pytest.raises(AssertionError, match=r"\$\.body"):
        request_validator(CUSTOMERS, "GET", strict=False)({}, customer)


def test_undeclared_request_fields_may_be_allowed() -> None:
    """Without strict a field newer than the spec may be sent, and the declared ones are still judged."""
    check = request_validator(MANUAL_ENTRY, "POST", strict=False)
    body = {**request_examples(MANUAL_ENTRY, "POST")["default"], "uniqueness_key": "k"}
    check({}, body)
    with pytest.raises(AssertionError, match=r"\$\.body\.amount"):
        check({}, {**body, "amount": "-1000"})


# --- Fields -----------------------------------------------------------------------------------------------------


def test_fields_have_paths_and_types() -> None:
    """Objects, arrays, their elements, maps and scalars are told apart by path and type."""
    fields = response_fields(INVOICES, "GET")
    assert {path: set(fields[path]) for path in fields if path.startswith("line_items[].tier")} == {
        "line_items[].tier": {"object"},
        "line_items[].tier.level": {"number"},
        "line_items[].tier.size": {"string"},
        "line_items[].tier.starting_at": {"string"},
    }
    assert fields["line_items"] == {"array"}
    assert fields["line_items[]"] == {"object"}
    assert fields["line_items[].product_tags[]"] == {"string"}
    assert fields["line_items[].is_prorated"] == {"boolean"}
    assert fields["line_items[].custom_fields"] == {"map"}
    assert fields["custom_fields"] == {"map"}
    assert fields["billable_status"] == {"string"}
    assert "" not in fields


def test_fields_of_a_list_and_of_one_object_agree() -> None:
    """A list's fields are its element's: listing and retrieving give the same paths."""
    assert response_fields(INVOICES, "GET") == response_fields(INVOICE, "GET")
    assert response_fields(CUSTOMERS, "GET") == response_fields(CUSTOMER, "GET")


def test_fields_of_alternatives_are_merged() -> None:
    """A balance has what a commit or a credit has; a breakdown what an invoice has and two more."""
    commits = response_fields("/v1/contracts/customerCommits/list", "POST").keys()
    credit = response_fields("/v1/contracts/customerCredits/list", "POST").keys()
    assert response_fields(BALANCES, "POST").keys() == commits | credit
    assert response_fields(BREAKDOWNS, "GET").keys() - response_fields(INVOICES, "GET").keys() == {
        "breakdown_start_timestamp",
        "breakdown_end_timestamp",
    }


def test_field_of_any_json_has_kind_any() -> None:
    """A field whose schema says nothing takes any JSON, which is its kind."""
    fields = response_fields(SCHEDULES, "POST")
    assert fields["segments[].value"] == {"any"}
    assert fields["segments[].starting_at"] == {"string"}
    assert [path for path in fields if path.startswith("segments[].value.")] == []


def test_strict_leaves_any_json_free() -> None:
    """Under strict a field that takes any JSON takes objects and lists too, and its neighbours stay closed."""
    answer = only_example(SCHEDULES, "POST")
    answer["data"][0]["segments"][0]["value"] = {"nested": [{"free": None}]}
    response_validator(SCHEDULES, "POST", strict=True)(answer)
    answer["data"][0]["segments"][0]["worth"] = 1
    (problem,) = response_problems(SCHEDULES, "POST", strict=True)(answer)
    assert problem == ("$.data[0].segments[0].worth", "not declared in the spec")


def test_answer_without_body_has_no_fields() -> None:
    """The write declares no fields, nor does a document."""
    assert response_fields(MANUAL_ENTRY, "POST") == {}
    assert response_fields(PDF, "GET") == {}


@every_operation
def test_examples_use_only_listed_fields(method: str, path: str) -> None:
    """Every field of the vendor's examples is among the fields, but for the known undeclared ones."""
    fields = response_fields(path, method)
    known = {problem.rsplit(".", 1)[-1] for problem in VENDOR_UNDECLARED.get(path, [])}
    for example in examples(path, method).values():
        data = data_of(example)
        for element in data if isinstance(data, list) else [data]:
            inside = {used for used in paths_of(element) if {"any", "map"} & fields.get(used.rpartition(".")[0], set())}
            assert set(paths_of(element)) - inside - fields.keys() == known
