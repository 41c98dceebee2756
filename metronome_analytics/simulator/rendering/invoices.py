"""Writes invoices and breakdown windows the way the API does.

Serialisations of timestamps differ between object kinds on purpose, as they do on the real service.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.rendering.billing_providers import external_invoice
from metronome_analytics.simulator.rendering.parts import period, product_line, reference
from metronome_analytics.simulator.rendering.scalars import Json, millis_text, number, offset_text, text
from metronome_analytics.simulator.world.agreements import plan_id, subscription_id
from metronome_analytics.simulator.world.amounts import SCALE
from metronome_analytics.simulator.world.books import payable, with_conversion
from metronome_analytics.simulator.world.ids import digest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from metronome_analytics.simulator.world.books import Books, FixedLine, Invoice, LineKey, Piece, SegmentBook
    from metronome_analytics.simulator.world.customers import Customer
    from metronome_analytics.simulator.world.streams import Stream
    from metronome_analytics.simulator.world.switches import Switches

_COMMIT_TYPE = {"PREPAID": "PrepaidCommit", "CREDIT": "PrepaidCommit", "POSTPAID": "PostpaidCommit"}


def invoice(books: Books, item: Invoice, customer: Customer, switches: Switches, *, skip_zero: bool) -> Json:
    """An Invoice with all its lines."""
    lines = usage_lines(books, item, item.pieces(), switches, skip_zero=skip_zero)
    lines.extend(_fixed_line(item, line) for line in item.fixed)
    payload = _head(item, customer, switches)
    payload["line_items"] = lines
    payload["total"] = number(round(item.total / SCALE) * SCALE if switches.totals_rounded else item.total)
    if item.type == "PLAN_ARREARS":
        payload["subtotal"] = number(item.total)
    if item.status != "DRAFT":
        payload["external_invoice"] = external_invoice(item, books.now)
    return payload


def window(
    books: Books,
    item: Invoice,
    customer: Customer,
    switches: Switches,
    *,
    pieces: list[Piece],
    bounds: tuple[datetime, datetime],
    skip_zero: bool,
) -> Json:
    """A BreakdownInvoice: the part of an invoice that falls into one window."""
    payload = _head(item, customer, switches)
    payload["breakdown_start_timestamp"] = offset_text(bounds[0])
    payload["breakdown_end_timestamp"] = offset_text(bounds[1])
    # The lines keep the period of the whole invoice; only the breakdown timestamps tell the window.
    payload["line_items"] = usage_lines(books, item, pieces, switches, skip_zero=skip_zero)
    payload["total"] = number(with_conversion(payable(pieces), item.contract))
    return payload


def _head(item: Invoice, customer: Customer, switches: Switches) -> Json:
    contract = item.contract
    payload: Json = {
        "id": item.id,
        "customer_id": customer.id,
        "customer_custom_fields": dict(customer.custom_fields),
        "type": item.type,
        "status": item.status,
        "credit_type": reference(item.credit_type),
        "issued_at": offset_text(item.issued_at),
        "net_payment_terms_days": contract.net_terms,
    }
    payload |= period(item, "start_timestamp", "end_timestamp")
    if contract.plan is None:
        payload["contract_id"] = contract.id
        payload["contract_custom_fields"] = dict(contract.custom_fields)
    elif switches.sdk_fields:
        payload |= {"plan_id": plan_id(contract.plan), "plan_name": contract.plan, "plan_custom_fields": {}}
    if digest(item.id) % 3 == 0:
        payload["custom_fields"] = {"po_number": f"PO-{digest(item.id) % 100_000:05d}"}
    if switches.billable_status:
        payload["billable_status"] = "billable" if customer.billable else "unbillable"
    if item.regenerated_from is not None and switches.sdk_fields:
        payload["regenerated_from_invoice_id"] = item.regenerated_from
    if item.corrects is not None and item.correction is not None and item.created_at is not None:
        payload["created_at"] = millis_text(item.created_at)
        payload["correction_record"] = {
            "reason": item.correction[0],
            "memo": item.correction[1],
            "corrected_invoice_id": item.corrects.id,
        }
    return payload


def usage_lines(
    books: Books, item: Invoice, pieces: Sequence[Piece], switches: Switches, *, skip_zero: bool
) -> list[Json]:
    """The lines for some of an invoice's usage: each covered part is followed by its negative line."""
    sums: dict[LineKey, list[int]] = {}
    for piece in pieces:
        entry = sums.setdefault((piece.stream, piece.tier, piece.segment, piece.price), [0, 0])
        entry[0] += piece.quantity
        entry[1] += piece.amount
    used = {key[0] for key in sums}
    streams = item.contract.streams
    if not skip_zero and item.start is not None:
        for index, stream in enumerate(streams):
            if stream.listed_when_zero and index not in used:
                price = item.contract.rate(stream.product, stream.group).price
                sums[index, 0, None, price] = [0, 0]
    order = {id(segment): n for n, segment in enumerate(s for book in books.balances for s in book.segments)}
    lines: list[Json] = []
    for key in sorted(sums, key=lambda k: (k[0], k[1], k[2] is None, order.get(id(k[2]), 0), k[3])):
        segment, amount = key[2], sums[key][1]
        stream = streams[key[0]]
        lines.append(_usage_line(item, stream, key, sums[key][0], amount))
        if segment is not None and not (skip_zero and switches.skip_zero_drops_applied_lines):
            lines.append(_applied_line(item, stream, segment, amount))
    owed = payable(pieces)
    if item.contract.card.conversion is not None and owed:
        lines.extend(_conversion_lines(item, owed, item.contract.card.conversion, switches))
    return lines


