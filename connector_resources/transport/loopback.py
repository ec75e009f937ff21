"""The loopback address that an identity provider sends the browser back to; it takes one redirect and closes.

The page it shows holds no token and no code, loads nothing from elsewhere and leaves no copy in caches.
"""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import TracebackType

from connector_resources.errors import ConsentExpired

PATH = "/callback"
#: a consent page is answered by a person; after this long the command gives up.
PATIENCE_S = 600.0

PAGE = b"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>ml-connector</title>
<style>body{font:18px/1.5 system-ui,sans-serif;max-width:32rem;margin:15vh auto;padding:0 1rem}</style></head>
<body><h1>You can close this window</h1><p>The authorisation was handed to the connector. The terminal shows whether it
succeeded.</p><script>history.replaceState(null, "", "/done")</script></body></html>"""


class LoopbackCallback:
    """Use as a context manager. `redirect_uri` is registered with the provider; `wait` gives the whole redirect."""

    def __init__(self, port: int, connection: str) -> None:
        self._connection = connection
        self._arrived = threading.Event()
        self._url = ""
        callback = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if not self.path.startswith(PATH + "?"):
                    self.send_error(404)
                    return
                callback._take(self.path)
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(PAGE)))
                self.send_header("Cache-Control", "no-store")
                self.send_header("Referrer-Policy", "no-referrer")
                self.end_headers()
                self.wfile.write(PAGE)

            def log_message(self, format: str, *args: object) -> None:
                """The request line holds the code: it is not logged."""

        self._server = HTTPServer(("127.0.0.1", port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="loopback", daemon=True)

    @property
    def redirect_uri(self) -> str:
        return f"http://localhost:{self._server.server_port}{PATH}"

    def wait(self, patience_s: float = PATIENCE_S) -> str:
        """The address the browser was sent to. Raises `ConsentExpired` when nobody came."""
        if not self._arrived.wait(patience_s):
            raise ConsentExpired(
                "Nobody completed the authorisation in time.",
                connection=self._connection,
                next_step=f"connector authorize {self._connection}",
            )
        return self._url

    def _take(self, path: str) -> None:
        if not self._arrived.is_set():
            self._url = f"{self.redirect_uri.removesuffix(PATH)}{path}"
            self._arrived.set()

    def __enter__(self) -> LoopbackCallback:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)
