"""One request ends, whatever the server sends, and only errors of ours come out; all over real sockets."""

from __future__ import annotations

import gzip
import select
import threading
import tracemalloc
import zlib
from typing import TYPE_CHECKING

import pytest

import metronome_analytics as ma
from metronome_analytics.api import network
from tests.fakes import TOKEN, account_of, answer
from tests.servers import received, reply, talking

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import httpx

ROWS = b'{"data": [{"id": "a"}], "next_page": null}'
MANY = b'{"data": [' + b'{"id": "a"},' * 400_000 + b'{"id": "a"}]}'


def connect(url: str, **options: float) -> ma.Account:
    """An account at `url`, unpaced."""
    return ma.connect(TOKEN, base_url=url, max_requests_per_second=None, progress=False, **options)  # type: ignore[arg-type]  # only bounds are given


def each_until_gone(connection: socket.socket, pieces: Iterator[bytes]) -> None:
    """Send `pieces`, one every hundredth of a second, until the client has gone."""
    for piece in pieces:
        connection.sendall(piece)
        if select.select([connection], [], [], 0.01)[0]:
            return


def endless(piece: bytes) -> Iterator[bytes]:
    """The same for ever."""
    while True:
        yield piece


def dripping(connection: socket.socket) -> None:
    """A body, byte by byte."""
    received(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    each_until_gone(connection, endless(b" "))


def dripping_headers(connection: socket.socket) -> None:
    """Headers without an end, slowly."""
    received(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    each_until_gone(connection, endless(b"X: y\r\n"))


def pouring_headers(connection: socket.socket) -> None:
    """Headers without an end, as fast as they go."""
    received(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for piece in endless(b"X: y\r\n" * 1_000):
        connection.sendall(piece)


def dripping_hints(connection: socket.socket) -> None:
    """Early hints without an end."""
    received(connection)
    each_until_gone(connection, endless(b"HTTP/1.1 103 Early Hints\r\n\r\n"))


@pytest.mark.parametrize("talk", [dripping, dripping_headers, dripping_hints])
def test_a_request_ends_whatever_drips(talk: Callable[[socket.socket], None]) -> None:
    """A server that always sends a little more is given up after max_seconds_per_request, and the error names that."""
    with talking(talk) as url, connect(url, max_seconds_per_request=0.1) as account:
        with pytest.raises(ma.TransportError, match=r"not whole after 0.1 s \(max_seconds_per_request\)") as raised:
            account.customers()
    assert "GET /v1/customers, page 1" in str(raised.value)
    assert "connect()" in str(raised.value)


def test_headers_without_end_are_given_up() -> None:
    """A head larger than any is an error long before its time is up."""
    with talking(pouring_headers) as url, connect(url) as account, pytest.raises(ma.TransportError, match="RemoteProt"):
        account.customers()


def answering(answer: bytes) -> Callable[[socket.socket], None]:
    """A talk of the same answer to every request."""

    def talk(connection: socket.socket) -> None:
        while received(connection):
            connection.sendall(answer)

    return talk


@pytest.mark.parametrize(
    ("encoding", "body"), [("identity", MANY), ("gzip", gzip.compress(MANY)), ("deflate", zlib.compress(MANY))]
)
def test_an_answer_has_a_largest_size(encoding: str, body: bytes) -> None:
    """A body is refused as soon as it exceeds max_bytes_per_answer, inflated or not, and the error names that."""
    with talking(answering(reply(body, f"Content-Encoding: {encoding}"))) as url:
        with connect(url, max_bytes_per_answer=len(MANY)) as account:
            assert account.customers().height == 400_001
        with connect(url, max_bytes_per_answer=len(MANY) - 1) as account:
            with pytest.raises(ma.MalformedResponse, match=r"larger than .* bytes \(max_bytes_per_answer\)") as raised:
                account.customers()
            assert account.receipts["requests"].to_list() == [1]
    assert "GET /v1/customers, page 1" in str(raised.value)


@pytest.mark.parametrize("members", [1, 64])
def test_a_bomb_is_not_inflated(members: int) -> None:
    """Of a body that inflates a thousandfold, in one member or in many, no more than the limit is ever held."""
    bomb = gzip.compress(bytes((64 << 20) // members), compresslevel=1) * members
    with talking(answering(reply(bomb, "Content-Encoding: gzip"))) as url:
        with connect(url, max_bytes_per_answer=1_000_000) as account:
            tracemalloc.start()
            try:
                with pytest.raises(ma.MalformedResponse, match="larger than 1,000,000 bytes"):
                    account.customers()
                assert tracemalloc.get_traced_memory()[1] < 8 << 20
            finally:
                tracemalloc.stop()


@pytest.mark.parametrize(
    ("body", "encoding", "words"),
    [
        (gzip.compress(ROWS)[:-9], "gzip", "cut short"),
        (b"no gzip", "gzip", "compression is broken"),
        (gzip.compress(ROWS) + b"more", "gzip", "compression is broken"),
        (ROWS, "br", "'br', which nobody asked for"),
    ],
)
def test_broken_compression_is_ours(body: bytes, encoding: str, words: str) -> None:
    """What cannot be inflated to its end is fetched again, and then an error."""
    with talking(answering(reply(body, f"Content-Encoding: {encoding}"))) as url, connect(url) as account:
        with pytest.raises(ma.TransportError, match=words):
            account.customers()
        assert account.receipts["retries"].to_list() == [5]


@pytest.mark.parametrize("argument", ["max_seconds_per_request", "max_bytes_per_answer"])
@pytest.mark.parametrize("value", [0, -1, True, float("inf"), "5"])
def test_a_bound_is_a_positive_number(argument: str, value: object) -> None:
    """A bound that bounds nothing is refused by name."""
    with pytest.raises(ma.ArgumentError, match=f"{argument} must be a (positive|whole) number"):
        ma.connect(TOKEN, **{argument: value})  # type: ignore[arg-type]  # that is the test


def twice(connection: socket.socket) -> None:
    """Two answers to the first request at once, the truth to every other."""
    received(connection)
    connection.sendall(reply(ROWS) + reply(ROWS.replace(b"null", b'"stray"')))
    while received(connection):
        connection.sendall(reply(ROWS))


def late(connection: socket.socket) -> None:
    """As `twice`, half of the second answer with the first, the rest a moment later."""
    received(connection)
    stray = reply(ROWS.replace(b'"a"', b'"stray"'))
    connection.sendall(reply(ROWS) + stray[:30])
    select.select([connection], [], [], 10)
    connection.sendall(stray[30:])
    received(connection)


def one_then(first: Callable[[socket.socket], None]) -> Callable[[socket.socket], None]:
    """A talk that is `first` on the first connection and the truth on every other."""
    talks = [first]

    def talk(connection: socket.socket) -> None:
        (talks.pop() if talks else answering(reply(ROWS)))(connection)

    return talk


@pytest.mark.parametrize("first", [twice, late])
def test_a_stray_answer_answers_nothing(first: Callable[[socket.socket], None]) -> None:
    """A connection on which more came than the answer is not used again."""
    with talking(one_then(first)) as url, connect(url) as account:
        for _ in range(3):
            assert account.customers()["id"].to_list() == ["a"]
        assert account.receipts["requests"].to_list() == [1, 1, 1]


def test_a_proxy_is_not_told_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Https goes through the proxy of the environment as a tunnel; this machine is reached without it."""
    seen: list[bytes] = []

    def proxy(connection: socket.socket) -> None:
        seen.append(received(connection))
        connection.sendall(reply(b"", status="403 Forbidden"))

    with talking(proxy) as url, talking(answering(reply(ROWS))) as here:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, url)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        with connect(here) as account:
            assert account.customers().height == 1
        with connect(here.replace("127.0.0.1", "localhost")) as account:
            assert account.customers().height == 1
        assert seen == []
        with connect("https://metronome.invalid") as account, pytest.raises(ma.TransportError, match="403 Forbidden"):
            account.customers()
    assert seen
    assert all(request.startswith(b"CONNECT metronome.invalid:443 ") for request in seen)
    assert [request for request in seen if TOKEN.encode() in request] == []


def test_no_proxy_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that NO_PROXY excepts is reached directly."""
    monkeypatch.setenv("HTTPS_PROXY", "nonsense://proxy.invalid")
    monkeypatch.setenv("NO_PROXY", "metronome.invalid")
    connect("https://metronome.invalid").close()
    with pytest.raises(ma.ConfigurationError, match="proxy of the environment"):
        connect("https://other.invalid")


@pytest.mark.parametrize("proxy", ["http://[bad", "http://me:secret@[bad", "http://host:99999", "http://"])
def test_a_proxy_that_is_no_address_is_a_matter_of_configuration(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused before the first load, and what may be its password is not repeated."""
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(ma.ConfigurationError, match="no address") as raised:
        connect("https://metronome.invalid")
    assert "secret" not in str(raised.value)


def test_a_socks_proxy_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """A SOCKS proxy needs a package that may be missing."""
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    monkeypatch.setattr("metronome_analytics.settings.find_spec", lambda _: None)
    with pytest.raises(ma.ConfigurationError, match=r"SOCKS proxy.*Install socksio"):
        ma.connect(TOKEN)


def test_certificates_that_are_missing_are_a_matter_of_configuration(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """SSL_CERT_FILE names a file that does not exist: ours, with the variable's name."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    network.certificates.cache_clear()
    with connect("https://metronome.invalid") as account:
        with pytest.raises(ma.ConfigurationError, match="SSL_CERT_FILE") as raised:
            account.customers()
    assert "GET /v1/customers, page 1" in str(raised.value)


def test_the_demo_needs_no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever the environment says about proxies and certificates, the demo works."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "socks5://127.0.0.1:1")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    network.certificates.cache_clear()
    with ma.demo(customers=2) as account:
        assert account.customers().height == 2


@pytest.mark.parametrize("id_", [".", ".."])
def test_an_id_that_is_a_step_in_the_path_is_refused(id_: str) -> None:
    """An id of dots would lead to another endpoint; nothing is sent."""
    sent: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return answer([])

    with account_of(handler) as account, pytest.raises(ma.ArgumentError, match="customer_id must be an id"):
        account.invoices(["fine", id_])
    assert sent == []


def test_an_id_that_no_request_can_carry_is_ours() -> None:
    """Half a character, or more than a URL holds, is an error of ours and not of a library."""
    with account_of(lambda _: answer([])) as account:
        for load in (account.invoices, account.balances):
            with pytest.raises(ma.ArgumentError, match="customer_id must be an id of whole characters"):
                load("\ud800")
        with pytest.raises(ma.ArgumentError, match="cannot be written: URL too long"):
            account.invoices("x" * 70_000)


def test_half_a_character_in_a_message_can_be_shown() -> None:
    """A message of the API with a lone surrogate can be printed and put into a frame."""
    refusing = answering(reply(b'{"message": "bad \\ud800 name"}', status="400 Bad Request"))
    with talking(refusing) as url, connect(url) as account:
        with pytest.raises(ma.RequestRejected, match=r"bad \\ud800 name") as raised:
            account.customers()
    assert isinstance(raised.value, ma.LoadError)
    assert raised.value.failures["error"].to_list() == [str(raised.value.__cause__)]


def test_a_refusal_that_nests_too_deeply_is_still_a_refusal() -> None:
    """The body of an error is only ever looked at."""
    with talking(answering(reply(b"[" * 100_000, status="400 Bad Request"))) as url, connect(url) as account:
        with pytest.raises(ma.RequestRejected, match="400 Bad Request"):
            account.customers()


def test_drift_with_half_a_character_can_be_shown() -> None:
    """An undeclared field whose name has a lone surrogate breaks neither the load nor account.drift."""
    body = b'{"data": [{"id": "a", "odd": 1, "\\ud800": 1}], "next_page": null}'
    with talking(answering(reply(body))) as url, connect(url) as account:
        assert account.customers()["id"].to_list() == ["a"]
        assert account.drift["field"].to_list() == ["\\ud800", "odd"]


def test_a_field_nested_a_thousand_deep_breaks_no_load() -> None:
    """What nobody declared may nest as deeply as polars reads."""
    body = b'{"data": [{"id": "a", "deep": ' + b"[" * 1_000 + b"]" * 1_000 + b"}]}"
    with talking(answering(reply(body))) as url, connect(url) as account:
        assert account.customers()["id"].to_list() == ["a"]
        assert account.drift["field"].to_list() == ["deep"]


def test_close_ends_a_load_that_runs() -> None:
    """close() in another thread ends a load with an error of ours, and leaves a receipt."""
    asked = threading.Event()

    def hanging(connection: socket.socket) -> None:
        received(connection)
        asked.set()
        connection.recv(1)

    raised: list[BaseException] = []

    def load() -> None:
        try:
            account.customers()
        except BaseException as error:  # noqa: BLE001  # whatever it is
            raised.append(error)

    with talking(hanging) as url:
        account = connect(url)
        loading = threading.Thread(target=load)
        loading.start()
        assert asked.wait(30)
        account.close()
        loading.join(30)
        assert not loading.is_alive()
    assert [type(error) for error in raised] == [ma.ConfigurationError]
    assert "closed while" in str(raised[0])
    assert account.receipts["complete"].to_list() == [False]
