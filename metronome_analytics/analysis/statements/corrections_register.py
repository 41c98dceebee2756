"""Which invoices were voided, made again or corrected, and what that changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dataframely as dy
import polars as pl

from metronome_analytics.analysis.chains import Link, links
from metronome_analytics.analysis.frames import INSTANT, MONEY, checked, like, optional
from metronome_analytics.tables import columns as c
from metronome_analytics.tables.invoices import counts_once
from metronome_analytics.tables.vocabulary import InvoiceStatus

if TYPE_CHECKING:
    from metronome_analytics.tables.columns import Frame

_REGENERATED, _CORRECTED = "regenerated_from_invoice_id", "corrected_invoice_id"


class CorrectionsRegister(dy.Schema):
    """One row per chain and credit type. Key: `first`, `credit_type_id`. See `corrections_register()`."""

    first = c.key()
    last = c.text()
    links = c.count()
    customer_id = c.text()
    first_status = c.text()
    last_status = c.text()
    voided = c.count()
    regenerated = c.count()
    corrected = c.count()
    reasons = dy.List(dy.String(nullable=True), nullable=True)
    invoice_ids = dy.List(dy.String(nullable=True), nullable=True)
    credit_type_id = c.in_key(c.text())
    credit_type_name = c.text()
    first_total = c.amount()
    standing_total = c.amount()
    net_effect = c.amount()


def corrections_register(invoices: Frame) -> Frame:
    """The chains of invoices that were voided, regenerated or corrected: where each began, ended, and what it changed.

    `invoices` is the frame of `account.invoices()`; the result is of the same kind: one row per chain (and credit
    type, if its invoices differ), sorted by customer and first invoice. A chain is what `regenerated_from_invoice_id`
    and `corrected_invoice_id` connect; a VOID invoice that nothing replaces is one by itself. `first` and `last` are
    invoice ids; `first` is the one all others go back to (in the frame or not), `last` the furthest from it, of several
    the one issued last. `links` counts the steps between invoices, `voided`, `regenerated` and `corrected` the invoices
    that are so; `invoice_ids` has all of them, first to last, `reasons` what correction records say.

    `first_total` is the first invoice's total, `standing_total` the sum of the totals that stand (neither VOID nor a
    consolidated twin; drafts among them), and `net_effect` the latter less the former, in Decimal(38, 10) in the API's
    unit (see `ma.major_units`); null where the first is not in the frame. Metronome does not say whether a correction
    replaces what it corrects or comes on top (fact sheet 4.8): `net_effect` adds what stands, and so is right only
    where it comes on top or the corrected invoice is void. Where a correction of a final invoice replaces it, the
    effect is the correction's own total less `first_total`: `standing_total` less twice `first_total`.

    For the review of credit notes and of what changed after a close. Raises ArgumentError for a frame without the
    columns. Source: Metronome's void, regenerate and correction records (fact sheet 3.2, 4.8).

    >>> register = ma.corrections_register(account.invoices())
    >>> register.select("first_total", "standing_total", "net_effect").height
    0
    """
    needed = ("id", "customer_id", "type", "status", "total", "credit_type_id", "credit_type_name")
    given = checked(invoices, "invoices", *needed)
    names = given.collect_schema().names()
    facts = given.select(
        *needed,
        optional(names, "issued_at", INSTANT),
        optional(names, _REGENERATED),
        optional(names, _CORRECTED),
        optional(names, "correction_reason"),
        counts_once().alias("stands"),
    ).unique("id", keep="first", maintain_order=True)
    chains = _chains(facts)
    rows = _totals(facts.join(chains, on="id", how="inner"))
    return like(rows.sort("customer_id", "first", "credit_type_name", "credit_type_id"), invoices, CorrectionsRegister)


def _chains(facts: pl.LazyFrame) -> pl.LazyFrame:
    """Every invoice of a chain: `id`, the chain's `first`, the `steps` from it, and whether it names one before it."""
    linked = facts.select("id", pl.coalesce(_REGENERATED, _CORRECTED).alias("before"), "status")
    void = pl.col("status").eq_missing(pl.lit(InvoiceStatus.VOID))
    of_chains = linked.filter(pl.col("before").is_not_null() | void).collect()
    before: dict[str, str] = dict(of_chains.select("id", "before").drop_nulls().iter_rows())
    found = links(before)
    # What only others name, and void invoices that nobody does, begin a chain.
    begins = dict.fromkeys([*before.values(), *of_chains["id"]])
    known = [(name, found.get(name, Link(name, 0)), name in before) for name in dict.fromkeys([*begins, *before])]
    columns = {
        "id": [name for name, _, _ in known],
        "first": [link.first for _, link, _ in known],
        "steps": [link.steps for _, link, _ in known],
        "linked": [names for _, _, names in known],
    }
    return pl.LazyFrame(columns, schema={"id": pl.String, "first": pl.String, "steps": pl.Int64, "linked": pl.Boolean})


def _totals(members: pl.LazyFrame) -> pl.LazyFrame:
    """One row per chain and credit type, from the invoices of chains."""
    at_first, total = pl.col("id") == pl.col("first"), pl.col("total")
    void = pl.col("status").eq_missing(pl.lit(InvoiceStatus.VOID))
    ordered = members.sort("first", "steps", "issued_at", "id", nulls_last=False)
    of_chain = ordered.group_by("first", maintain_order=True).agg(
        pl.col("id", "status").last().name.prefix("last_"),
        pl.col("customer_id").first(),
        pl.col("linked").sum().cast(pl.Int64).alias("links"),
        pl.col("status").filter(at_first).first().alias("first_status"),
        at_first.any().alias("begun"),
        void.sum().cast(pl.Int64).alias("voided"),
        pl.col(_REGENERATED).is_not_null().sum().cast(pl.Int64).alias("regenerated"),
        pl.col(_CORRECTED).is_not_null().sum().cast(pl.Int64).alias("corrected"),
        pl.col("correction_reason").drop_nulls().alias("reasons"),
        pl.col("id").alias("invoice_ids"),
    )
    return (
        ordered.group_by("first", "credit_type_id", "credit_type_name")
        .agg(
            total.filter(at_first).sum().cast(MONEY).alias("first_total"),
            total.filter("stands").sum().cast(MONEY).alias("standing_total"),
        )
        .join(of_chain, on="first", how="left")
        .with_columns(pl.when("begun").then("first_total").alias("first_total"), pl.col("last_id").alias("last"))
        .with_columns((pl.col("standing_total") - pl.col("first_total")).alias("net_effect"))
    )
