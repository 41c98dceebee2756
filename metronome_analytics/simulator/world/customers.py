"""Who the customers are: names, aliases, external ids. Cheap enough to list 50,000 without opening a single book."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from metronome_analytics.simulator.world.ids import digest, make_id

_FIRST = """
    Aperture Arbor Basalt Beacon Birch Bluefin Brightwater Cedar Cinder Cobalt Copper Delta Drift Ember Evergreen
    Falcon Fathom Fern Foxglove Granite Harbor Hazel Helio Indigo Iris Juniper Keystone Lantern Larkspur Lumen
    Maple Meridian Mistral Monarch Nimbus North Nova Oak Onyx Orchard Osprey Paragon Pebble Pine Quartz Raven
    Ridge River Rowan Saffron Sage Sierra Slate Solstice Spruce Sterling Summit Tamarack Tern Thistle Tidal Umber
    Vale Willow
""".split()  # noqa: SIM905  # one word a line would fill the screen
_SECOND = """
    Analytics Bank Biotech Books Cloud Commerce Data Dynamics Energy Foods Freight Games Genomics Health Insurance
    Interactive Labs Logistics Media Mobility Motors Networks Pharma Pictures Research Retail Robotics Security
    Software Studios Systems Telecom Travel Works
""".split()  # noqa: SIM905  # one word a line would fill the screen
_LEGAL = ("Inc.", "GmbH", "Ltd", "LLC", "S.A.", "AB", "B.V.", "Pty Ltd", "K.K.", "")
_UNUSUAL = (
    "Bäckerei Größenwahn GmbH & Co. KG",
    "株式会社 北斗データ",
    "🚀 Rocket Ridge Labs",
    "\u200fשירותי ענן תמר\u200f בע״מ",  # noqa: RUF001  # Hebrew, between right-to-left marks
    'O\'Brien & "The Quotes" <Partners>',
    (
        "Société Générale d'Électricité Numérique de l'Île-de-France et des Territoires Associés, "
        "département de la facturation à l'usage et des engagements pluriannuels, bureau numéro quarante-deux"
    ),
    "=HYPERLINK Holdings, Inc.",
    "Żółta Łódź sp. z o.o.",
)


@dataclass(frozen=True, slots=True)
class Customer:
    """What GET /v1/customers tells about one customer."""

    index: int
    id: str
    name: str
    aliases: tuple[str, ...]
    salesforce_id: str | None
    custom_fields: tuple[tuple[str, str], ...]
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None
    billable: bool


def customer_id(seed: int, index: int) -> str:
    """The id of customer `index`: its first eight digits hide the index, the rest proves it."""
    return f"{_mask(seed) ^ index:08x}{make_id(seed, 'customer', index)[8:]}"


def customer_index(seed: int, text: str) -> int | None:
    """The index behind an id, or None when no customer of this seed has it."""
    try:
        index = int(text[:8], 16) ^ _mask(seed)
    except ValueError:
        return None
    return index if customer_id(seed, index) == text else None


def _mask(seed: int) -> int:
    return digest(seed, "mask") & 0x7FFF_FFFF


def make_customer(seed: int, index: int, *, opened: datetime, archived_at: datetime | None) -> Customer:
    """Customer `index`; `opened` is the day the account's first month begins."""
    random = Random(digest(seed, "person", index))
    unusual = index % 9 == 4
    name = f"{random.choice(_FIRST)} {random.choice(_SECOND)} {random.choice(_LEGAL)}".strip()
    if unusual:
        name = _UNUSUAL[index // 9 % len(_UNUSUAL)]
    slug = f"{name.split()[0].lower() if not unusual else 'customer'}-{index:05d}"
    aliases = tuple(f"{prefix}{slug}" for prefix in ("", "team@", "org:")[: random.choice((0, 1, 1, 1, 2, 3))])
    created_at = opened - timedelta(days=random.randrange(1, 400), microseconds=random.randrange(10**11))
    fields: tuple[tuple[str, str], ...] = ()
    if random.random() < 0.7:
        fields = (("tier", random.choice(("startup", "growth", "enterprise"))), ("crm_owner", f"owner-{index % 7}"))
    return Customer(
        index=index,
        id=customer_id(seed, index),
        name=name,
        aliases=aliases,
        salesforce_id=f"0015500001{digest(seed, index) % 10**8:08d}" if random.random() < 0.6 else None,
        custom_fields=fields,
        created_at=created_at,
        updated_at=created_at + timedelta(days=random.randrange(0, 30)),
        archived_at=archived_at,
        billable=random.random() < 0.95,
    )
