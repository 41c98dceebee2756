"""Writes `cassettes/`.

python -m tests.cassettes.record          the vendor's examples and the recordings of the simulator
python -m tests.cassettes.record --real   one page of every loader from a real account, scrubbed, into cassettes/real/;
                                          takes METRONOME_BEARER_TOKEN (and METRONOME_BASE_URL) from the environment
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import vcr
import yaml

import metronome_analytics as ma
from metronome_analytics.recording.recorder import kept_headers
from metronome_analytics.recording.scrub import Scrubber
from metronome_analytics.simulator import running
from tests.cassettes.scenarios import SCENARIOS
from tests.spec import examples

CASSETTES = Path(__file__).parents[2] / "cassettes"
MATCH_ON = ["method", "path", "query", "body"]

VENDOR_HEADER = "# The vendor's own example response, from its OpenAPI file. Not a recording.\n"
SIMULATOR_HEADER = "# Recorded over loopback from this project's simulator. Made-up data.\n"
REAL_HEADER = "# Recorded from a real account and scrubbed: names, notes, custom fields and every id are replaced.\n"

# Loaders with an example in the vendor's OpenAPI file; it describes no /costs.
VENDOR: dict[str, tuple[str, str]] = {
    "customers": ("GET", "/v1/customers"),
    "invoices": ("GET", "/v1/customers/{customer_id}/invoices"),
    "invoice_breakdowns": ("GET", "/v1/customers/{customer_id}/invoices/breakdowns"),
    "commits": ("POST", "/v1/contracts/customerCommits/list"),
    "credits": ("POST", "/v1/contracts/customerCredits/list"),
    "balances": ("POST", "/v1/contracts/customerBalances/list"),
    "net_balances": ("POST", "/v1/contracts/customerBalances/getNetBalance"),
}


def write(path: Path, header: str) -> None:
    """Put `header` above a recorded cassette."""
    path.write_text(header + path.read_text(encoding="utf-8"), encoding="utf-8")


def neutral(request: Any, scrubber: Scrubber | None = None) -> Any:
    """A request without headers of ours and without the port it was recorded on."""
    request.headers = {
        name: value for name, value in request.headers.items() if name.lower() in {"accept", "content-type"}
    }
    parts = urlsplit(request.uri)
    host = "127.0.0.1" if scrubber is None else parts.netloc
    request.uri = urlunsplit((parts.scheme, host, parts.path, parts.query, ""))
    if scrubber is not None:
        request.uri = f"{parts.scheme}://{host}{scrubber.address(request.uri)}"
        request.body = scrubber.body(request.body or b"")
    return request


def plain(response: Any, scrubber: Scrubber | None = None) -> Any:
    """A response with the headers that matter for replay only."""
    response["headers"] = kept_headers(response["headers"])
    if scrubber is not None:
        response["body"]["string"] = scrubber.body(response["body"]["string"])
    return response


def record_vendor() -> None:
    """One cassette a loader: the example answer to whatever is asked first."""
    for loader, (method, path) in VENDOR.items():
        (payload,) = examples(path, method).values()
        interaction = {
            "request": {
                "method": method,
                "uri": f"https://api.metronome.com{path.format(customer_id='c')}",
                "body": None,
                "headers": {},
            },
            "response": {
                "status": {"code": 200, "message": "OK"},
                "headers": {"content-type": ["application/json"]},
                "body": {"string": json.dumps(payload)},
            },
        }
        target = CASSETTES / "vendor" / f"{loader}.yaml"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(
            VENDOR_HEADER + yaml.safe_dump({"interactions": [interaction], "version": 1}), encoding="utf-8"
        )


def record_simulator() -> None:
    """Every scenario, each on a fresh account."""
    for scenario in SCENARIOS:
        target = CASSETTES / scenario.cassette
        target.unlink(missing_ok=True)
        sim = scenario.simulator()
        recorder = vcr.VCR(
            record_mode=vcr.mode.ALL,
            match_on=MATCH_ON,
            before_record_request=neutral,
            before_record_response=plain,
            decode_compressed_response=True,
        )
        with running(sim) as url, recorder.use_cassette(str(target)):
            scenario.run(sim.token, url)
        write(target, SIMULATOR_HEADER)


def record_real() -> None:
    """The first customers, and every loader for the first of them."""
    scrubber = Scrubber()
    target = CASSETTES / "real" / f"{datetime.now(UTC):%Y-%m-%d}.yaml"
    target.unlink(missing_ok=True)
    recorder = vcr.VCR(
        record_mode=vcr.mode.ALL,
        match_on=MATCH_ON,
        before_record_request=lambda request: neutral(request, scrubber),
        before_record_response=lambda response: plain(response, scrubber),
        decode_compressed_response=True,
    )
    now = datetime.now(UTC)
    window: dict[str, Any] = {"starting_on": now - timedelta(days=7), "ending_before": now}
    with recorder.use_cassette(str(target)), ma.connect(max_concurrency=1) as account:
        first = account.customers().head(1)
        for loader in ("invoices", "commits", "credits", "balances", "net_balances"):
            getattr(account, loader)(first)
        account.invoice_breakdowns(first, **window)
    write(target, REAL_HEADER)
    sys.stdout.write(f"{target}: read it before you commit it.\n")


def main(arguments: list[str]) -> int:
    """Record what the arguments ask for."""
    if arguments == ["--real"]:
        record_real()
    elif not arguments:
        record_vendor()
        record_simulator()
    else:
        sys.stderr.write(str(__doc__))
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
