"""Facts about lists: their pages, their order, their cursors, and what a request that is wrong answers."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import polars as pl

from metronome_analytics.api.endpoints import ENDPOINTS
from metronome_analytics.doctor.access import LOST, reads
from metronome_analytics.doctor.facts import (
    CONTRADICTED,
    DOCS,
    FILE,
    GUESS,
    Fact,
    Finding,
    differs,
    holds,
    judged,
    unknown,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metronome_analytics.api.exchange import Exchange
    from metronome_analytics.doctor.examiner import Examiner

NOBODY = "00000000-0000-4000-8000-000000000000"
_CODE = re.compile(r"[A-Za-z_]{1,40}")


def _ids(rows: Sequence[dict[str, Any]]) -> list[str]:
    return [str(row.get("id")) for row in rows]


def _default_size(examiner: Examiner) -> Finding:
    seen = examiner.ask("customers")
    rows = len(examiner.data(seen))
    if not examiner.payload(seen).get("next_page"):
        return unknown(f"the account has {rows} customers, which are one page")
    return judged(rows == 50, f"{rows} rows")


def _largest(examiner: Examiner) -> Finding:
    paged = [name for name in ("customers", *LOST) if ENDPOINTS[name].page_limit is not None]
    statuses = {name: (examiner.first_page if name == "customers" else reads(examiner, name)).status for name in paged}
    refused = [f"{name} {status} at {ENDPOINTS[name].page_limit}" for name, status in statuses.items() if status == 400]
    accepted = sum(status == 200 for status in statuses.values())
    return (
        differs(", ".join(refused)) if refused else holds(f"{accepted} of {len(paged)} lists took it, none refused it")
    )


def _too_large(examiner: Examiner) -> Finding:
    seen = examiner.ask("customers", query={"limit": 101})
    return judged(seen.status == 400, _told(examiner, seen))


def _two_sizes(examiner: Examiner) -> Finding:
    whole = _ids(examiner.listed())
    if len(whole) < 2:
        return unknown(f"the account has {len(whole)} customers")
    size, found, cursor = -(-len(whole) // 3), list[str](), ""
    for _ in range(3):
        query = {"limit": size, **({"next_page": cursor} if cursor else {})}
        seen = examiner.ask("customers", query=query)
        found += _ids(examiner.data(seen))
        cursor = str(examiner.payload(seen).get("next_page") or "")
        if not cursor:
            break
    told = f"{len(whole)} rows as one page, {len(found)} as pages of {size}"
    return judged(found[: len(whole)] == whole, told, set(whole) ^ set(found[: len(whole)]))


def _cursor(examiner: Examiner) -> Finding:
    whole = _ids(examiner.listed())
    first = examiner.ask("customers", query={"limit": max(-(-len(whole) // 3), 1)})
    cursor = examiner.payload(first).get("next_page")
    if not cursor:
        return unknown("no list of this account has a second page")
    query = {"limit": max(-(-len(whole) // 3), 1), "next_page": str(cursor)}
    once, twice = (examiner.ask("customers", query=query, again=time) for time in (0, 1))
    same = once.status == twice.status == 200 and examiner.data(once) == examiner.data(twice)
    return judged(same, "asked twice: the same page" if same else f"asked twice: {once.status}, then {twice.status}")


def _unknown_id(examiner: Examiner) -> Finding:
    seen = examiner.ask("customer", {"customer_id": NOBODY})
    return judged(seen.status == 404, _told(examiner, seen))


def _unknown_id_v2(examiner: Examiner) -> Finding:
    seen = examiner.ask("contracts", {"customer_id": NOBODY})
    told = _told(examiner, seen)
    return judged(told == "400 CustomerNotFound", told)


def _unknown_parameter(examiner: Examiner) -> Finding:
    seen = examiner.ask("customers", query={"limit": 1, "metronome_analytics_doctor": "true"})
    return judged(seen.status == 200, _told(examiner, seen))


def _told(examiner: Examiner, seen: Exchange) -> str:
    """Status and code of an answer; a code is one word, or it is not repeated."""
    code = examiner.payload(seen).get("code")
    if seen.status == 200:
        return f"200, {len(examiner.data(seen))} rows"
    return f"{seen.status} {code}" if isinstance(code, str) and _CODE.fullmatch(code) else f"{seen.status}"


def _order(examiner: Examiner) -> Finding:
    """Steps from one row to the next, in the order of the answer, within one customer's balances."""
    first = (
        pl.col("access_schedule")
        .struct.field("schedule_items")
        .list.eval(pl.element().struct.field("starting_at").min())
    )
    starts = examiner.balances().select("customer_id", first.list.first().alias("at")).drop_nulls()
    steps = [
        (later > earlier) - (later < earlier)
        for _, group in starts.group_by("customer_id", maintain_order=True)
        for earlier, later in pairwise(group["at"])
    ]
    up, down = steps.count(1), steps.count(-1)
    told = f"balances: {up} steps forward in time, {down} backward; customers: {_customers_order(examiner)}"
    return unknown(told) if max(up, down) < 2 or min(up, down) * 2 > max(up, down) else judged(up > down, told)


