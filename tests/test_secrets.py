from __future__ import annotations

import copy
import io
import logging
import pickle
import traceback
import warnings
from collections import deque
from collections.abc import Mapping
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

import cloudpickle
import httpx
import pytest
from pydantic import SecretStr

import metronome_analytics as ma
from metronome_analytics.settings import DEFAULT_BASE_URL, read_settings
from metronome_analytics.simulator import Simulator, running
from tests.fakes import account_of, answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TOKEN = "very-secret-9f8e7d"


def failing(request: httpx.Request) -> httpx.Response:
    """A server that echoes the token in its error."""
    if request.url.path == "/v1/customers":
        return answer([{"id": "a", "extra": 1}])
    return httpx.Response(401, json={"message": f"bad token {request.headers['Authorization']}"})


def test_the_token_is_in_no_text_we_make() -> None:
    """Reprs, errors, tracebacks, warnings, receipts and every log record at DEBUG are free of the token."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    texts: list[str] = []
    try:
        with (
            warnings.catch_warnings(record=True) as caught,
            ma.connect(TOKEN, transport=httpx.MockTransport(failing), progress=False) as account,
        ):
            warnings.simplefilter("always")
            texts += [
                repr(account),
                str(account),
                repr(vars(account)),
                repr(vars(account.session)),
                repr(vars(account.session.client)),
            ]
            account.customers()
            try:
                account.invoices("a")
            except ma.LoadError as error:
                texts += [
                    repr(error),
                    str(error),
                    "".join(traceback.format_exception(error)),
                    str(error.failures.rows()),
                ]
            account.invoices("a", on_error="collect")
            texts += [str(account.receipts.rows()), *(str(warning.message) for warning in caught)]
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    texts.append(stream.getvalue())
    assert "***" in "".join(texts)
    assert [text for text in texts if TOKEN in text] == []


def test_no_token_says_what_to_set() -> None:
    """Without a token connect() names the variable, and the way without one."""
    with pytest.raises(ma.ConfigurationError, match=r"METRONOME_BEARER_TOKEN.*demo"):
        ma.connect()


@pytest.mark.parametrize("token", ["", "  ", None])
def test_a_blank_token_is_none(token: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty variable or argument is no token."""
    monkeypatch.setenv("METRONOME_BEARER_TOKEN", "")
    with pytest.raises(ma.ConfigurationError, match="No Metronome token"):
        ma.connect(token)


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "naïve", 5, ["x"]])
def test_a_token_that_cannot_be_one_is_refused_unseen(token: Any) -> None:
    """What fits no header is refused without being repeated."""
    with pytest.raises(ma.ConfigurationError) as raised:
        ma.connect(token)
    assert str(token) not in str(raised.value)
    assert raised.value.__cause__ is None


def test_arguments_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Token and base URL come from the argument, else the environment, else the default address."""
    monkeypatch.setenv("METRONOME_BEARER_TOKEN", "from-environment")
    assert read_settings(None, None)[0].get_secret_value() == "from-environment"
    assert read_settings(None, None)[1] == DEFAULT_BASE_URL
    monkeypatch.setenv("METRONOME_BASE_URL", "https://example.test/")
    assert read_settings(SecretStr("mine"), None)[1] == "https://example.test"
    token, url = read_settings("mine", "https://other.test")
    assert (token.get_secret_value(), url) == ("mine", "https://other.test")


@pytest.mark.parametrize(
    "url",
    [
        "api.metronome.com",
        "ftp://x",
        "https://",
        "https://user:pass@x.test",
        "https://x.test?a=1",
        "http://api.metronome.com",
    ],
)
def test_an_address_that_could_leak_the_token_is_refused(url: str) -> None:
    """Only https, or plain http to this machine, may carry the token."""
    with pytest.raises(ma.ConfigurationError, match="base_url"):
        ma.connect("token", base_url=url)


@pytest.mark.parametrize(
    "url",
    [
        "https://x.test:65536",
        "https://x.test:0",
        "https://x.test:port",
        "https://x.te\nst",
        "https://x.test/\t",
        "https://x.test\x00",
        "https://x.test\x7f",
        "https://x test",
        "https://x.test\\@y.test",
        "https://[::1",
        "https://x.test/\ud800",
        "http://127.0.0.1.x.test",
    ],
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    """Ports out of range, control characters and what libraries read differently are refused by connect() itself."""
    with pytest.raises(ma.ConfigurationError, match="base_url") as raised:
        ma.connect("token", base_url=url)
    str(raised.value).encode()


PICKLERS: list[Callable[[object], object]] = [
    pickle.dumps,
    copy.copy,
    copy.deepcopy,
    cloudpickle.dumps,
    lambda holder: holder.__reduce_ex__(4),
]


@pytest.mark.parametrize("pickler", PICKLERS, ids=["pickle", "copy", "deepcopy", "cloudpickle", "reduce"])
def test_an_account_is_not_written_down(pickler: Callable[[object], object]) -> None:
    """No pickler takes an account, a method of it, or the token."""
    with ma.connect(TOKEN) as account:
        for holder in (account, read_settings(TOKEN, None)[0]):
            with pytest.raises(ma.ConfigurationError, match="cannot be pickled"):
                pickler(holder)
        with pytest.raises(ma.ConfigurationError, match="cannot be pickled"):
            pickle.dumps(account.customers)


def reached(holder: object) -> Iterator[object]:
    """Whatever is held by attributes and containers, as a pickler finds it that asks no object how it is written."""
    seen, waiting = set[int](), [holder]
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, type | ModuleType | FunctionType):
            continue
        seen.add(id(one))
        yield one
        if isinstance(one, Mapping):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list | tuple | set | frozenset | deque):
            waiting += one
        waiting += vars(one).values() if hasattr(one, "__dict__") else ()
        slots = [name for kind in type(one).__mro__ for name in (getattr(kind, "__slots__", None) or ())]
        waiting += [getattr(one, name) for name in slots if hasattr(one, name)]


def test_no_attribute_holds_the_token() -> None:
    """Before a load, after one and after one that failed: what walks objects by their attributes never meets it."""
    simulator = Simulator(customers=2, seed=7)
    with (
        running(simulator) as url,
        ma.connect(simulator.token, base_url=url, max_requests_per_second=None, progress=False) as account,
    ):
        errors: list[object] = []
        for load in (lambda: None, account.customers, lambda: account.invoices("nobody")):
            try:
                load()
            except ma.LoadError as error:
                errors.append(error)
            client = account.session.client  # made when it is first asked for
            found = list(reached([account, errors]))
            assert any(one is client for one in found)
            texts = [one.decode("latin-1") if isinstance(one, bytes) else one for one in found]
            assert [text for text in texts if isinstance(text, str) and simulator.token in text] == []
        assert errors
        assert account.session.connection.token.get_secret_value() == simulator.token


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8787", "http://localhost:1", "http://[::1]:1", "https://x.test/metronome"]
)
def test_a_loopback_or_https_address_is_fine(url: str) -> None:
    """The simulator on this machine may be spoken to in the clear."""
    ma.connect("token", base_url=url).close()


def test_a_redirect_does_not_carry_the_token_elsewhere() -> None:
    """A redirect is an error; the other host never hears from us."""
    hosts: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        hosts.append(request.url.host)
        return httpx.Response(307, headers={"Location": "https://elsewhere.test/v1/customers"})

    with account_of(handler) as account, pytest.raises(ma.TransportError, match="redirect"):
        account.customers()
    assert hosts == ["api.metronome.com"]
