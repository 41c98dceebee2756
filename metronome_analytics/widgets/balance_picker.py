"""BalancePicker: a customer, then one of its balances, then perhaps a segment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from metronome_analytics.analysis.frames import Given, checked
from metronome_analytics.errors import ArgumentError
from metronome_analytics.tables import ledger, segments
from metronome_analytics.tables.money import amount_text
from metronome_analytics.widgets.base import Form, OfPython, choice_of, known, static_list
from metronome_analytics.widgets.customer_picker import CustomerPicker
from metronome_analytics.widgets.stack import Stack
from metronome_analytics.wording import one_line, time_text

_NEEDED = ("id", "customer_id", "type", "name", "balance", "credit_type_id", "credit_type_name", "access_schedule")


@dataclass(frozen=True)
class BalanceChoice:
    """What was chosen: a balance of a customer, and a segment of it or None.

    >>> balance = account.balances()["id"][0]
    >>> picker = ma.widgets.BalancePicker(account.balances(), value=balance)
    >>> picker.value.balance_id == balance, picker.value.segment_id
    (True, None)
    """

    customer_id: str
    balance_id: str
    segment_id: str | None = None


class _Fields(Form):
    """The balances and segments of one customer."""

    def __init__(self, balances: pl.DataFrame, **options: Any) -> None:
        self._balances = balances
        self.balance_id: str | None = None
        self.segment_id: str | None = None
        self.tell: Any = None
        super().__init__(**options)

    def _set(self, name: str, value: str) -> None:
        self.tell(name, value or None)

    def _fields(self) -> list[dict[str, object]]:
        fields = [choice_of("balance", "Balance", self.balance_id, _balance_options(self._balances))]
        if self.balance_id is not None:
            options = _segment_options(self._balances.filter(pl.col("id") == self.balance_id))
            fields.append(choice_of("segment", "Segment", self.segment_id, options))
        return fields if self._balances.height else []

    def _note(self) -> str:
        if self.balance_id is None:
            return f"{self._balances.height:,} balances"
        options = dict(_balance_options(self._balances))
        parts = [options[self.balance_id]]
        if self.segment_id is not None:
            chosen = self._balances.filter(pl.col("id") == self.balance_id)
            parts.append("segment: " + dict(_segment_options(chosen))[self.segment_id])
        return "; ".join(parts)

    def over(self, balances: pl.DataFrame, balance_id: str | None, segment_id: str | None) -> None:
        """Offer these balances, with these chosen."""
        self._balances, self.balance_id, self.segment_id = balances, balance_id, segment_id
        self._show()


class BalancePicker(Stack):
    """Choose one of `balances`, the frame of `account.balances()`: its customer, the balance, and perhaps a segment.

    `value` is None until a balance is chosen, then a BalanceChoice; `customer_id`, `balance_id` and `segment_id` say
    what is chosen so far, `selected` is the balance's row. Each balance and segment shows its unit, what remains and
    its dates. `customers`, the frame of `account.customers()`, gives customers their names. Raises ArgumentError for
    unknown arguments and ids; what a callback raises shows below the fields.

    >>> picker = ma.widgets.BalancePicker(account.balances(), customers=account.customers())
    >>> picker.value is None
    True
    """

    value: OfPython[BalanceChoice | None] = OfPython(default_value=None, allow_none=True)

    def __init__(
        self,
        balances: Given,
        *,
        customers: Given | None = None,
        value: BalanceChoice | str | None = None,
        label: str = "Balance",
        **options: Any,
    ) -> None:
        options = known("BalancePicker", options)
        self._frame = checked(balances, "balances", *_NEEDED).collect()
        owners = self._frame.select(pl.col("customer_id").alias("id")).unique(maintain_order=True)
        self._customer = CustomerPicker(_with_names(owners, customers), multiple=False, label="Customer")
        self._fields = _Fields(self._frame.clear(), label=label)
        self._fields.tell = self._tell
        super().__init__(label=label, **options)
        self.stack([self._customer, self._fields])
        self._customer.observe(self._owner_changed, names="value")
        self.observe(self._changed, names="value")
        self.value = value

    @property
    def customer_id(self) -> str | None:
        """The chosen customer's id."""
        return next(iter(self._customer.value), None)

    @property
    def balance_id(self) -> str | None:
        """The chosen balance's id."""
        return None if self.value is None else self.value.balance_id

    @property
    def segment_id(self) -> str | None:
        """The chosen segment's id."""
        return None if self.value is None else self.value.segment_id

    @property
    def selected(self) -> pl.DataFrame:
        """The row of the chosen balance, or none."""
        return self._frame.filter(pl.col("id") == pl.lit(self.balance_id, pl.String))

    def _taken(self, value: Any) -> BalanceChoice | None:
        if value is None:
            return None
        wanted = value.balance_id if isinstance(value, BalanceChoice) else value
        segment = value.segment_id if isinstance(value, BalanceChoice) else None
        row = self._frame.filter(pl.col("id") == wanted) if isinstance(wanted, str) else self._frame.clear()
        if row.is_empty():
            raise ArgumentError(f"value={value!r} is none of these balances.", advice="Pass a balance's id.")
        owner = str(row["customer_id"][0])
        if isinstance(value, BalanceChoice) and value.customer_id != owner:
            raise ArgumentError(f"value: balance {wanted} belongs to customer {owner}, not {value.customer_id}.")
        if segment is not None and segment not in segments(row)["segment_id"].to_list():
            raise ArgumentError(f"value: balance {wanted} has no segment {segment}.")
        return BalanceChoice(owner, str(wanted), segment)

    def _owner_changed(self, _: object) -> None:
        if self.value is not None and self.value.customer_id != self.customer_id:
            self.value = None
        self._offer()

    def _changed(self, _: object) -> None:
        if self.value is not None and self.value.customer_id != self.customer_id:
            self._customer.value = self.value.customer_id
        self._offer()

    def _offer(self) -> None:
        owned = self._frame.filter(pl.col("customer_id") == pl.lit(self.customer_id, pl.String))
        self._fields.over(owned, self.balance_id, self.segment_id)

    def _tell(self, name: str, id_: str | None) -> None:
        if name == "balance":
            self.value = id_
        elif self.value is not None:
            self.value = BalanceChoice(self.value.customer_id, self.value.balance_id, id_)

    def _static(self) -> str:
        chosen = [] if self.value is None else [f"{self.customer_id}: {self._fields._note()}"]  # noqa: SLF001  # a part
        return static_list(f"{self.label} chosen", chosen or ["none"])

    def __repr__(self) -> str:
        return f"BalancePicker({self.value or 'none chosen'})"


