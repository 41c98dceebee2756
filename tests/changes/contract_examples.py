"""Examples of what is done to contracts."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import polars as pl

import metronome_analytics as ma
from tests.changes.example import AHEAD, Example, fixed_product

if TYPE_CHECKING:
    from metronome_analytics.changes.fields import Change
    from metronome_analytics.changes.plan import Plan

NEXT = datetime(2026, 12, 1, tzinfo=UTC)
BEFORE, AFTER = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)


def _credit(account: ma.Account) -> Any:
    return {
        "product_id": fixed_product(account),
        "name": "Migration credit",
        "priority": 1,
        "description": "Agreed in the order form",
        "segments": [{"amount": 5000, "starting_at": NEXT, "ending_before": AHEAD}],
    }


def _commit(account: ma.Account) -> Any:
    return {
        **_credit(account),
        "type": "PREPAID",
        "name": "Annual commit",
        "invoices": [{"timestamp": NEXT, "amount": 4500}],
    }


def _charge(account: ma.Account) -> Any:
    item = {"timestamp": NEXT, "amount": 2500}
    return {"product_id": fixed_product(account), "name": "Onboarding", "invoices": [item]}


def _service(account: ma.Account) -> Any:
    amounts = {"unit_price": 20000, "quantity": 2, "max_amount": 80000}
    return {"product_id": fixed_product(account), **amounts, "description": "Migration help"}


def new_contract(account: ma.Account, **more: Any) -> dict[str, Any]:
    """What a new contract may be made of."""
    return {
        "customer_id": account.customers()["id"][1],
        "name": f"Order form {account.contracts(include_archived=True).height}",
        "starting_at": NEXT,
        "ending_before": "open",
        "rate_card_id": account.rate_cards()["id"][0],
        **more,
    }


def signed(account: ma.Account, **more: Any) -> dict[str, Any]:
    """A contract made for the purpose, by its ids."""
    plan = account.plan(ma.changes.CreateContract(**new_contract(account, **more)))
    account.apply(plan, plan.confirmation)
    found = account.contracts().filter(pl.col("uniqueness_key") == plan.uniqueness_key(0)).row(0, named=True)
    return {"customer_id": found["customer_id"], "contract_id": found["id"]}


def _create(account: ma.Account) -> Change:
    return ma.changes.CreateContract(
        **new_contract(
            account,
            net_payment_terms_days=30,
            commits=(_commit(account),),
            credits=(_credit(account),),
            scheduled_charges=(_charge(account),),
            professional_services=(_service(account),),
        )
    )


def _archive(account: ma.Account) -> Change:
    own = signed(account, commits=(_commit(account),), scheduled_charges=(_charge(account),))
    return ma.changes.ArchiveContract(**own, void_invoices=True)


def _edit(account: ma.Account) -> Change:
    return ma.changes.EditContract(
        **signed(account, net_payment_terms_days=30),
        update_contract_name="Order form, second version",
        update_contract_end_date=AHEAD,
        update_net_payment_terms_days=45,
        add_commits=(_commit(account),),
        add_credits=(_credit(account),),
        add_scheduled_charges=(_charge(account),),
    )


def _amend(account: ma.Account) -> Change:
    return ma.changes.AmendContract(
        **signed(account),
        starting_at=NEXT,
        commits=(_commit(account),),
        credits=(_credit(account),),
        scheduled_charges=(_charge(account),),
    )


def _services(account: ma.Account) -> Change:
    own = signed(account, professional_services=(_service(account),))
    text = account.contracts(own["customer_id"]).filter(pl.col("id") == own["contract_id"])["professional_services"][0]
    line: Any = {"professional_service_id": json.loads(text)[0]["id"], "unit_price": 20000, "quantity": 2}
    return ma.changes.ScheduleProServicesInvoice(
        **own, issued_at=NEXT, line_items=(line,), reason="Migration in November"
    )


def _history(account: ma.Account) -> Change:
    schedule = {"frequency": "MONTHLY", "invoice_generation_starting_at": "2026-12-01T00:00:00Z"}
    own = signed(account, starting_at=BEFORE, further={"usage_statement_schedule": schedule})
    products = account.products().filter(pl.col("name") == "API calls")
    line: Any = {"product_id": products["id"][0], "quantity": 10_000}
    return ma.changes.CreateHistoricalInvoices(
        **own,
        inclusive_start_date=BEFORE,
        exclusive_end_date=AFTER,
        issue_date=AFTER,
        usage_line_items=(line,),
    )


# --- as the official client sends them -------------------------------------------------------------------------------


def _access(each: Any) -> dict[str, Any]:
    items = [
        {"amount": int(item.amount), "starting_at": item.starting_at, "ending_before": item.ending_before}
        for item in each.segments
    ]
    return {"credit_type_id": each.credit_type_id, "schedule_items": items}


def _dates(invoices: Any) -> list[dict[str, Any]]:
    return [{"timestamp": item.timestamp, "unit_price": int(item.amount), "quantity": 1} for item in invoices]


def _sent_credit(each: Any) -> dict[str, Any]:
    names = ("product_id", "name", "description", "rate_type")
    own = {name: getattr(each, name) for name in names}
    return {**own, "priority": int(each.priority), "access_schedule": _access(each)}


def _sent_commit(each: Any) -> dict[str, Any]:
    schedule = {
        "credit_type_id": each.invoice_credit_type_id,
        "schedule_items": _dates(each.invoices),
        "do_not_invoice": False,
    }
    return {**_sent_credit(each), "type": each.type, "invoice_schedule": schedule}


def _sent_charge(each: Any) -> dict[str, Any]:
    schedule = {"credit_type_id": each.credit_type_id, "schedule_items": _dates(each.invoices)}
    return {"product_id": each.product_id, "name": each.name, "schedule": schedule}


def _sent_service(each: Any) -> dict[str, Any]:
    numbers = {name: int(getattr(each, name)) for name in ("unit_price", "quantity", "max_amount")}
    return {"product_id": each.product_id, "description": each.description, **numbers}


def sent_terms(change: Any, prefix: str = "") -> dict[str, Any]:
    """The terms of a change as the official client takes them."""
    writers = {
        "commits": _sent_commit,
        "credits": _sent_credit,
        "scheduled_charges": _sent_charge,
        "professional_services": _sent_service,
    }
    given = {name: getattr(change, f"{prefix}{name}") for name in writers}
    return {f"{prefix}{name}": [writers[name](each) for each in found] for name, found in given.items() if found}


def _send_create(sdk: Any, plan: Plan) -> object:
    change: Any = plan.changes[0].change
    return sdk.v1.contracts.create(
        customer_id=change.customer_id,
        name=change.name,
        starting_at=change.starting_at,
        rate_card_id=change.rate_card_id,
        net_payment_terms_days=change.net_payment_terms_days,
        uniqueness_key=plan.uniqueness_key(0),
        **sent_terms(change),
    )


def _ids(plan: Plan) -> dict[str, Any]:
    return {name: getattr(plan.changes[0].change, name) for name in ("customer_id", "contract_id")}


def _send_edit(sdk: Any, plan: Plan) -> object:
    change: Any = plan.changes[0].change
    return sdk.v2.contracts.edit(
        **_ids(plan),
        update_contract_name=change.update_contract_name,
        update_contract_end_date=change.update_contract_end_date,
        update_net_payment_terms_days=change.update_net_payment_terms_days,
        allow_contract_ending_before_finalized_invoice=False,
        uniqueness_key=plan.uniqueness_key(0),
        **sent_terms(change, "add_"),
    )


def _send_services(sdk: Any, plan: Plan) -> object:
    change: Any = plan.changes[0].change
    (line,) = change.line_items
    sent = {
        "professional_service_id": line.professional_service_id,
        "unit_price": int(line.unit_price),
        "quantity": int(line.quantity),
        "metadata": f"{change.reason} [ma:{plan.token(0)}]",
    }
    return sdk.v1.contracts.schedule_pro_services_invoice(**_ids(plan), issued_at=change.issued_at, line_items=[sent])


def _send_history(sdk: Any, plan: Plan) -> object:
    change: Any = plan.changes[0].change
    (line,) = change.usage_line_items
    period = {name: getattr(change, name) for name in ("inclusive_start_date", "exclusive_end_date")}
    invoice = {
        **_ids(plan),
        **period,
        "credit_type_id": change.credit_type_id,
        "issue_date": change.issue_date,
        "usage_line_items": [{"product_id": line.product_id, "quantity": int(line.quantity), **period}],
    }
    return sdk.v1.contracts.create_historical_invoices(invoices=[invoice], preview=False)


def contract_examples() -> dict[str, Example]:
    """One for each operation."""
    return {
        "contracts.create": Example(_create, _send_create),
        "contracts.archive": Example(
            _archive,
            lambda sdk, plan: sdk.v1.contracts.archive(
                **_ids(plan),
                void_invoices=True,
            ),
            undone=False,
        ),
        "contracts.edit": Example(_edit, _send_edit),
        "contracts.amend": Example(
            _amend,
            lambda sdk, plan: sdk.v1.contracts.amend(
                **_ids(plan), starting_at=NEXT, **sent_terms(plan.changes[0].change)
            ),
        ),
        "contracts.schedule_pro_services_invoice": Example(_services, _send_services),
        "contracts.create_historical_invoices": Example(_history, _send_history),
    }
