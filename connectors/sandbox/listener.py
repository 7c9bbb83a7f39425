"""A WSGI application on a loopback socket, over connections that stay open."""

from __future__ import annotations

import contextlib
import errno
import socket
import threading
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.wrappers import Request, Response


class Cut(Exception):
    """Raised by `Listener.answer`: the connection is closed without a reply."""


class _Handler(WSGIRequestHandler):
    """Answers whole replies over connections that stay open, as the vendors do.

    werkzeug's own handler closes the connection after each reply and waits ten milliseconds
    for stray input; here every request body has been read when its reply is sent.
    """

    protocol_version = "HTTP/1.1"
    # Head and body leave in one packet; otherwise Nagle's algorithm holds the body back.
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    server: _Socket

    def setup(self) -> None:
        super().setup()
        self.server.live.add(self.connection)

    def finish(self) -> None:
        self.server.live.discard(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def run_wsgi(self) -> None:
        """Answer one request; a connection that breaks meanwhile is left, and one that is to
        be `Cut` is closed."""
        if self.headers.get("Expect", "").strip().lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.wfile.flush()
        self.environ = environ = self.make_environ()
        reply: list[Any] = []

        def start_response(
            status: str, headers: list[tuple[str, str]], exc_info: object = None
        ) -> Callable[[bytes], object]:
            reply[:] = [status, headers]
            return reply.append

        try:
            body = b"".join(self.server.app(environ, start_response))
        except Cut:
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            return
        status, headers = reply
        code, _, reason = status.partition(" ")
        try:
            self.send_response(int(code), reason)
            for name, value in headers:
                self.send_header(name, value)
            sized = any(name.lower() == "content-length" for name, _ in headers)
            if not sized and code not in ("204", "304"):
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
            self.wfile.flush()
        except OSError:
            self.close_connection = True

    def log(self, type: str, message: str, *args: Any) -> None:
        """The request log is kept by `Server`; nothing goes to the terminal."""

    def send_header(self, keyword: str, value: str) -> None:
        """A Date of the sandbox's own clock takes the place of the machine's."""
        if keyword.lower() == "date":
            kept = getattr(self, "_headers_buffer", [])
            self._headers_buffer = [h for h in kept if not h.lower().startswith(b"date:")]
        super().send_header(keyword, value)


class _Socket(ThreadedWSGIServer):
    """The listening socket and the connections open on it."""

    live: set[socket.socket]


class PortTaken(OSError):
    """The port is in use; the text says which one and what to do."""


class Listener(ABC):
    """A WSGI application on a loopback socket, served by threads.

    Raises:
        PortTaken: another program (or sandbox) listens on the port.
    """

    def __init__(self, port: int) -> None:
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(("127.0.0.1", port))
            listening.listen(128)
        except OSError as error:
            listening.close()
            if error.errno == errno.EADDRINUSE:
                raise PortTaken(
                    errno.EADDRINUSE,
                    f"port {port} on 127.0.0.1 is taken; stop what listens there or choose "
                    "another port (0: any free one)",
                ) from error
            raise
        with listening:
            self._server = _Socket(
                "127.0.0.1", port, self._application, _Handler, fd=listening.fileno()
            )
        self._server.live = set()
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._server.port

    @property
    def url(self) -> str:
        """``http://127.0.0.1:<port>``."""
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        """Stop answering, cut open connections and free the port. A second call does nothing."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        for connection in tuple(self._server.live):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    @abstractmethod
    def answer(self, request: Request) -> Response:
        """The reply to a request whose body has been read.

        Raises:
            Cut: close the connection instead.
        """

    def _application(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        try:
            # The next request on this connection begins where this one's body ends.
            request.get_data()
            response = self.answer(request)
        except HTTPException as error:
            response = Response(error.description or error.name, status=error.code or 500)
        except Cut:
            raise
        except Exception:
            # A defect of a sandbox is shown to whoever runs into it.
            response = Response(f"sandbox defect\n{traceback.format_exc()}", status=500)
        return response(environ, start_response)
