"""What loads tell of themselves: receipts, failures, drift, and which endpoint fills which table."""

from __future__ import annotations

import dataframely as dy

from metronome_analytics.tables import columns as c

__all__ = [
    "Catalogue",
    "Diagnosis",
    "Drift",
    "Failures",
    "Receipts",
]


class Receipts(dy.Schema):
    """One row per load: what was asked, what it cost, and whether it is complete. Key: `load_id`.

    `rows` counts what the API sent; `throttled` the 429 answers; `unknown_fields` the fields the API sent that no
    table holds (see `Account.drift`); `filters` the arguments of the call as JSON.
    """

    load_id = c.key()
    endpoint = c.text()
    customers = c.count()
    requests = c.count()
    pages = c.count()
    rows = c.count()
    bytes = c.count()
    retries = c.count()
    throttled = c.count()
    started_at = c.instant()
    seconds = c.number()
    complete = c.flag()
    unknown_fields = c.count()
    filters = c.text()


class Failures(dy.Schema):
    """One row per customer that failed in a load. Key: `customer_id`."""

    customer_id = c.in_key(c.text())
    endpoint = c.text()
    error = c.text()
    status = dy.Int64(nullable=True)


class Drift(dy.Schema):
    """Fields the API sends that no table declares. Key: `endpoint`, `field`."""

    endpoint = c.key()
    field = c.key()
    first_seen_at = c.instant()


class Catalogue(dy.Schema):
    """One row per endpoint we can speak to: which loader reads it into which table. Key: `endpoint`, `effect`.

    One call can be both: historical invoices are previewed and made by the same. `gives` is in words what the loader
    gives; both are null for a write, as is `table`, and `table` and `key` also for what is no table (a PDF). `effect`
    is read or write, `paging` where the cursor travels, `page_limit` the largest page, `status` for whom it answers
    (current, plans only, client-gated).
    """

    endpoint = c.key()
    loader = c.text()
    gives = c.text()
    effect = c.key()
    paging = c.text()
    page_limit = dy.Int64(nullable=True)
    table = c.text()
    key_ = dy.List(dy.String(), nullable=True, alias="key")
    status = c.text()


class Diagnosis(dy.Schema):
    """One row per fact that this package relies on. Key: `fact`.

    `relied_on` is what we believe, `source` where that comes from, `how` how it was looked at, `seen` what was there,
    `verdict` holds, differs or cannot tell here, `consequence` what follows for you where it differs, `examples` the
    ids of up to three objects it was seen at.
    """

    fact = c.key()
    relied_on = c.text()
    source = c.text()
    how = c.text()
    seen = c.text()
    verdict = c.text()
    consequence = c.text()
    examples = dy.List(dy.String(), nullable=True)
