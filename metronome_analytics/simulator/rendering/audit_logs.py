"""Writes entries of the audit log the way the API does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.rendering.scalars import Json, offset_text
from metronome_analytics.simulator.world.ids import digest, make_id

if TYPE_CHECKING:
    from metronome_analytics.simulator.world.audit_trail import Deed


def audit_log(deed: Deed) -> Json:
    """An AuditLog."""
    key = f"{digest(deed):016x}"
    actor: Json = {"id": make_id("actor", deed.by_token), "name": "Provisioning token"}
    if not deed.by_token:
        actor |= {"name": "Billing Ops", "email": "billing-ops@example.com"}
    return {
        "id": make_id("audit", deed),
        "timestamp": offset_text(deed.when),
        "request": {"id": f"req_{key}", "ip": "203.0.113.7", "user_agent": "simulated/1.0"},
        "actor": actor,
        "action": deed.action,
        "resource_type": deed.resource_type,
        "resource_id": deed.resource_id,
        "status": "success",
        "description": f"{deed.action.replace('_', ' ').capitalize()}: {deed.resource_type}",
    }
