"""Microsoft's emulator of Azure's storage, where it is installed (`npm install --global azurite`)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import shutil
import subprocess
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator

AZURITE = shutil.which("azurite-blob")

# Every emulator's, and published with it.
_ACCOUNT = "devstoreaccount1"
_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@contextmanager
def running(container: str) -> Iterator[str]:
    """The address of an emulator with an empty `container`."""
    command = [str(AZURITE), "--blobHost", "127.0.0.1", "--blobPort", "0", "--inMemoryPersistence"]
    command += ["--skipApiVersionCheck", "--disableTelemetry", "--silent"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        assert server.stdout is not None
        try:
            said = (re.search(r"listens on (http://\S+)", line) for line in server.stdout)
            url = next(found[1] for found in said if found)
            _make(url, container)
            yield url
        finally:
            server.kill()


def _make(url: str, container: str) -> None:
    """Make a container; only that needs a signature of ours."""
    headers = {"x-ms-date": f"{datetime.now(UTC):%a, %d %b %Y %H:%M:%S GMT}", "x-ms-version": "2021-12-02"}
    path = f"/{_ACCOUNT}/{container}"
    lines = [*(f"{name}:{value}" for name, value in headers.items()), f"/{_ACCOUNT}{path}", "restype:container"]
    text = "PUT" + "\n" * 12 + "\n".join(lines)
    signature = base64.b64encode(hmac.digest(base64.b64decode(_KEY), text.encode(), hashlib.sha256)).decode()
    headers["Authorization"] = f"SharedKey {_ACCOUNT}:{signature}"
    httpx.put(f"{url}{path}?restype=container", headers=headers).raise_for_status()
