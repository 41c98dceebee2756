"""What connect() needs to know; the only reader of the environment."""

from __future__ import annotations

import ipaddress
import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from platformdirs import user_data_path
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError, field_validator

from metronome_analytics.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_BASE_URL = "https://api.metronome.com"
NO_TOKEN = "No Metronome token."  # noqa: S105  # says that there is none


class Settings(BaseModel):
    """Token and address, checked."""

    model_config = ConfigDict(hide_input_in_errors=True)

    bearer_token: SecretStr | None = None
    base_url: str = DEFAULT_BASE_URL

    @field_validator("bearer_token")
    @classmethod
    def _token_is_one_line(cls, token: SecretStr | None) -> SecretStr | None:
        if token is None:
            return None
        text = token.get_secret_value().strip()
        if not text.isascii() or not text.isprintable() or " " in text:
            raise ValueError("the token must be one word of printable ASCII")
        return SecretStr(text) if text else None

    @field_validator("base_url")
    @classmethod
    def _url_keeps_the_token_private(cls, url: str) -> str:
        if not url.isprintable() or not url.isascii() or set(url) & set(" \\"):
            raise ValueError("base_url must hold no blanks, backslashes or characters that are not printable ASCII")
        try:
            parts = urlsplit(url)
            parts.port  # noqa: B018  # it is looked at when it is asked for
        except ValueError as error:
            raise ValueError(f"base_url is no address: {error}") from None
        if parts.port == 0:
            raise ValueError("base_url must hold a port from 1 to 65535")
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"base_url must be an http(s) address such as {DEFAULT_BASE_URL}")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("base_url must hold no credentials, query or fragment")
        if parts.scheme == "http" and not _is_loopback(parts.hostname):
            raise ValueError("base_url must be https: over plain http the token would travel in the clear")
        return url.rstrip("/")


def journal_path() -> Path:
    """The journal of balance entries: METRONOME_ANALYTICS_JOURNAL, else a file in the user's data directory."""
    named = _named("analytics_journal")
    return Path(named) if named else user_data_path("metronome_analytics") / "journal.sqlite"


def _named(setting: str) -> str | None:
    """What the environment says; nothing where it is empty."""
    return os.environ.get(f"METRONOME_{setting.upper()}") or None


def proxy_of(base_url: str) -> str | None:
    """The proxy that HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names for `base_url`, unless NO_PROXY excepts its host.

    This machine is never reached through a proxy: over plain http it would be given the token in the clear. Raises
    ConfigurationError for a proxy that cannot be spoken to.
    """
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    if _is_loopback(host) or proxy_bypass(host):
        return None
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy:
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    try:
        address = urlsplit(proxy)
        scheme, wrong = address.scheme.lower(), "" if address.hostname and address.port != 0 else "it is no address"
    except ValueError:
        scheme, wrong = "", "it is no address"  # not quoted: it may hold a password
    if not wrong and scheme not in {"http", "https", "socks5", "socks5h"}:
        wrong = f"{scheme!r} is none of http, https, socks5 and socks5h"
    if wrong:
        raise ConfigurationError(
            f"The proxy of the environment cannot be used: {wrong}.",
            advice="Correct HTTPS_PROXY or ALL_PROXY, or except the host with NO_PROXY.",
        )
    if scheme.startswith("socks") and find_spec("socksio") is None:
        raise ConfigurationError(
            "The environment names a SOCKS proxy, which needs a package that is not installed.",
            advice="Install socksio (httpx's extra 'socks'), or except the host with NO_PROXY.",
        )
    return proxy


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Token(SecretStr):
    """A token that stays in its process: whatever holds it cannot be pickled or copied, and no attribute has it.

    Some picklers ask no object, and write down whatever attributes they find.
    """

    def __init__(self, text: str) -> None:
        super().__init__("*" * 10)
        self._held: Callable[[], str] = lambda: text

    def get_secret_value(self) -> str:
        """The token."""
        return self._held()

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse."""
        raise ConfigurationError(
            "What holds a token cannot be pickled or copied, so that the token is never written down.",
            advice="Open an account where it is needed, with connect().",
        )


def read_settings(token: str | SecretStr | None, base_url: str | None) -> tuple[SecretStr, str]:
    """The token and base URL to use, of the environment where they are None; ConfigurationError says what to set."""
    given = {"bearer_token": token, "base_url": base_url}
    found = {name: _named(name) if value is None else value for name, value in given.items()}
    try:
        settings = Settings.model_validate({name: value for name, value in found.items() if value is not None})
    except ValidationError as error:
        reasons = "; ".join(
            str(problem["msg"]).removeprefix("Value error, ") for problem in error.errors(include_input=False)
        )
        # From None: the pydantic error holds what was given, and that may be the token.
        raise ConfigurationError(f"The connection settings cannot be used: {reasons}.") from None
    if settings.bearer_token is None:
        raise ConfigurationError(
            NO_TOKEN,
            advice="Set METRONOME_BEARER_TOKEN, or pass connect(token=...). ma.demo() needs none.",
        )
    return _Token(settings.bearer_token.get_secret_value()), settings.base_url
