"""Writes invoices, breakdown windows and costs the way the API does.

Serialisations of timestamps differ between object kinds on purpose, as they do on the real service.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from .books import Books, FixedLine, Invoice, LineKey, Piece, SegmentBook
from .http import Json
from .people import Person
from .script import Stream, plan_id, subscription_id
from .switches import Switches
from .units import SCALE, digest, instant, millis_text, number, offset_text, text

_COMMIT_TYPE = {"PREPAID": "PrepaidCommit", "CREDIT": "PrepaidCommit", "POSTPAID": "PostpaidCommit"}


def invoice(books: Books, item: Invoice, person: Person, switches: Switches, *, skip_zero: bool) -> Json:
    """Return an Invoice with all its lines."""
    lines = usage_lines(books, item, item.pieces(), switches, skip_zero=skip_zero)
    lines.extend(_fixed_line(item, line) for line in item.fixed)
    payload = _head(item, person, switches)
    payload["line_items"] = lines
    payload["total"] = number(item.total)
    if item.type == "PLAN_ARREARS":
        payload["subtotal"] = number(item.total)
    if item.status != "DRAFT":
        payload["external_invoice"] = external(item, books.now)
    return payload


def window(
    books: Books,
    item: Invoice,
    person: Person,
    switches: Switches,
    *,
    pieces: list[Piece],
    bounds: tuple[datetime, datetime],
    skip_zero: bool,
) -> Json:
    """Return a BreakdownInvoice: the part of an invoice that falls into one window."""
    payload = _head(item, person, switches)
    payload["breakdown_start_timestamp"] = offset_text(bounds[0])
    payload["breakdown_end_timestamp"] = offset_text(bounds[1])
    # The lines keep the period of the whole invoice; only the breakdown timestamps tell the window.
    payload["line_items"] = usage_lines(books, item, pieces, switches, skip_zero=skip_zero)
    payable = sum(p.amount for p in pieces if p.segment is None or p.segment.balance.type == "POSTPAID")
    conversion = item.contract.card.conversion
    payload["total"] = number(payable if conversion is None else payable * conversion // SCALE)
    return payload


def _head(item: Invoice, person: Person, switches: Switches) -> Json:
    contract = item.contract
    payload: Json = {
        "id": item.id,
        "customer_id": person.id,
        "customer_custom_fields": dict(person.custom_fields),
        "type": item.type,
        "status": item.status,
        "credit_type": item.credit_type.payload(),
        "issued_at": offset_text(item.issued_at),
        "net_payment_terms_days": contract.net_terms,
    }
    if item.start is not None and item.end is not None:
        payload["start_timestamp"] = offset_text(instant(item.start))
        payload["end_timestamp"] = offset_text(instant(item.end))
    if contract.plan is None:
        payload["contract_id"] = contract.id
        payload["contract_custom_fields"] = dict(contract.custom_fields)
    elif switches.sdk_fields:
        payload |= {"plan_id": plan_id(contract.plan), "plan_name": contract.plan, "plan_custom_fields": {}}
    if digest(item.id) % 3 == 0:
        payload["custom_fields"] = {"po_number": f"PO-{digest(item.id) % 100_000:05d}"}
    if switches.billable_status:
        payload["billable_status"] = "billable" if person.billable else "unbillable"
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


def external(item: Invoice, now: datetime) -> Json | None:
    """Return the ExternalInvoice of an invoice that was sent to a billing provider."""
    provider = item.contract.billing_provider
    if provider is None:
        return None
    chance = digest(item.id, "external")
    if item.total == 0:
        status = "SKIPPED"
    elif item.status == "VOID":
        # Voiding here does not void there: the simulated clerk voided it in both places.
        status = "VOID"
    elif chance % 23 == 0:
        status = "PAYMENT_FAILED"
    else:
        due = item.issued_at + timedelta(days=item.contract.net_terms)
        status = "PAID" if due <= now and item.status == "FINALIZED" else "SENT"
    # A provider bills whole minor units: cents for dollars, hundredths for other currencies.
    minor = SCALE if "(cents)" in item.credit_type.name else SCALE // 100
    billed = (item.total + minor // 2) // minor * minor
    return {
        "billing_provider_type": provider,
        "invoice_id": f"in_{chance:016x}",
        "issued_at_timestamp": millis_text(item.issued_at + timedelta(minutes=chance % 50)),
        "external_status": status,
        "invoiced_total": number(billed),
        "invoiced_sub_total": number(billed),
    }


def usage_lines(
    books: Books, item: Invoice, pieces: Iterable[Piece], switches: Switches, *, skip_zero: bool
) -> list[Json]:
    """Return the lines for some of an invoice's usage: each covered part is followed by its negative line."""
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
    payable = 0
    for key in sorted(sums, key=lambda k: (k[0], k[1], k[2] is None, order.get(id(k[2]), 0), k[3])):
        segment, amount = key[2], sums[key][1]
        stream = streams[key[0]]
        lines.append(_usage_line(item, stream, key, sums[key][0], amount))
        if segment is not None and not (skip_zero and switches.skip_zero_drops_applied_lines):
            lines.append(_applied_line(item, stream, segment, amount))
        if segment is None or segment.balance.type == "POSTPAID":
            payable += amount
    if item.contract.card.conversion is not None and payable:
        lines.extend(_conversion_lines(item, payable, item.contract.card.conversion, switches))
    return lines


