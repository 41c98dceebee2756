"""What an invoice counts as. Whatever adds up invoices asks here."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import polars as pl

from metronome_analytics.analysis.frames import Given, checked
from metronome_analytics.errors import ArgumentError
from metronome_analytics.tables.invoices import counts_once, is_twin, is_void
from metronome_analytics.tables.vocabulary import InvoiceStatus

if TYPE_CHECKING:
    from metronome_analytics.tables.columns import Frame


class Standing(StrEnum):
    """What an invoice counts as, in the order of a summary.

    Only `INVOICED` is money asked for, and standings do not add up: a void invoice keeps its total, a true-up is owed
    only if nothing more of the commit is used, a consolidated twin repeats other invoices.
    """

    INVOICED = "invoiced"
    DRAFT = "draft"
    TRUE_UP = "draft true-up"
    VOID = "void"
    TWIN = "consolidated twin"
    OTHER = "other status"


def invoiced(invoices: Frame) -> Frame:
    """The invoices that were asked for, each once: final ones, without the consolidated twins of others.

    `invoices` is the frame of `account.invoices()`; the result is of the same kind, with the same columns and order.
    Left out are VOID invoices, which keep their totals; drafts, which are not sent yet, and among them draft true-ups,
    owed only if nothing more is used; USAGE_CONSOLIDATED invoices, which repeat the usage invoices they are made of;
    and any status nobody knows. Totals stay in the API's unit (see `ma.major_units`): add them up by credit type.
    Raises ArgumentError for a frame without `status` and `type`.

    >>> invoices = account.invoices(month="2026-10")
    >>> invoices.height, ma.invoiced(invoices).height
    (13, 13)
    """
    checked(invoices, "invoices", "status", "type")
    return invoices.filter(is_invoiced())


def is_invoiced(status: str = "status", type_: str = "type") -> pl.Expr:
    """Whether an invoice is one of `invoiced`; the columns may be those of its lines."""
    return pl.col(status).eq_missing(pl.lit(InvoiceStatus.FINALIZED)) & counts_once(status, type_)


def standing(invoices: Given) -> pl.Expr:
    """Each invoice's `Standing`, as an expression over `invoices`; ArgumentError where the frame cannot tell."""
    checked(invoices, "invoices", "status", "type")
    pays = trues_up(invoices)
    draft = pl.col("status").eq_missing(pl.lit(InvoiceStatus.DRAFT))
    return (
        pl.when(is_void("status"))
        .then(pl.lit(Standing.VOID))
        .when(is_twin("type"))
        .then(pl.lit(Standing.TWIN))
        .when(is_invoiced())
        .then(pl.lit(Standing.INVOICED))
        .when(draft & pays)
        .then(pl.lit(Standing.TRUE_UP))
        .when(draft)
        .then(pl.lit(Standing.DRAFT))
        .otherwise(pl.lit(Standing.OTHER))
    )


def trues_up(invoices: Given) -> pl.Expr:
    """Whether an invoice bills what was not used of a postpaid commit, as an expression over `invoices`."""
    items = checked(invoices, "invoices", "line_items").collect_schema()["line_items"]
    if not isinstance(items, pl.List) or not isinstance(items.inner, pl.Struct):
        raise ArgumentError("invoices has line_items of another kind.", advice="Pass what account.invoices() returned.")
    postpaid = pl.element().struct.field("postpaid_commit").struct.field("id")
    return pl.col("line_items").list.eval(postpaid.is_not_null()).list.any().fill_null(value=False)
