"""Endpoints about usage: what the meters count, cut into windows and groups.

Windows add up to the quantities that were billed, and to what came too late for its invoice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.answers import ApiError, Page
from metronome_analytics.simulator.endpoints.lookups import PAGE_MAXIMUM, lookup, metric_of, place_of
from metronome_analytics.simulator.endpoints.pages import page
from metronome_analytics.simulator.endpoints.parameters import Parameters
from metronome_analytics.simulator.rendering.scalars import Json, dump, number, offset_text
from metronome_analytics.simulator.world.days import DAY, HOUR, first_of_month, instant, shift_month
from metronome_analytics.simulator.world.metering import meter
from metronome_analytics.simulator.world.streams import Stream

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from metronome_analytics.simulator.endpoints.request import Request
    from metronome_analytics.simulator.world.account import Account
    from metronome_analytics.simulator.world.price_list import Metric

WINDOW_SIZES = ("HOUR", "DAY", "NONE")
_ROWS_PER_UNIT = 20
"""Pages of /v1/usage, which has no limit, hold this many times the default page size."""

_Values = list[tuple[Stream, int]]
_Window = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a request wants of one metric."""

    metric: Metric
    keys: tuple[str, ...] = ()
    filters: dict[str, list[str]] | None = None
    explicit: bool = True


def list_usage(account: Account, request: Request) -> Page:
    """POST /v1/usage: per customer, metric and window; customers without a metric are left out unless asked for."""
    asked = request.parameters
    size = asked.choice("window_size", WINDOW_SIZES, asked.required("window_size"))
    bounds = _bounds(asked.required_instant("starting_on"), asked.required_instant("ending_before"))
    ids = asked.uuids("customer_ids")
    metrics = [_metric(Parameters(item)) for item in asked.objects("billable_metrics") or []]
    asked.finish()
    limit = account.switches.default_page_size * _ROWS_PER_UNIT
    # A position is a customer and a row of theirs: only the customers of one page are read.
    indices = [lookup(account, customer_id) for customer_id in ids] if ids else account.active
    named, offset = (request.position or (0, 0))[:2]
    place = named if ids else place_of(indices, request)
    if not ids and place < len(indices) and indices[place] != named:
        offset = 0  # that customer has been archived since
    items: list[str] = []
    while place < len(indices) and len(items) < limit:
        rows = list(_customer_rows(account, indices[place], metrics, size, bounds))
        part = rows[offset : offset + limit - len(items)]
        items += [dump(row) for row in part]
        offset += len(part)
        if offset >= len(rows):
            place, offset = place + 1, 0
    if place >= len(indices):
        return Page(items, None)
    return Page(items, (place if ids else indices[place], offset))


def _metric(asked: Parameters) -> _Asked:
    metric = metric_of(asked.required_uuid("id"))
    given = asked.object("group_by")
    if given is None:
        return _Asked(metric)
    group = Parameters(given)
    key, values = group.required("key"), group.strings("values")
    _check_keys(metric, (key,))
    return _Asked(metric, (key,), {key: values} if values else None)


def _check_keys(metric: Metric, keys: Sequence[str]) -> None:
    if not any(set(keys) == set(known) for known in metric.group_definitions()):
        raise ApiError(400, f"{metric.name} cannot be grouped by {', '.join(keys)}")


def _bounds(starting_on: datetime, ending_before: datetime) -> _Window:
    """Check what usage queries ask of their bounds: midnight UTC, at least a day apart."""
    for name, when in (("starting_on", starting_on), ("ending_before", ending_before)):
        if when.hour or when.minute or when.second or when.microsecond:
            raise ApiError(400, f"{name} must be at midnight UTC")
    if ending_before < starting_on + DAY:
        raise ApiError(400, "ending_before must be at least one day after starting_on")
    return starting_on, ending_before


def _customer_rows(account: Account, index: int, metrics: list[_Asked], size: str, bounds: _Window) -> Iterator[Json]:
    agreements, _ = account.agreed_until(index)
    if not metrics:
        known = dict.fromkeys(stream.product.metric for contract in agreements.contracts for stream in contract.streams)
        metrics = [_Asked(metric) for metric in known if metric is not None]
    windows = list(_windows(account, index, size, bounds)) if metrics else []
    for wanted in metrics:
        for window, values in windows:
            row: Json = {
                "customer_id": agreements.customer_id,
                "billable_metric_id": wanted.metric.id,
                "billable_metric_name": wanted.metric.name,
                "start_timestamp": offset_text(window[0]),
                "end_timestamp": offset_text(window[1]),
                "value": _total(wanted.metric, values),
            }
            if wanted.keys:
                groups = _grouped(wanted, values)
                row["groups"] = {group[0]: number(value) for group, value in groups.items()}
            yield row