def _usage_line(item: Invoice, stream: Stream, key: LineKey, quantity: int, amount: int) -> Json:
    _, tier, segment, price = key
    product = stream.product
    line = product_line(product, item.contract.card.unit, quantity=quantity, price=price, amount=amount)
    line |= period(item, "starting_at", "ending_before")
    if stream.group:
        line["pricing_group_values"] = dict(stream.group)
    if product.presentation:
        line["presentation_group_values"] = {product.presentation[0]: stream.presentation}
    if product.line_type == "subscription":
        line["is_prorated"] = False
        line["subscription_id"] = subscription_id(item.contract)
    tiers = item.contract.rate(product, stream.group).tiers
    if tiers:
        start = tiers[tier][0]
        size = text(tiers[tier + 1][0] - start) if tier + 1 < len(tiers) else None
        line["tier"] = {"level": tier + 1, "starting_at": text(start), "size": size}
    if segment is not None:
        line |= _commit_fields(segment)
    return line


def _applied_line(item: Invoice, stream: Stream, segment: SegmentBook, amount: int) -> Json:
    line: Json = {
        "name": f"{segment.balance.name} applied",
        "type": "applied_commit_or_credit",
        "total": number(-amount),
        "credit_type": reference(item.contract.card.unit),
        "product_id": stream.product.id,
        "product_type": stream.product.kind,
    }
    return line | period(item, "starting_at", "ending_before") | _commit_fields(segment)


def _commit_fields(segment: SegmentBook) -> Json:
    balance = segment.balance
    return {
        "commit_id": balance.id,
        "commit_segment_id": segment.segment.id,
        "commit_type": _COMMIT_TYPE[balance.type],
        "commit_custom_fields": dict(balance.custom_fields),
        "applied_commit_or_credit": {"id": balance.id, "type": balance.type},
    }


def _conversion_lines(item: Invoice, owed: int, conversion: int, switches: Switches) -> list[Json]:
    unit, fiat = item.contract.card.unit, item.credit_type
    line: Json = {
        "name": f"{unit.name} to {fiat.name}",
        "type": "cpu_conversion",
        "quantity": number(owed),
        "unit_price": number(conversion),
        "total": number(owed * conversion // SCALE),
        "credit_type": reference(fiat),
    }
    if not switches.balancing_conversion_line:
        return [line]
    return [
        {"name": line["name"], "type": "cpu_conversion", "total": number(-owed), "credit_type": reference(unit)},
        line,
    ]


def _fixed_line(item: Invoice, line: FixedLine) -> Json:
    payload: Json = {
        "name": line.name,
        "type": line.type,
        "quantity": 1,
        "unit_price": number(line.amount),
        "total": number(line.amount),
        "credit_type": reference(item.credit_type),
        "product_id": line.product.id,
        "product_type": line.product.kind,
        "product_tags": list(line.product.tags),
    }
    if line.commit is not None:
        # On a fixed product the commit is the one being paid for, not one that was applied.
        payload["commit_id"] = line.commit.id
        payload["commit_type"] = _COMMIT_TYPE[line.commit.type]
        if line.commit.type == "POSTPAID":
            payload["postpaid_commit"] = {"id": line.commit.id}
    if line.charge_id is not None:
        payload["scheduled_charge_id"] = line.charge_id
    if line.service_id is not None:
        payload["professional_service_id"] = line.service_id
    if line.metadata is not None:
        payload["metadata"] = line.metadata
    return payload
