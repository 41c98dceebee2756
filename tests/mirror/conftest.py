"""A local S3 for the tests that write to object storage."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


class Lake:
    """The address of a local S3, and its switch."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.options = {
            "aws_endpoint_url": self.url,
            "aws_access_key_id": "made",
            "aws_secret_access_key": "up",
            "aws_region": "us-east-1",
            "aws_allow_http": "true",
        }
        key = {"gcs_base_url": self.url, "disable_oauth": True}
        made = dict.fromkeys(("client_email", "private_key", "private_key_id"), "")
        self.google = {"google_service_account_key": json.dumps(key | made)}
        httpx.put(f"{self.url}/lake").raise_for_status()

    def fail_after(self, requests: int | None) -> None:
        """Answer so many requests more; None mends it."""
        httpx.get(f"{self.url}/_fail_after/{'' if requests is None else requests}")


@pytest.fixture(scope="module")
def lake() -> Iterator[Lake]:
    """One for all tests; each has its own prefix."""
    command = [sys.executable, "-m", "tests.mirror.lake"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        try:
            yield Lake(int(server.stdout.readline()))
        finally:
            server.kill()


@pytest.fixture
def uri() -> str:
    """A place of its own."""
    return f"s3://lake/{uuid4()}/mirror"
