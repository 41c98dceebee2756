"""A local S3 in a process of its own, that can be made to fail: deltalake may hold Python while it waits for it.

Google's clients speak S3's dialect of XML to their storage, but for how they sign, and how they say that a file must be
new: with that translated it answers them too.
"""

from __future__ import annotations

import sys
from threading import Event
from typing import TYPE_CHECKING, Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_CONTROL = "/_fail_after/"
_SIGNED = "AWS4-HMAC-SHA256 Credential=made/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=up"


class Lake:
    """moto, and how many more requests it answers."""

    def __init__(self) -> None:
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._left: int | None = None

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer as S3, or as a storage that is out of order."""
        request = Request(environ)
        if request.path.startswith(_CONTROL):
            number = request.path.removeprefix(_CONTROL)
            self._left = int(number) if number else None
            return Response("ok")(environ, start_response)
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                return Response("out of order", status=403)(environ, start_response)
        if not environ.get("HTTP_AUTHORIZATION", "").startswith("AWS4"):
            _translate(environ)
        answer: Iterable[bytes] = self._moto(environ, start_response)
        return answer


def _translate(environ: dict[str, Any]) -> None:
    """Let a request of Google's be one of S3's."""
    environ["HTTP_AUTHORIZATION"] = _SIGNED
    if environ.pop("HTTP_X_GOOG_IF_GENERATION_MATCH", None) == "0":
        environ["HTTP_IF_NONE_MATCH"] = "*"


if __name__ == "__main__":
    server = make_server("127.0.0.1", 0, Lake())
    sys.stdout.write(f"{server.port}\n")
    sys.stdout.flush()
    server.serve_forever()
    Event().wait()
