"""Endpoints about notifications of lifecycle events: the account's own, and the system's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metronome_analytics.simulator.endpoints.answers import ApiError, Page, Reply, data
from metronome_analytics.simulator.endpoints.archive_filter import through_archive_filter
from metronome_analytics.simulator.endpoints.lookups import PAGE_MAXIMUM
from metronome_analytics.simulator.endpoints.pages import page
from metronome_analytics.simulator.rendering.notifications import notification, system_notification
from metronome_analytics.simulator.world.notifications import NOTIFICATIONS, SYSTEM_EVENTS

if TYPE_CHECKING:
    from metronome_analytics.simulator.endpoints.request import Request
    from metronome_analytics.simulator.world.account import Account


def list_notifications(account: Account, request: Request) -> Page:
    """POST /v2/notifications/offset/list."""
    asked = request.parameters
    limit = asked.limit(PAGE_MAXIMUM, account.switches.default_page_size)
    current = tuple(item for item in NOTIFICATIONS if not item.archived)
    archived = tuple(item for item in NOTIFICATIONS if item.archived)
    chosen = through_archive_filter(asked, current, archived)
    asked.finish()
    return page(request, chosen, limit, notification, "cursor")


def list_system_notifications(account: Account, request: Request) -> Page:
    """POST /v2/notifications/system/list."""
    request.parameters.finish()
    return page(
        request,
        SYSTEM_EVENTS,
        account.switches.default_page_size,
        lambda item: system_notification(item[0], is_enabled=item[1]),
        "cursor",
    )


def get_notification(_: Account, request: Request) -> Reply:
    """POST /v2/notifications/get: archived ones too."""
    wanted = request.parameters.required_uuid("id")
    request.parameters.finish()
    item = next((item for item in NOTIFICATIONS if item.id == wanted), None)
    if item is None:
        raise ApiError(404, f"Notification not found: {wanted}", "NotificationConfigNotFound")
    return data(notification(item))
