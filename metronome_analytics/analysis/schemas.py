"""The frames that analyses return: columns, dtypes, keys. Amounts are exact, in the unit of their credit type."""

from __future__ import annotations

import dataframely as dy
import polars as pl

from metronome_analytics.tables import columns as c


class BurnDown(dy.Schema):
    """One row per balance and step. Key: `customer_id`, `balance_id`, `step` (from 0, in order of time).

    `event` is segment_start, deduction, manual, seat_adjustment, rollover, canceled, credited, true_up, expiration,
    overdraft, or the ledger's own type in lower case where it is none of these. `source` says where the row is from:
    ledger (an entry as it stands), breakdown (one window of an entry), rest (what of an entry no window explains),
    schedule (what the access schedule and the API's floor imply and no entry says). `entry_index` leads back to the
    ledger. `remaining` is what is accessible after the step. `pending`: counted by the API though the invoice is a
    draft, was one at `as_of`, or the date is still to come. `scheduled`: after `as_of` and not in the books yet.
    `usage_starting_at` is where the usage behind a deduction begins, where that is known.
    """

    customer_id = c.key()
    balance_id = c.key()
    step = c.index()
    balance_name = c.text()
    balance_type = c.text()
    credit_type_id = c.text()
    credit_type_name = c.text()
    timestamp = c.instant()
    event = c.text()
    change = c.amount()
    remaining = c.amount()
    pending = c.flag()
    scheduled = c.flag()
    source = c.text()
    entry_index = dy.Int64(nullable=True)
    segment_id = c.text()
    segment_starting_at = c.instant()
    segment_ending_before = c.instant()
    invoice_id = c.text()
    usage_starting_at = c.instant()
    reason = c.text()


class Utilisation(dy.Schema):
    """One row per group and credit type; `by` says what a group is, and columns that do not name it are null.

    Amounts tie out: granted + adjusted + overdraft - used - expired - rolled_over - trued_up = remaining + not_started.
    `granted` holds every segment of the schedule, listed by the ledger or not, `not_started` the part still to come;
    what is archived before it starts is granted nothing. What rolled over inside the group is in neither `granted` nor
    `rolled_over`. `used` is minus the deductions, `pending` the part of it that
    drafts drew. `utilisation` is used / granted, `elapsed` the share of the time gone by, both 0 to 1.
    `at_risk` is what will expire unused if use goes on as it did in each running segment.
    """

    customer_id = c.text()
    balance_id = c.text()
    segment_id = c.text()
    contract_id = c.text()
    product_id = c.text()
    product_name = c.text()
    balance_name = c.text()
    balance_type = c.text()
    credit_type_id = c.text()
    credit_type_name = c.text()
    balances = c.count()
    granted = c.amount()
    used = c.amount()
    expired = c.amount()
    rolled_over = c.amount()
    trued_up = c.amount()
    adjusted = c.amount()
    overdraft = c.amount()
    not_started = c.amount()
    pending = c.amount()
    remaining = c.amount()
    utilisation = c.number()
    starting_at = c.instant()
    ending_before = c.instant()
    days_left = dy.Int64(nullable=True)
    elapsed = c.number()
    at_risk = c.amount()


class Forecast(dy.Schema):
    """One row per balance. Key: `customer_id`, `balance_id`.

    `burn_per_day` is `burned`, what was used in `window`, by `days_observed`, the days of access in it; `_low` and
    `_high` are the least and the most of it and the averages over 7, 30 and 90 days. A run-out date is given only when
    it falls within access: `_earliest` goes with the high burn, `_latest` with the low. `unused_at_end` and
    `overage_at_end` are those of `burn_per_day` until `ending_before`, the end of the running access. What a pace is
    needed for is null without one, what an end is needed for without a running access. `verdict` is runs out, leaves
    unused, no burn, used up, access over, or not enough history.
    """

    customer_id = c.key()
    balance_id = c.key()
    balance_name = c.text()
    balance_type = c.text()
    credit_type_id = c.text()
    credit_type_name = c.text()
    remaining = c.amount()
    days_observed = c.number()
    burned = c.amount()
    burn_per_day = c.amount()
    burn_per_day_low = c.amount()
    burn_per_day_high = c.amount()
    runs_out_at = c.instant()
    runs_out_at_earliest = c.instant()
    runs_out_at_latest = c.instant()
    ending_before = c.instant()
    days_left = c.number()
    unused_at_end = c.amount()
    overage_at_end = c.amount()
    verdict = c.text()


DRAINED = pl.Struct(
    {
        "place": pl.Int64,
        "balance_id": pl.String,
        "balance_name": pl.String,
        "balance_type": pl.String,
        "segment_id": pl.String,
        "restricted": pl.Boolean,
        "segment_starting_at": pl.Datetime("us", "UTC"),
        "segment_ending_before": pl.Datetime("us", "UTC"),
        "amount": pl.Decimal(38, 10),
        "runs_out_at": pl.Datetime("us", "UTC"),
        "unused_at_end": pl.Decimal(38, 10),
    }
)


