"""The vendor's OpenAPI file as a judge: of what we ask, of what we are answered, of what we declare.

`metronome-openapi.json` and `operations.json` here are written by `reduce.py`; never edit them by hand. Every
function takes a path as the spec spells it (``/v1/customers/{customer_id}``) and a method in any case.
"""

import copy
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema_rs

Json = dict[str, Any]

# Null is accepted for these fields whatever the schema says.
TOLERATED_NULLS = {
    "external_invoice": (
        "live invoices that no billing provider has seen carry null; the spec puts its nullable beside a $ref, "
        "where OpenAPI 3.0 says to ignore it"
    ),
}

_SHOWN = 5
_REASON_LENGTH = 200


class Problem(NamedTuple):
    """One disagreement with the spec: where in the document, and why."""

    path: str
    reason: str


@cache
def spec() -> Json:
    """Return the reduced OpenAPI document; shared by all callers, so read it only."""
    document: Json = json.loads(Path(__file__).with_name("metronome-openapi.json").read_text(encoding="utf-8"))
    return document


def operations() -> Mapping[str, str]:
    """Every operation of the vendor's whole file, as `METHOD path`, with its operation id."""
    named: Mapping[str, str] = json.loads(Path(__file__).with_name("operations.json").read_text(encoding="utf-8"))
    return named


# --- What the spec says of an operation -------------------------------------------------------------------------


def _operation(path_template: str, method: str) -> Json:
    operation: Json | None = spec()["paths"].get(path_template, {}).get(method.lower())
    if operation is None:
        msg = f"{method.upper()} {path_template} is not in the reduced spec: add it to OPERATIONS in reduce.py"
        raise LookupError(msg)
    return operation


def _resolve(node: Json) -> Json:
    while "$ref" in node:
        _, *keys = node["$ref"].split("/")
        node = spec()
        for key in keys:
            node = node[key]
    return node


def _json_content(holder: Json) -> Json | None:
    content: Json | None = holder.get("content", {}).get("application/json")
    return content


def _response_content(path_template: str, method: str, status: str = "200") -> Json | None:
    responses = _operation(path_template, method)["responses"]
    if status not in responses:
        known = ", ".join(sorted(responses))
        msg = f"{method.upper()} {path_template} declares no answer {status}, only {known}"
        raise LookupError(msg)
    return _json_content(_resolve(responses[status]))


# --- OpenAPI 3.0 schema to JSON Schema 2020-12 ------------------------------------------------------------------


def json_schema(schema: Json, *, strict: bool, whole: bool = True) -> Json:
    """Return an OpenAPI 3.0 schema as JSON Schema 2020-12.

    With `strict` an object that lists its properties accepts no others. It is closed where it is used and not
    where it is defined, so that the parts of an `allOf` (`whole=False`) do not refuse each other's properties.
    """
    if "$ref" in schema:  # OpenAPI 3.0 ignores what stands beside a $ref; only `nullable` is honoured, below
        converted: Json = {"$ref": schema["$ref"]}
    else:
        converted = {key: _convert_member(key, schema[key], strict=strict) for key in schema.keys() - _NOT_JSON_SCHEMA}
        if converted.get("type", "object") == "object" and not converted.keys() & _SAYS_WHICH_PROPERTIES:
            converted["additionalProperties"] = True  # a free object and any JSON stay free under `strict`
    if strict and whole and converted.get("type", "object") == "object":
        converted["unevaluatedProperties"] = False
    return _or_null(converted) if schema.get("nullable") else converted


_NOT_JSON_SCHEMA = frozenset({"deprecated", "discriminator", "example", "nullable"})
_SAYS_WHICH_PROPERTIES = frozenset({"additionalProperties", "allOf", "anyOf", "oneOf", "properties"})


def _convert_member(keyword: str, value: Any, *, strict: bool) -> Any:
    if keyword == "properties":
        properties = {name: json_schema(member, strict=strict) for name, member in value.items()}
        return {name: _or_null(member) if name in TOLERATED_NULLS else member for name, member in properties.items()}
    if keyword in {"allOf", "anyOf", "oneOf"}:
        return [json_schema(part, strict=strict, whole=False) for part in value]
    if keyword in {"additionalProperties", "items"} and isinstance(value, dict):
        return json_schema(value, strict=strict)
    return value


def _or_null(schema: Json) -> Json:
    if isinstance(schema.get("type"), str) and "enum" not in schema:
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


@cache
def _components(*, strict: bool) -> Json:
    schemas = spec()["components"]["schemas"]
    return {"schemas": {name: json_schema(schema, strict=strict, whole=False) for name, schema in schemas.items()}}