def _customers_order(examiner: Examiner) -> str:
    """How the first customers come, by when they were created; nothing depends on it."""
    made = [str(row.get("created_at")) for row in examiner.listed()]
    steps = [(later > earlier) - (later < earlier) for earlier, later in pairwise(made)]
    return f"{steps.count(1)} forward, {steps.count(-1)} backward"


def _sort(examiner: Examiner) -> Finding:
    for id_ in examiner.customers:
        both = [
            [
                str(row["issued_at"])
                for row in examiner.data(examiner.ask("invoices", {"customer_id": id_}, query=query))
                if row.get("issued_at")
            ]
            for query in ({"sort": "date_desc", "limit": 100}, {"sort": "date_asc", "limit": 100})
        ]
        if min(len(set(each)) for each in both) > 1:
            newest, oldest = both
            honoured = newest == sorted(newest, reverse=True) and oldest == sorted(oldest)
            return judged(honoured, "by issue date, both ways" if honoured else "not as asked, or not by issue date")
    return unknown("no customer that was looked at has two invoices")


FACTS = (
    Fact(
        "default_page_size",
        "a page has 50 rows where no limit is given",
        f"{DOCS}: 50 is suggested, no default is documented",
        "the customers without a limit",
        "Nothing: the loaders always give a limit where there is one.",
        _default_size,
    ),
    Fact(
        "largest_page",
        "each list takes the largest page the file documents",
        FILE,
        "one page of each list, as large as that",
        "Pass page_size= to connect(): no list is then asked for larger pages.",
        _largest,
    ),
    Fact(
        "limit_too_large",
        "a limit above the largest is refused with 400",
        GUESS,
        "101 customers",
        "Nothing: no loader asks for more than the largest.",
        _too_large,
    ),
    Fact(
        "page_sizes_agree",
        "two page sizes give the same rows in the same order",
        GUESS,
        "the first customers as one page and as three",
        "A page that does not arrive is asked for again with another size, which may lose rows here: pass a small "
        "page_size= to connect(), so that it need not be, and compare counts.",
        _two_sizes,
    ),
    Fact(
        "cursors_last",
        "a cursor can be asked twice",
        GUESS,
        "the second page of customers, twice",
        "A page that does not arrive cannot be asked for again: the load raises RequestRejected. Load once more.",
        _cursor,
    ),
    Fact(
        "unknown_id",
        "an unknown id answers 404 (v1)",
        FILE,
        "a customer that cannot exist",
        "Loaders raise RequestRejected instead of NotFoundError: catch both.",
        _unknown_id,
    ),
    Fact(
        "unknown_id_v2",
        "an unknown id answers 400 with the code CustomerNotFound (v2)",
        FILE,
        "the contracts of a customer that cannot exist",
        "Loaders raise RequestRejected instead of NotFoundError: catch both.",
        _unknown_id_v2,
    ),
    Fact(
        "unknown_parameter",
        "a parameter that the API does not know is ignored",
        GUESS,
        "the customers with a made-up parameter",
        "Arguments that only the official client knows (access_type=, include_historical_commit_invoices=, "
        "webhook_notification_id=, skip_missing_seat_ids=) are refused loudly: RequestRejected. Leave them out.",
        _unknown_parameter,
    ),
    Fact(
        "list_order",
        "lists without a documented order come oldest first",
        GUESS,
        "where access begins, from one balance of a customer to the next",
        "Nothing in the analyses, which sort. A loader gives the API's order: sort a frame by its times yourself.",
        _order,
    ),
    Fact(
        "invoice_sort",
        "invoices come in the order asked for, by issue date",
        CONTRADICTED,
        "the invoices of one customer, date_asc and date_desc",
        "A month of invoices reads the whole list, because the order is seen and not believed: slower, and complete.",
        _sort,
    ),
)
