"""Facts about the token, the clock, what may be read, and the pace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import SecretStr

from metronome_analytics.api.endpoints import ENDPOINTS
from metronome_analytics.api.server_time import http_date
from metronome_analytics.arguments import midnight, rfc3339
from metronome_analytics.doctor.facts import DOCS, GUESS, Fact, Finding, differs, holds, judged, unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from metronome_analytics.api.exchange import Exchange
    from metronome_analytics.doctor.examiner import Examiner

# Further apart than this, times that this machine makes up (an entry's hour, a plan's age) may be wrong.
_SKEW = 60.0
_WRONG_TOKEN = "metronome-analytics-doctor-asks-without-a-token"  # noqa: S105  # it opens nothing: that is its purpose

# What is lost where a list may not be read.
LOST: Mapping[str, str] = {
    "billable_metrics": "the names of metrics",
    "products": "products",
    "rate_cards": "rate cards and rates",
    "packages": "packages",
    "custom_field_keys": "the keys of custom fields",
    "configured_billing_providers": "billing providers",
    "audit_logs": "who changed what, and with it a mirror's knowledge of which customers changed: it reads all of them",
    "notifications": "notifications",
    "system_notifications": "notifications of the system",
    "services": "the addresses of services",
    "usage": "usage by metric",
    "contracts": "contracts and what they embed",
    "invoices": "invoices, and every statement made of them",
    "balances": "commits, credits and their ledgers, and every statement made of them",
    "alerts": "alerts",
}
PLANS = ("plans", "costs", "credit_grants")


def _token(examiner: Examiner) -> Finding:
    status = examiner.first_page.status
    label = "has" if examiner.session.environment else "has not"
    if status == 200:
        return holds(f"the customers can be listed; the environment {label} been given a name here")
    return differs(f"the list of customers answers {status}: nothing else can be told")


def _wrong_token(examiner: Examiner) -> Finding:
    status = examiner.ask("customers", query={"limit": 1}, token=SecretStr(_WRONG_TOKEN)).status
    return judged(status == 401, f"{status}")


def _clock(examiner: Examiner) -> Finding:
    seen = examiner.first_page
    at = http_date(seen.headers.get("date", ""))
    if at is None:
        return unknown("the answers have no readable Date header")
    own = examiner.session.clock
    if not examiner.session.follows_server and abs((at - own.now()).total_seconds()) <= _SKEW:
        return unknown("this account is simulated and has a clock of its own")
    ahead = (at - own.wall()).total_seconds()
    return judged(abs(ahead) <= _SKEW, f"the server is {abs(ahead):.0f} s {'ahead' if ahead > 0 else 'behind'}")


def reads(examiner: Examiner, name: str) -> Exchange:
    """One page of the list `name`, as large as the file allows; where it is about a customer, about the first."""
    endpoint = ENDPOINTS[name]
    labels = {"customer_id": examiner.customer()} if "{customer_id}" in endpoint.path else {}
    query: dict[str, object] = {}
    body: dict[str, object] = {}
    if endpoint.page_limit is not None:
        (query if endpoint.cursor.place == "query" else body)["limit"] = endpoint.page_limit
    today = midnight(examiner.session.clock.now())
    days = {"starting_on": rfc3339(today.replace(day=1)), "ending_before": rfc3339(today)}
    if today.day == 1:
        days = {"starting_on": rfc3339(today), "ending_before": rfc3339(today.replace(day=2))}
    match name:
        case "usage":
            body |= {**days, "window_size": "NONE", "customer_ids": [examiner.customer()]}
        case "costs":
            query |= days
        case "contracts" | "alerts":
            body["customer_id"] = examiner.customer()
        case "balances":
            labels = {"customer_id": examiner.customer()}
        case _:
            pass
    return examiner.ask(name, labels, query=query, body=body)


def _readable(examiner: Examiner) -> Finding:
    refused = {name: seen.status for name in LOST if (seen := reads(examiner, name)).status != 200}
    if not refused:
        return holds(f"all {len(LOST)} that were asked")
    lost = "; ".join(f"{name}: {LOST[name]}" for name in refused)
    return differs(
        ", ".join(f"{name} {status}" for name, status in refused.items()),
        consequence=f"Their loaders raise, or with on_error='collect' warn and give no rows. Lost are {lost}.",
    )


def _plans(examiner: Examiner) -> Finding:
    statuses = {name: reads(examiner, name).status for name in PLANS}
    told = ", ".join(f"{name} {status}" for name, status in statuses.items())
    return judged(all(status == 200 for status in statuses.values()), told)


def _rate_headers(examiner: Examiner) -> Finding:
    told = {
        name.lower()
        for _, seen in examiner.exchanges
        if seen.status != 429
        for name in seen.headers
        if "ratelimit" in name.lower() or "rate-limit" in name.lower()
    }
    return judged(not told, ", ".join(sorted(told)) or f"none on {len(examiner.exchanges)} answers")


def _pace(examiner: Examiner) -> Finding:
    seconds = sum(seen.seconds for _, seen in examiner.exchanges)
    pace = len(examiner.exchanges) / seconds if seconds else 0.0
    asked = examiner.session.connection.max_requests_per_second
    told = f"{len(examiner.exchanges)} requests one after another, {pace:.1f} a second while under way"
    if examiner.tally.throttled:
        return differs(f"{examiner.tally.throttled} answers were 429; {told}")
    if asked is not None and pace < asked:
        return unknown(f"no 429: {told}, which is slower than the {asked:g} allowed")
    return holds(f"no 429: {told}")


FACTS = (
    Fact(
        "token",
        "the token may read this account, and alone decides which environment it is",
        DOCS,
        "the list of customers is asked for",
        "AuthenticationError: check METRONOME_BEARER_TOKEN; the token alone decides the environment.",
        _token,
    ),
    # At once after the first answer: what is asked in between would count as skew.
    Fact(
        "clock",
        "this machine's clock and the server's are within a minute",
        GUESS,
        "the Date header against this machine's clock",
        "account.now goes by the server's clock; set this machine's, which says how old a plan is.",
        _clock,
    ),
    Fact(
        "wrong_token",
        "a wrong token answers 401",
        f"{DOCS}, which allows 401 and 403",
        "the list of customers is asked for with a made-up token",
        "Nothing: 401 and 403 are both AuthenticationError.",
        _wrong_token,
    ),
    Fact(
        "readable",
        "the token may read every list",
        f"{DOCS}: tokens can be restricted by endpoint",
        "one page of each list",
        "",
        _readable,
    ),
    Fact(
        "plans_endpoints",
        "the Plans endpoints answer, if with nothing, for customers on contracts",
        "the Plans reference and the official client",
        "one page of plans, costs and credit grants",
        "daily_costs() needs both: use invoice_breakdowns() for contracts, and do not load these.",
        _plans,
    ),
)
LAST = (
    Fact(
        "rate_limit_headers",
        "no answer but a 429 tells of rate limits",
        DOCS,
        "the headers of all answers",
        "They are not read: the pace stays what max_requests_per_second= says.",
        _rate_headers,
    ),
    Fact(
        "pace",
        "the account's pace (7.5 requests a second unless told otherwise) goes through without a 429",
        f"{GUESS}: the vendor documents no limit for reads",
        "the pace of this examination; one at a time, so it may be below the one allowed",
        "Lower max_requests_per_second= in connect(); a 429 is waited for and asked again meanwhile.",
        _pace,
    ),
)