def _compile(schema: Json, *, strict: bool) -> jsonschema_rs.Validator:
    document = {**json_schema(schema, strict=strict), "components": _components(strict=strict)}
    return jsonschema_rs.Draft202012Validator(document, validate_formats=True, offline=True)


# --- Problems in words ------------------------------------------------------------------------------------------


class _Finding(NamedTuple):
    keys: tuple[str | int, ...]
    reason: str
    undeclared: tuple[str, ...] = ()


def _problems(errors: Iterable[jsonschema_rs.ValidationError]) -> list[Problem]:
    findings = list(_findings(errors))
    # JSON Schema calls every property of an object unevaluated once something else in it has failed; only the
    # findings that no other explains are told.
    explained = {finding.keys[:depth] for finding in findings for depth in range(len(finding.keys))}
    explained |= {finding.keys for finding in findings if not finding.undeclared}
    problems: list[Problem] = []
    for keys, reason, undeclared in findings:
        if not undeclared:
            problems.append(Problem(_json_path(keys), reason))
        elif keys not in explained:
            problems += [Problem(_json_path((*keys, name)), "not declared in the spec") for name in undeclared]
    return problems


def _findings(errors: Iterable[jsonschema_rs.ValidationError]) -> Iterator[_Finding]:
    for error in errors:
        keys, kind = tuple(error.instance_path), error.kind
        if isinstance(kind, jsonschema_rs.ValidationErrorKind.UnevaluatedProperties):
            yield _Finding(keys, "", tuple(kind.unexpected))
        elif isinstance(
            kind, jsonschema_rs.ValidationErrorKind.AnyOf | jsonschema_rs.ValidationErrorKind.OneOfNotValid
        ):
            intended = [branch for branch in kind.context if _is_intended(branch, error)]
            if intended:
                closest = min(intended, key=len)
                yield from _findings(closest)
            else:
                yield _Finding(keys, f"{_tell(error.instance)} fits none of {len(kind.context)} alternatives")
        else:
            yield _Finding(keys, _shorten(error.message))


def _is_intended(branch: list[jsonschema_rs.ValidationError], error: jsonschema_rs.ValidationError) -> bool:
    """Whether a failed alternative is the one meant: right JSON type, right value of its telling `type` field."""
    here, tag = error.instance_path, [*error.instance_path, "type"]
    return not any(cause.instance_path in (here, tag) and cause.kind.name in {"enum", "type"} for cause in branch)


def _tell(value: object) -> str:
    return f"type {value['type']!r}" if isinstance(value, dict) and "type" in value else _shorten(json.dumps(value))


def _json_path(keys: Iterable[str | int]) -> str:
    return "$" + "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)


def _shorten(reason: str) -> str:
    # The telling part of a message is at its end, the offending value at its start.
    return reason if len(reason) <= _REASON_LENGTH else f"{reason[:80]} ... {reason[-120:]}"


def _refuse(title: str, problems: list[Problem]) -> None:
    if problems:
        shown = [f"  {problem.path}: {problem.reason}" for problem in problems[:_SHOWN]]
        rest = [f"  and {len(problems) - _SHOWN} more"] if len(problems) > _SHOWN else []
        raise AssertionError("\n".join([f"{title} disagrees with the spec:", *shown, *rest]))


# --- Responses --------------------------------------------------------------------------------------------------


@cache
def response_problems(
    path_template: str, method: str, status: str = "200", *, strict: bool = False
) -> Callable[[object], list[Problem]]:
    """Return a function that lists where a decoded response body disagrees with the spec.

    `strict` also reports properties that the spec does not declare, once the rest of their object is right. An answer
    declared without a body may only be None or empty. Raises LookupError for an operation or status that the reduced
    spec does not hold.
    """
    content = _response_content(path_template, method, status)
    if content is None:
        return lambda body: [] if body in (None, "", b"") else [Problem("$", "the spec declares no body")]
    validator = _compile(content["schema"], strict=strict)
    return lambda body: _problems(validator.iter_errors(body))


@cache
def response_validator(
    path_template: str, method: str, status: str = "200", *, strict: bool = False
) -> Callable[[object], None]:
    """Return a function that raises AssertionError when a decoded response body disagrees with the spec.

    The message lists the first problems as JSON path and reason; options as in `response_problems`.
    """
    problems = response_problems(path_template, method, status, strict=strict)
    title = f"{method.upper()} {path_template} {status}"
    return lambda body: _refuse(title, problems(body))


# --- Requests ---------------------------------------------------------------------------------------------------


