"""Writes commits, credits and their ledgers the way the API does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.rendering.parts import invoice_schedule, reference
from metronome_analytics.simulator.rendering.scalars import Json, millis_text, number, offset_text
from metronome_analytics.simulator.world.days import instant

if TYPE_CHECKING:
    from datetime import datetime

    from metronome_analytics.simulator.world.agreements import Balance, Specifier
    from metronome_analytics.simulator.world.books import BalanceBook, Entry
    from metronome_analytics.simulator.world.switches import Switches


def balance(
    book: BalanceBook, now: datetime, switches: Switches, *, include_ledger: bool, include_balance: bool
) -> Json:
    """A Commit or a Credit."""
    item = book.balance
    archived = book.archived(now)
    payload: Json = {
        "id": item.id,
        "type": item.type,
        "name": item.name,
        "product": reference(item.product),
        "rate_type": item.rate_type,
        "access_schedule": access_schedule(book),
        "custom_fields": dict(item.custom_fields),
    }
    payload |= {
        key: value
        for key, value in (
            ("description", item.description),
            ("priority", item.priority),
            ("contract", item.contract_id and {"id": item.contract_id}),
            ("applicable_contract_ids", list(item.applicable_contract_ids)),
            ("applicable_product_ids", list(item.applicable_product_ids)),
            ("applicable_product_tags", list(item.applicable_product_tags)),
            ("specifiers", [_specifier(specifier) for specifier in item.specifiers]),
            ("subscription_config", subscription_config(item)),
            ("uniqueness_key", item.uniqueness_key),
            ("rolled_over_from", _origin(book)),
        )
        if value not in (None, [])
    }
    if item.type == "CREDIT":
        payload |= _credit_only_fields(item, switches)
    else:
        payload |= _commit_only_fields(item, switches, archived=archived)
    if include_balance:
        payload["balance"] = number(book.available(now, clamp=switches.clamp))
    # An archived balance shows no ledger at all.
    if include_ledger and not archived:
        payload["ledger"] = [_entry(entry, now, switches) for entry in book.ledger(now)]
    return payload


def access_schedule(book: BalanceBook) -> Json:
    """A ScheduleDuration."""
    return {
        "credit_type": reference(book.balance.credit_type),
        "schedule_items": [
            {
                "id": segment.segment.id,
                "amount": number(segment.amount),
                "starting_at": millis_text(instant(segment.segment.start)),
                "ending_before": millis_text(instant(segment.segment.end)),
            }
            for segment in book.segments
        ],
    }


def _origin(book: BalanceBook) -> Json | None:
    if book.source is None:
        return None
    key = "credit_id" if book.source.type == "CREDIT" else "commit_id"
    return {key: book.source.id, "contract_id": book.source.contract_id}


def subscription_config(item: Balance) -> Json | None:
    """How a balance is shared among seats, None when it is not."""
    if item.allocated_to is None:
        return None
    seats: Json = {"is_prorated": False}
    return {"subscription_id": item.allocated_to, "allocation": "INDIVIDUAL", "apply_seat_increase_config": seats}


def _credit_only_fields(item: Balance, switches: Switches) -> Json:
    payload: Json = {"recurring_credit_id": item.recurring_id} if item.recurring_id else {}
    if switches.sdk_fields:
        payload["created_at"] = millis_text(item.created_at)
    return payload


def _commit_only_fields(item: Balance, switches: Switches, *, archived: bool) -> Json:
    payload: Json = {"created_at": offset_text(item.created_at)}
    if item.purchases or item.do_not_invoice:
        payload["invoice_schedule"] = _invoice_schedule(item)
    if item.invoice_contract_id:
        payload["invoice_contract"] = {"id": item.invoice_contract_id}
    if item.rollover_percent is not None:
        payload["rollover_fraction"] = item.rollover_percent / 100
    if archived and item.archived_at is not None:
        payload["archived_at"] = millis_text(item.archived_at)
    if switches.sdk_fields:
        granted = sum(segment.amount for segment in item.segments)
        paid = 0 if item.do_not_invoice else sum(purchase.amount for purchase in item.purchases)
        payload["cost_basis"] = paid / granted if granted else 0
    return payload


def _invoice_schedule(item: Balance) -> Json:
    billed = item.type != "POSTPAID" or item.true_up
    return invoice_schedule(
        ((purchase.id, purchase.invoice_id if billed else None, purchase) for purchase in item.purchases),
        item.purchase_credit_type or item.credit_type,
        do_not_invoice=item.do_not_invoice,
    )


def _specifier(item: Specifier) -> Json:
    payload: Json = {}
    if item.product_id is not None:
        payload["product_id"] = item.product_id
    if item.product_tags:
        payload["product_tags"] = list(item.product_tags)
    if item.group:
        payload["pricing_group_values"] = dict(item.group)
    return payload


def _entry(entry: Entry, now: datetime, switches: Switches) -> Json:
    drafted = entry.invoice is not None and entry.invoice.status == "DRAFT" and entry.timestamp > now
    payload: Json = {
        "type": entry.type,
        "timestamp": millis_text(now if drafted and switches.draft_deductions_dated == "now" else entry.timestamp),
        "amount": number(entry.amount),
    }
    if entry.segment_id is not None:
        payload["segment_id"] = entry.segment_id
    if entry.invoice is not None:
        payload["invoice_id"] = entry.invoice.id
        payload["contract_id"] = entry.invoice.contract.id
    if entry.new_contract_id is not None:
        payload["new_contract_id"] = entry.new_contract_id
    if entry.reason is not None:
        payload["reason"] = entry.reason
    return payload
