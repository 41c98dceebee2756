"""The endpoint that looks into single events, by the transaction id they came with.

An event of the simulator is a day's usage of one stream; `transaction_id_of` says what it came with.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.answers import ApiError, Reply
from metronome_analytics.simulator.rendering.metrics import customer_metric
from metronome_analytics.simulator.rendering.scalars import Json, dump, offset_text, text
from metronome_analytics.simulator.world.days import instant
from metronome_analytics.simulator.world.ids import make_id
from metronome_analytics.simulator.world.metering import Metered, meter
from metronome_analytics.simulator.world.price_list import QUANTITY_KEY

if TYPE_CHECKING:
    from metronome_analytics.simulator.endpoints.request import Request
    from metronome_analytics.simulator.world.account import Account

MOST_IDS = 100


def transaction_id_of(customer_id: str, day: int, number: int) -> str:
    """The transaction id of a day's usage of a customer's stream, by the stream's number."""
    return f"{customer_id}/{date.fromordinal(day).isoformat()}/{number}"


def search_events(account: Account, request: Request) -> Reply:
    """POST /v1/events/search: a bare list, without `data`; ids that no event came with are not in it."""
    ids = request.parameters.strings("transactionIds")
    request.parameters.finish()
    if ids is None or len(ids) > MOST_IDS:
        raise ApiError(400, f"transactionIds must hold at most {MOST_IDS} ids")
    return Reply(dump([event for id_ in dict.fromkeys(ids) if (event := _event(account, id_)) is not None]))


def _event(account: Account, transaction_id: str) -> Json | None:
    customer_id, _, rest = transaction_id.partition("/")
    written, _, number = rest.partition("/")
    index = account.index(customer_id)
    if index is None or not number.isdecimal():
        return None
    try:
        day = date.fromisoformat(written).toordinal()
    except ValueError:
        return None
    agreements, now = account.agreed_until(index)
    metered = list(meter(agreements, now, account.history(index), day, day + 1))
    if int(number) >= len(metered) or not sum(metered[int(number)].days):
        return None
    return _written(account, index, transaction_id, metered[int(number)])


def _written(account: Account, index: int, transaction_id: str, item: Metered) -> Json:
    who, metric = account.customer(index), item.stream.product.metric
    known = {key: value for key, value in item.stream.properties().items() if value is not None}
    return {
        "id": make_id("event", transaction_id),
        "transaction_id": transaction_id,
        "customer_id": who.id,
        "event_type": "unknown" if metric is None else metric.event_type,
        "timestamp": offset_text(instant(item.first)),
        "properties": known | {QUANTITY_KEY: text(sum(item.days))},
        "is_duplicate": False,
        "processed_at": offset_text(instant(item.first)),
        "matched_customer": {"id": who.id, "name": who.name},
        "matched_billable_metrics": [] if metric is None else [customer_metric(metric)],
    }