@cache
def request_validator(
    path_template: str, method: str, *, strict: bool = True
) -> Callable[[Mapping[str, object], object], None]:
    """Return a function of query and decoded body that raises AssertionError when the spec does not allow them.

    Query values are text, or lists of text for repeated keys; arrays may be comma-joined. A body of None means no
    body. `strict` reports undeclared parameters and fields: the server ignores a misspelt filter without a word.
    """
    operation = _operation(path_template, method)
    content = _json_content(_resolve(operation.get("requestBody", {})))
    parameters = [*spec()["paths"][path_template].get("parameters", []), *operation.get("parameters", [])]
    in_query = [parameter for parameter in map(_resolve, parameters) if parameter["in"] == "query"]
    schemas = {parameter["name"]: _resolve(parameter["schema"]) for parameter in in_query}
    required = [parameter["name"] for parameter in in_query if parameter.get("required")]
    request: Json = {
        "type": "object",
        "properties": {
            "query": {"type": "object", "properties": schemas, "required": required},
            "body": content["schema"] if content else {"enum": [{}]},
        },
    }
    validator = _compile(request, strict=strict)
    title = f"request {method.upper()} {path_template}"

    def check(query: Mapping[str, object], body: object) -> None:
        typed = {name: _from_text(value, schemas.get(name, {})) for name, value in query.items()}
        document = {"query": typed, "body": {} if body is None else body}
        _refuse(title, _problems(validator.iter_errors(document)))

    return check


def _from_text(value: object, schema: Json) -> object:
    """Return a query value as the type its schema asks for, or as it is when it does not read as one."""
    if schema.get("type") == "array":
        texts = value if isinstance(value, list | tuple) else [value]
        parts = [part for text in texts for part in (text.split(",") if isinstance(text, str) else [text])]
        return [_from_text(part, _resolve(schema.get("items", {}))) for part in parts]
    if isinstance(value, str) and schema.get("type") in {"boolean", "integer", "number"}:
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return value


# --- What a response may hold -----------------------------------------------------------------------------------


@cache
def response_fields(path_template: str, method: str) -> Mapping[str, frozenset[str]]:
    """Return every field path below `data` of the 200 answer with the JSON types the spec allows there.

    The few answers without `data` are their rows, or their object, themselves.

    `a.b` is a member of an object, `a[]` the element of an array, `a[].b` a member of that element; where `data` is
    itself an array the paths start inside its element. Types are string, number, integer, boolean, object, array,
    map for an object whose keys are free, and any for a field that takes any JSON. Alternatives (`oneOf`, `anyOf`,
    `allOf`) are merged. Null is not a type here. Empty for an answer without a JSON body.
    """
    content = _response_content(path_template, method)
    if content is None:
        return {}
    answer = _resolve(content["schema"])
    data = _resolve(answer.get("properties", {}).get("data", answer))
    found: dict[str, set[str]] = {}
    for path, kind in _fields(data["items"] if data.get("type") == "array" else data, "", ()):
        found.setdefault(path, set()).add(kind)
    found.pop("", None)  # data itself
    return {path: frozenset(found[path]) for path in sorted(found)}


def _fields(schema: Json, path: str, open_refs: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if "$ref" in schema:
        if schema["$ref"] in open_refs:  # a schema that holds itself has no last field: stop at the first round
            return
        open_refs = (*open_refs, schema["$ref"])
        schema = _resolve(schema)
    for part in (part for keyword in ("allOf", "anyOf", "oneOf") for part in schema.get(keyword, [])):
        yield from _fields(part, path, open_refs)
    properties = schema.get("properties", {})
    kind = schema.get("type")
    if kind == "object" and not properties and not schema.keys() & {"allOf", "anyOf", "oneOf"}:
        kind = "map"
    if kind is None and not schema.keys() & _SAYS_WHICH_PROPERTIES:
        kind = "any"  # a schema that says nothing: any JSON
    if kind is not None:
        yield path, kind
    if kind == "array":
        yield from _fields(schema["items"], f"{path}[]", open_refs)
    for name, member in properties.items():
        yield from _fields(member, f"{path}.{name}" if path else name, open_refs)


# --- The vendor's own examples ----------------------------------------------------------------------------------


def examples(path_template: str, method: str) -> dict[str, Json]:
    """Return the vendor's example bodies of the 200 answer by name, a lone one as "default"; the caller owns them."""
    return _examples(_response_content(path_template, method))


def request_examples(path_template: str, method: str) -> dict[str, Json]:
    """Return the vendor's example request bodies by name, a lone one as "default"; the caller owns them."""
    return _examples(_json_content(_resolve(_operation(path_template, method).get("requestBody", {}))))


def _examples(content: Json | None) -> dict[str, Json]:
    if content is None:
        return {}
    found = {name: example["value"] for name, example in content.get("examples", {}).items()}
    for holder in (content, _resolve(content["schema"])):
        if not found and "example" in holder:
            found["default"] = holder["example"]
    return copy.deepcopy(found)
