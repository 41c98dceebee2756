"""The endpoint of embeddable dashboards: an address that shows one to whoever has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.answers import Reply, data
from metronome_analytics.simulator.endpoints.lookups import lookup
from metronome_analytics.simulator.world.ids import make_id

if TYPE_CHECKING:
    from metronome_analytics.simulator.endpoints.request import Request
    from metronome_analytics.simulator.world.account import Account

_DASHBOARDS = ("invoices", "usage", "commits_and_credits")


def get_embeddable_url(account: Account, request: Request) -> Reply:
    """POST /v1/dashboards/getEmbeddableUrl."""
    asked = request.parameters
    customer_id = asked.required_uuid("customer_id")
    dashboard = asked.choice("dashboard", _DASHBOARDS, asked.required("dashboard"))
    for name in ("dashboard_options", "color_overrides", "bm_group_key_overrides"):
        asked.objects(name)
    asked.finish()
    lookup(account, customer_id)
    secret = make_id("dashboard", customer_id, dashboard)
    return data({"url": f"https://embeddable-dashboards.example.com/{dashboard}?token={secret}"})