def _total(metric: Metric, values: _Values) -> int | float | None:
    """A window's value: of nothing a count is 0 and a sum is null."""
    found = [value for stream, value in values if stream.product.metric is metric and value]
    return number(sum(found)) if found or metric.aggregation == "COUNT" else None


def _grouped(wanted: _Asked, values: _Values) -> dict[tuple[str, ...], int]:
    """A window's values by group; an event without one of the keys is in no group."""
    groups: dict[tuple[str, ...], int] = {}
    for stream, value in values:
        if stream.product.metric is not wanted.metric or not value:
            continue
        properties = stream.properties()
        group = [properties[key] for key in wanted.keys]
        known = tuple(item for item in group if item is not None)
        allowed = all(
            item in (wanted.filters or {}).get(key, []) or not (wanted.filters or {}).get(key)
            for key, item in zip(wanted.keys, group, strict=True)
        )
        if len(known) == len(group) and allowed:
            groups[known] = groups.get(known, 0) + value
    return dict(sorted(groups.items()))


def _windows(account: Account, index: int, size: str, bounds: _Window) -> Iterator[tuple[_Window, _Values]]:
    """The windows that lie within the bounds and have begun, each with its usage."""
    agreements, now = account.agreed_until(index)
    first, last = bounds[0].toordinal(), bounds[1].toordinal()
    metered = list(meter(agreements, now, account.history(index), first, last))
    if size == "NONE":
        yield bounds, [(item.stream, sum(item.days)) for item in metered]
        return
    for day in range(first, last):
        begin = instant(day)
        if begin >= now:
            return
        there = [item for item in metered if item.first <= day < item.first + len(item.days)]
        if size == "DAY":
            yield (begin, begin + DAY), [(item.stream, item.days[day - item.first]) for item in there]
        else:
            hours = [(item.stream, item.hours(day)) for item in there]
            for hour in range(now.hour if day == now.toordinal() else 24):
                start = begin + hour * HOUR
                yield (start, start + HOUR), [(stream, values[hour]) for stream, values in hours]


def list_usage_groups(account: Account, request: Request) -> Page:
    """POST /v1/usage/groups: one customer, one metric, by window and group."""
    asked = request.parameters
    limit = asked.limit(PAGE_MAXIMUM, account.switches.default_page_size)
    index = lookup(account, asked.required_uuid("customer_id"))
    metric = metric_of(asked.required_uuid("billable_metric_id"))
    size = asked.choice("window_size", WINDOW_SIZES, asked.required("window_size"))
    wanted = _groups_asked(asked, metric)
    bounds = period_asked(account, asked)
    asked.finish()
    rows = list(_group_rows(account, index, wanted, size, bounds))
    return page(request, rows, limit, lambda row: row)


def _groups_asked(asked: Parameters, metric: Metric) -> _Asked:
    keys, filters, old = asked.strings("group_key"), asked.object("group_filters"), asked.object("group_by")
    if old is not None:
        if keys is not None:
            raise ApiError(400, "group_key and group_by exclude each other")
        group = Parameters(old)
        keys, values = [group.required("key")], group.strings("values")
        filters = {keys[0]: values} if values else None
    if keys is not None:
        _check_keys(metric, keys)
    checked = Parameters(filters or {})
    lists = {name: checked.strings(name) or [] for name in filters or {}}
    if not lists.keys() <= set(keys or ()):
        raise ApiError(400, "group_filters may only name keys of group_key")
    return _Asked(metric, tuple(keys or ()), lists)


def period_asked(account: Account, asked: Parameters) -> tuple[datetime, datetime]:
    """The bounds asked for, or those of the current month."""
    current = asked.flag("current_period")
    starting_on, ending_before = asked.instant("starting_on"), asked.instant("ending_before")
    if current:
        if starting_on is not None or ending_before is not None:
            raise ApiError(400, "current_period excludes starting_on and ending_before")
        month = first_of_month(account.clock.now.toordinal())
        return instant(month), instant(shift_month(month, 1))
    if starting_on is None or ending_before is None:
        raise ApiError(400, "starting_on and ending_before are required")
    return _bounds(starting_on, ending_before)


def _group_rows(account: Account, index: int, wanted: _Asked, size: str, bounds: _Window) -> Iterator[Json]:
    for window, values in _windows(account, index, size, bounds):
        edges: Json = {"starting_on": offset_text(window[0]), "ending_before": offset_text(window[1])}
        if not wanted.keys:
            yield edges | {"group_key": None, "group_value": None, "value": _total(wanted.metric, values)}
            continue
        for group, value in _grouped(wanted, values).items():
            simple = len(group) == 1  # the deprecated fields know one key only
            yield edges | {
                "group_key": wanted.keys[0] if simple else None,
                "group_value": group[0] if simple else None,
                "group": dict(zip(wanted.keys, group, strict=True)),
                "value": number(value),
            }
