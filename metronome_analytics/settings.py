"""What connect() needs to know; the only reader of the environment."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from urllib.parse import urlsplit

from platformdirs import user_data_path
from pydantic import SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from metronome_analytics.errors import ConfigurationError

DEFAULT_BASE_URL = "https://api.metronome.com"


class Settings(BaseSettings):
    """Token and address: an argument wins over METRONOME_BEARER_TOKEN and METRONOME_BASE_URL."""

    model_config = SettingsConfigDict(
        env_prefix="METRONOME_", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True
    )

    bearer_token: SecretStr | None = None
    base_url: str = DEFAULT_BASE_URL
    analytics_journal: Path | None = None

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
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"base_url must be an http(s) address such as {DEFAULT_BASE_URL}")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("base_url must hold no credentials, query or fragment")
        if parts.scheme == "http" and not _is_loopback(parts.hostname):
            raise ValueError("base_url must be https: over plain http the token would travel in the clear")
        return url.rstrip("/")


def journal_path() -> Path:
    """The journal of balance entries: METRONOME_ANALYTICS_JOURNAL, else a file in the user's data directory."""
    named = Settings().analytics_journal
    return named if named is not None else user_data_path("metronome_analytics") / "journal.sqlite"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def read_settings(token: str | SecretStr | None, base_url: str | None) -> tuple[SecretStr, str]:
    """The token and base URL to use; ConfigurationError says what to set."""
    given = {name: value for name, value in (("bearer_token", token), ("base_url", base_url)) if value is not None}
    try:
        settings = Settings(**given)  # type: ignore[arg-type]  # pydantic validates the types itself
    except ValidationError as error:
        reasons = "; ".join(
            str(problem["msg"]).removeprefix("Value error, ") for problem in error.errors(include_input=False)
        )
        # From None: the pydantic error holds what was given, and that may be the token.
        raise ConfigurationError(f"The connection settings cannot be used: {reasons}.") from None
    if settings.bearer_token is None:
        raise ConfigurationError(
            "No Metronome token.",
            advice="Set METRONOME_BEARER_TOKEN, or pass connect(token=...). ma.demo() needs none.",
        )
    return settings.bearer_token, settings.base_url
