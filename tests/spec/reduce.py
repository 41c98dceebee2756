"""Cut the vendor's OpenAPI file down to the operations this project uses.

Usage: ``python -m tests.spec.reduce FULL_SPEC.json``. Adding an operation is one more line in
``OPERATIONS`` and another run.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

OPERATIONS = (
    ("GET", "/v1/customers"),
    ("GET", "/v1/customers/{customer_id}"),
    ("GET", "/v1/customers/{customer_id}/invoices"),
    ("GET", "/v1/customers/{customer_id}/invoices/{invoice_id}"),
    ("GET", "/v1/customers/{customer_id}/invoices/breakdowns"),
    ("POST", "/v1/contracts/customerBalances/list"),
    ("POST", "/v1/contracts/customerCommits/list"),
    ("POST", "/v1/contracts/customerCredits/list"),
    ("POST", "/v1/contracts/customerBalances/getNetBalance"),
    ("POST", "/v1/contracts/addManualBalanceLedgerEntry"),
    ("GET", "/v1/customers/{customer_id}/billable-metrics"),
    ("POST", "/v1/customers/{customer_id}/previewEvents"),
    ("POST", "/v1/customer-alerts/list"),
    ("POST", "/v1/customer-alerts/get"),
    ("POST", "/v1/getCustomerBillingProviderConfigurations"),
    ("POST", "/v1/customers/getNamedSchedule"),
    ("GET", "/v1/customers/{customer_id}/invoices/{invoice_id}/pdf"),
    ("POST", "/v1/customers/{customer_id}/invoices/spend-breakdowns"),
    ("POST", "/v1/payments/list"),
    ("POST", "/v1/contracts/list"),
    ("POST", "/v1/contracts/get"),
    ("POST", "/v2/contracts/list"),
    ("POST", "/v2/contracts/get"),
    ("POST", "/v2/contracts/getEditHistory"),
    ("POST", "/v1/contracts/getContractRateSchedule"),
    ("POST", "/v1/contracts/getSubscriptionQuantityHistory"),
    ("POST", "/v1/contracts/getSubscriptionSeatsHistory"),
    ("POST", "/v1/contracts/seatBalances/list"),
    ("POST", "/v1/contracts/getNamedSchedule"),
    ("POST", "/v1/contracts/listNamedSchedules"),
    ("POST", "/v1/contract-pricing/products/list"),
    ("POST", "/v1/contract-pricing/products/get"),
    ("POST", "/v1/contract-pricing/rate-cards/list"),
    ("POST", "/v1/contract-pricing/rate-cards/get"),
    ("POST", "/v1/contract-pricing/rate-cards/getRates"),
    ("POST", "/v1/contract-pricing/rate-cards/getRateSchedule"),
    ("POST", "/v1/contract-pricing/rate-cards/getNamedSchedule"),
    ("GET", "/v1/credit-types/list"),
    ("POST", "/v1/packages/list"),
    ("POST", "/v1/packages/get"),
    ("POST", "/v1/customFields/listKeys"),
    ("GET", "/v1/billable-metrics"),
    ("GET", "/v1/billable-metrics/{billable_metric_id}"),
    ("POST", "/v1/usage"),
    ("POST", "/v1/usage/groups"),
    ("GET", "/v1/auditLogs"),
    ("POST", "/v1/contracts/customerCredits/create"),
    ("POST", "/v1/contracts/customerCommits/create"),
    ("POST", "/v1/contracts/customerCredits/updateEndDate"),
    ("POST", "/v1/contracts/customerCommits/updateEndDate"),
    ("POST", "/v2/contracts/credits/edit"),
    ("POST", "/v2/contracts/commits/edit"),
    ("POST", "/v2/contracts/credits/archive"),
    ("POST", "/v2/contracts/commits/archive"),
    ("POST", "/v1/contracts/updateEndDate"),
    ("POST", "/v1/contracts/create"),
    ("POST", "/v1/contracts/amend"),
    ("POST", "/v1/contracts/archive"),
    ("POST", "/v2/contracts/edit"),
    ("POST", "/v1/contracts/scheduleProServicesInvoice"),
    ("POST", "/v1/contracts/createHistoricalInvoices"),
    ("POST", "/v1/customers/{customer_id}/setName"),
    ("POST", "/v1/customer-alerts/reset"),
    ("POST", "/v1/customers"),
    ("POST", "/v1/customers/archive"),
    ("POST", "/v1/customers/{customer_id}/setIngestAliases"),
    ("POST", "/v1/customers/{customer_id}/updateConfig"),
    ("POST", "/v1/setCustomerBillingProviderConfigurations"),
    ("POST", "/v1/archiveCustomerBillingProviderConfigurations"),
    ("POST", "/v1/customers/updateNamedSchedule"),
    ("POST", "/v1/contracts/setUsageFilter"),
    ("POST", "/v1/invoices/void"),
    ("POST", "/v1/invoices/regenerate"),
    ("POST", "/v1/getCustomerRevenueSystemConfigurations"),
    ("POST", "/v1/listConfiguredBillingProviders"),
    ("POST", "/v1/dashboards/getEmbeddableUrl"),
    ("POST", "/v1/packages/listContractsOnPackage"),
    ("POST", "/v1/usage/seats"),
    ("GET", "/v1/customers/{customer_id}/purchasedSeats"),
    ("POST", "/v1/events/search"),
    ("POST", "/v2/notifications/get"),
    ("POST", "/v2/notifications/offset/list"),
    ("POST", "/v2/notifications/system/list"),
    ("GET", "/v1/services"),
)

TARGET = Path(__file__).with_name("metronome-openapi.json")
# What the whole file has, so that a test can say what is read and what is not.
NAMES = Path(__file__).with_name("operations.json")

_PROSE = frozenset({"description", "summary", "tags", "externalDocs"})

# The keys of these objects are names somebody chose, not OpenAPI keywords: a commit has a *field*
# called "description", which must stay.
_NAMED = frozenset({"content", "encoding", "examples", "headers", "properties", "responses", "variables"})

# Plain data, copied as it stands.
_DATA = frozenset({"const", "default", "enum", "example", "required", "value"})


def reduce_spec(full: dict[str, Any], operations: Iterable[tuple[str, str]] = OPERATIONS) -> dict[str, Any]:
    """Return the part of an OpenAPI document that `operations` reach, without its prose."""
    paths: dict[str, Any] = {}
    for method, path in operations:
        item = full["paths"].get(path, {})
        if method.lower() not in item:
            msg = f"{method} {path} is not in the full spec: check the spelling in OPERATIONS"
            raise LookupError(msg)
        kept = paths.setdefault(path, {})
        kept[method.lower()] = strip_prose(item[method.lower()])
        if "parameters" in item:  # shared by every method of the path
            kept["parameters"] = strip_prose(item["parameters"])
    return {
        "openapi": full["openapi"],
        "info": {key: full["info"][key] for key in ("title", "version")},
        "servers": strip_prose(full.get("servers", [])),
        "paths": paths,
        "components": _reachable_components(full, paths),
    }


def all_operations(full: dict[str, Any]) -> dict[str, str]:
    """Every operation of an OpenAPI document, as `METHOD path`, with its operation id."""
    return {
        f"{method.upper()} {path}": operation["operationId"]
        for path, item in full["paths"].items()
        for method, operation in item.items()
        if isinstance(operation, dict) and "operationId" in operation
    }


def strip_prose(node: Any) -> Any:
    """Return `node` without prose and `x-` extensions; examples and field names are left alone."""
    if isinstance(node, list):
        return [strip_prose(element) for element in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _strip_member(key, value) for key, value in node.items() if key not in _PROSE and not key.startswith("x-")
    }


def _strip_member(key: str, value: Any) -> Any:
    if key in _DATA:
        return value
    if key in _NAMED and isinstance(value, dict):
        return {name: strip_prose(member) for name, member in value.items()}
    return strip_prose(value)


def references(node: Any) -> Iterator[str]:
    """Yield every `$ref` target below `node`, repeats included."""
    if isinstance(node, dict):
        target = node.get("$ref")
        if isinstance(target, str):
            yield target
    members = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for member in members:
        yield from references(member)


def _reachable_components(full: dict[str, Any], paths: dict[str, Any]) -> dict[str, Any]:
    components: dict[str, Any] = {}
    pending = set(references(paths))
    while pending:
        target = pending.pop()
        root, section, kind, name = target.split("/")
        if (root, section) != ("#", "components"):
            msg = f"{target} does not point into components: teach reduce.py this form"
            raise LookupError(msg)
        if name in components.get(kind, {}):
            continue
        component = strip_prose(full["components"][kind][name])
        components.setdefault(kind, {})[name] = component
        pending.update(references(component))
    return components


def to_text(spec: dict[str, Any]) -> str:
    """Return the one text form of a spec: sorted keys, one value a line."""
    return json.dumps(spec, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Write the reduced spec next to this module."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m tests.spec.reduce FULL_SPEC.json\n")
        return 2
    full = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    NAMES.write_text(to_text(all_operations(full)), encoding="utf-8", newline="\n")
    TARGET.write_text(to_text(reduce_spec(full)), encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