class CustomerForecast(dy.Schema):
    """One row per customer and credit type that has burned or holds a balance. Key: `customer_id`, `credit_type_id`.

    `balances` are those open now, `remaining` is what they hold and `coming` what segments to come will. The pace is
    that of all balances of the credit type together, as in `Forecast`. `first_runs_out_at` is when the first segment is
    empty, `runs_out_at` when usage first finds none open with anything left, before `ending_before`, the last end of
    segments that hold something now or will, or of running access where none does; with the high pace that is
    `_earliest`, with the low `_latest`. `overage_at_end` is what falls to on-demand rates or overage from now to
    `ending_before`, `unused_at_end` what segments hold when they end; of a postpaid commit that is trued up. `drain`
    has one item per segment in order of drainage: `amount` is what it holds now or at its start, `runs_out_at` and
    `unused_at_end` what becomes of it, `restricted` says that it covers only some usage, so that it may drain later and
    what follows it sooner. `verdict` is as in `Forecast`; used up: nothing is open.
    """

    customer_id = c.key()
    credit_type_id = c.key()
    credit_type_name = c.text()
    balances = c.count()
    remaining = c.amount()
    coming = c.amount()
    days_observed = c.number()
    burned = c.amount()
    burn_per_day = c.amount()
    burn_per_day_low = c.amount()
    burn_per_day_high = c.amount()
    first_runs_out_at = c.instant()
    runs_out_at = c.instant()
    runs_out_at_earliest = c.instant()
    runs_out_at_latest = c.instant()
    ending_before = c.instant()
    days_left = c.number()
    unused_at_end = c.amount()
    overage_at_end = c.amount()
    drain = c.Typed(pl.List(DRAINED))
    verdict = c.text()


class DrainOrder(dy.Schema):
    """One row per segment that usage may draw on. Key: `customer_id`, `credit_type_id`, `place` (from 1).

    `drained_before` is what the segments before it hold, `drained_after` that and its own rest: where usage that may
    draw on all of them stands when this one begins and is empty. `restricted` says that it covers only some usage.
    """

    customer_id = c.key()
    credit_type_id = c.text()
    credit_type_name = c.text()
    place = c.index()
    balance_id = c.text()
    balance_name = c.text()
    balance_type = c.text()
    segment_id = c.text()
    contract_id = c.text()
    priority = c.number()
    rolled_over = c.flag()
    paid = c.flag()
    restricted = c.flag()
    segment_starting_at = c.instant()
    segment_ending_before = c.instant()
    remaining = c.amount()
    drained_before = c.amount()
    drained_after = c.amount()


class Lint(dy.Schema):
    """One row per finding. `rule` names it, `detail` says it in words, `amount` is what it is about."""

    rule = c.text()
    customer_id = c.text()
    balance_id = c.text()
    balance_name = c.text()
    segment_id = c.text()
    entry_index = dy.Int64(nullable=True)
    credit_type_id = c.text()
    credit_type_name = c.text()
    amount = c.amount()
    timestamp = c.instant()
    detail = c.text()


class Checks(dy.Schema):
    """One row per check and what it looked at. `difference` is actual - expected, in the row's credit type.

    `verdict` is pass, fail, warning (it ties out, but somebody should look), or not checked, with the reason in
    `detail`. A difference of `tolerance` or more fails. `causes` are the likely reasons of a failure, likeliest
    first. The ids that are not null name the rows behind it; see `Reconciliation.rows`.
    """

    check = c.text()
    customer_id = c.text()
    invoice_id = c.text()
    balance_id = c.text()
    segment_id = c.text()
    external_id = c.text()
    credit_type_id = c.text()
    credit_type_name = c.text()
    expected = c.amount()
    actual = c.amount()
    difference = c.amount()
    tolerance = c.amount()
    verdict = c.text()
    causes = dy.List(dy.String(nullable=True), nullable=True)
    detail = c.text()


class CheckSummary(dy.Schema):
    """One row per check and credit type. `difference` sums the sizes of the differences that failed."""

    check = c.text()
    credit_type_id = c.text()
    credit_type_name = c.text()
    rows = c.count()
    passed = c.count()
    failed = c.count()
    warnings = c.count()
    not_checked = c.count()
    difference = c.amount()


class TieOut(dy.Schema):
    """One row per currency and line of a reconciliation statement. Key: `credit_type_id`, `credit_type_name`, `place`.

    `line`, in the order of `place`: "per Metronome", "per the other system", "difference" (theirs less ours), and what
    it is made of: "missing here" (invoices they have and we do not, or only as void), "missing there", "amount",
    "timing" (a draft here, an invoice of another month, or dated where the other side has nothing), "not readable
    there", "rounding" (at most half a minor unit each, summed), and "unexplained", which is zero. What is in another
    currency there is missing there in the one and missing here in the other. `rows` counts the invoices that bring
    something to the line.
    """

    credit_type_id = c.text()
    credit_type_name = c.text()
    place = c.index()
    line = c.text()
    amount = c.amount()
    rows = c.count()
