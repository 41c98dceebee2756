"""Endpoints about seats: how many were in use by window, and how many were bought on Plans."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.answers import ApiError, Page, Reply, data
from metronome_analytics.simulator.endpoints.lookups import PAGE_MAXIMUM, find, lookup
from metronome_analytics.simulator.endpoints.pages import page
from metronome_analytics.simulator.endpoints.usage import WINDOW_SIZES, period_asked
from metronome_analytics.simulator.rendering.scalars import Json, offset_text
from metronome_analytics.simulator.world.agreements import subscription_stream
from metronome_analytics.simulator.world.days import DAY, HOUR, instant
from metronome_analytics.simulator.world.ids import digest, make_id
from metronome_analytics.simulator.world.seats import SEAT_METRIC, assigned_seats, seat_based

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from metronome_analytics.simulator.endpoints.request import Request
    from metronome_analytics.simulator.world.account import Account


def list_seat_usage(account: Account, request: Request) -> Page:
    """POST /v1/usage/seats: seats change at midnight here, so the most and the last of a day are the same."""
    asked = request.parameters
    limit = asked.limit(PAGE_MAXIMUM, account.switches.default_page_size)
    index = lookup(account, asked.required_uuid("customer_id"))
    metric = asked.required_uuid("seat_metric_id")
    kind = asked.choice("usage_type", ("MAX", "LATEST"), asked.required("usage_type"))
    size = asked.choice("window_size", WINDOW_SIZES, asked.required("window_size"))
    bounds = period_asked(account, asked)
    asked.finish()
    if metric != SEAT_METRIC:
        raise ApiError(404, f"Seat metric not found: {metric}")
    seats = list(_seats_by_day(account, index, bounds))
    if size == "NONE":
        counts = [count for _, count in seats if count is not None]
        value = (max(counts) if kind == "MAX" else counts[-1]) if counts else None
        return page(request, [(*bounds, value)] if seats else [], limit, _window)
    step = DAY if size == "DAY" else HOUR
    windows = [
        (day + part * step, day + (part + 1) * step, count)
        for day, count in seats
        for part in range(DAY // step)
        if day + part * step < account.clock.now
    ]
    return page(request, windows, limit, _window)


def _window(row: tuple[datetime, datetime, int | None]) -> Json:
    return {"starting_on": offset_text(row[0]), "ending_before": offset_text(row[1]), "value": row[2]}


def _seats_by_day(
    account: Account, index: int, bounds: tuple[datetime, datetime]
) -> Iterator[tuple[datetime, int | None]]:
    """Each day so far and the seats assigned on it, in all contracts that assign seats; None where none does."""
    agreements, now = account.agreed_until(index)
    seated = [
        (contract, stream)
        for contract in agreements.contracts
        if seat_based(contract) and (stream := subscription_stream(contract)) is not None
    ]
    for day in range(bounds[0].toordinal(), bounds[1].toordinal()):
        if instant(day) >= now:
            return
        yield instant(day), sum(len(assigned_seats(*item, day)) for item in seated) if seated else None


def list_purchased_seats(account: Account, request: Request) -> Reply:
    """GET /v1/customers/{customer_id}/purchasedSeats: of customers on Plans; a customer on contracts bought none."""
    index = find(account, request)
    request.parameters.finish()
    plans = account.books(index).plans()
    return data(
        [{"charge_id": make_id(item.id, "charge", "seats"), "seat_count": 1 + digest(item.id) % 40} for item in plans]
    )
