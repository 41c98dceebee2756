"""A local S3 in a process of its own, that can be made to fail: deltalake may hold Python while it waits for it."""

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
        answer: Iterable[bytes] = self._moto(environ, start_response)
        return answer


if __name__ == "__main__":
    server = make_server("127.0.0.1", 0, Lake())
    sys.stdout.write(f"{server.port}\n")
    sys.stdout.flush()
    server.serve_forever()
    Event().wait()