def _with_names(owners: pl.DataFrame, customers: Given | None) -> pl.DataFrame:
    if customers is None:
        return owners.with_columns(name=pl.lit(None, pl.String))
    named = checked(customers, "customers", "id", "name").collect().unique("id", keep="first", maintain_order=True)
    return owners.join(named, on="id", how="left", maintain_order="left")


def _balance_options(balances: pl.DataFrame) -> list[tuple[str, str]]:
    """Each balance's id and what tells it from the others."""
    spans = segments(balances).group_by(id="balance_id").agg(pl.col("starting_at").min(), pl.col("ending_before").max())
    words = pl.concat_str(
        pl.coalesce("name", "type"),
        pl.col("type").str.to_lowercase(),
        pl.concat_str(amount_text(pl.col("balance"), pl.col("credit_type_name")), pl.lit(" left")).fill_null(
            "no balance"
        ),
        pl.concat_str(time_text(pl.col("starting_at")), pl.lit(" to "), time_text(pl.col("ending_before"))),
        separator=" · ",
        ignore_nulls=True,
    )
    joined = balances.select("id", "name", "type", "balance", "credit_type_name").join(
        spans, on="id", how="left", maintain_order="left"
    )
    return [(str(id_), one_line(text)) for id_, text in joined.select("id", words).iter_rows()]


def _segment_options(balance: pl.DataFrame) -> list[tuple[str, str]]:
    """Each segment's id, grant, what its ledger entries leave of it, and dates."""
    parts = segments(balance)
    entries = ledger(balance) if "ledger" in balance.columns else None
    left = pl.lit(None, pl.String)
    # An entry without a segment cannot be told apart among several.
    if entries is not None and entries.height and (parts.height == 1 or not entries["segment_id"].null_count()):
        of = pl.lit(parts["segment_id"][0]) if parts.height == 1 else pl.col("segment_id")
        sums = entries.group_by(of.alias("segment_id")).agg(pl.col("amount").sum().alias("left"))
        parts = parts.join(sums, on="segment_id", how="left", maintain_order="left")
        left = pl.concat_str(amount_text(pl.col("left"), pl.col("credit_type_name")), pl.lit(" left"))
    words = pl.concat_str(
        pl.concat_str(amount_text(pl.col("amount"), pl.col("credit_type_name")), pl.lit(" granted")),
        left,
        pl.concat_str(time_text(pl.col("starting_at")), pl.lit(" to "), time_text(pl.col("ending_before"))),
        separator=" · ",
        ignore_nulls=True,
    )
    return [(str(id_), one_line(text)) for id_, text in parts.select("segment_id", words).iter_rows()]