def _usage_line(item: Invoice, stream: Stream, key: LineKey, quantity: int, amount: int) -> Json:
    _, tier, segment, price = key
    product = stream.product
    line: Json = {
        "name": product.name,
        "type": product.line_type,
        "quantity": number(quantity),
        "unit_price": number(price),
        "total": number(amount),
        "credit_type": item.contract.card.unit.payload(),
        "product_id": product.id,
        "product_type": product.kind,
        "product_tags": list(product.tags),
        "product_custom_fields": {},
    }
    if item.start is not None and item.end is not None:
        line["starting_at"] = offset_text(instant(item.start))
        line["ending_before"] = offset_text(instant(item.end))
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
        "credit_type": item.contract.card.unit.payload(),
        "product_id": stream.product.id,
        "product_type": stream.product.kind,
    }
    if item.start is not None and item.end is not None:
        line["starting_at"] = offset_text(instant(item.start))
        line["ending_before"] = offset_text(instant(item.end))
    return line | _commit_fields(segment)


def _commit_fields(segment: SegmentBook) -> Json:
    balance = segment.balance
    return {
        "commit_id": balance.id,
        "commit_segment_id": segment.segment.id,
        "commit_type": _COMMIT_TYPE[balance.type],
        "commit_custom_fields": dict(balance.custom_fields),
        "applied_commit_or_credit": {"id": balance.id, "type": balance.type},
    }


def _conversion_lines(item: Invoice, payable: int, conversion: int, switches: Switches) -> list[Json]:
    unit, fiat = item.contract.card.unit, item.credit_type
    line: Json = {
        "name": f"{unit.name} to {fiat.name}",
        "type": "cpu_conversion",
        "quantity": number(payable),
        "unit_price": number(conversion),
        "total": number(payable * conversion // SCALE),
        "credit_type": fiat.payload(),
    }
    if not switches.balancing_conversion_line:
        return [line]
    return [
        {"name": line["name"], "type": "cpu_conversion", "total": number(-payable), "credit_type": unit.payload()},
        line,
    ]


def _fixed_line(item: Invoice, line: FixedLine) -> Json:
    payload: Json = {
        "name": line.name,
        "type": line.type,
        "quantity": 1,
        "unit_price": number(line.amount),
        "total": number(line.amount),
        "credit_type": item.credit_type.payload(),
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
    return payload


def day_costs(books: Books, day: int) -> Json:
    """Return the costs of one day of a customer on Plans."""
    payload: dict[str, Json] = {}
    for item in books.invoices:
        if item.type != "PLAN_ARREARS" or item.start is None or item.end is None or not item.start <= day < item.end:
            continue
        credit_type = item.contract.card.unit
        lines: dict[tuple[str, str | None, str | None], int] = {}
        for piece in item.pieces_of(day):
            stream = item.contract.streams[piece.stream]
            key, value = stream.group[0] if stream.group else (None, None)
            name = stream.product.name
            lines[name, key, value] = lines.get((name, key, value), 0) + piece.amount
        payload[credit_type.id] = {
            "name": credit_type.name,
            "cost": number(sum(lines.values())),
            "line_item_breakdown": [_cost_line(*key, cost) for key, cost in lines.items()],
        }
    return {
        "start_timestamp": offset_text(instant(day)),
        "end_timestamp": offset_text(instant(day + 1)),
        "credit_types": payload,
    }


def _cost_line(name: str, group_key: str | None, group_value: str | None, cost: int) -> Json:
    line: Json = {"name": name, "cost": number(cost)}
    return line if group_key is None else line | {"group_key": group_key, "group_value": group_value}
