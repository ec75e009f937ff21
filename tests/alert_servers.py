"""Servers that take alerts in tests: a mail server and a webhook, both real ones on this machine."""

from __future__ import annotations

import contextlib
import json
import socketserver
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(slots=True)
class PostOffice:
    """What the mail server was told. `refuses` is its answer to RCPT, when it takes nobody."""

    port: int = 0
    mails: list[tuple[list[str], Message]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    refuses: str = ""
    certificate: ssl.SSLContext | None = None


class _Session(socketserver.StreamRequestHandler):
    """One SMTP session (RFC 5321), with STARTTLS and AUTH PLAIN where the office has a certificate."""

    office: PostOffice

    def handle(self) -> None:
        office = self.office
        encrypted = False
        recipients: list[str] = []
        self._say("220 office ready")
        while line := self.rfile.readline().decode().strip():
            office.lines.append(line)
            verb = line.split()[0].upper()
            if verb == "EHLO":
                offers = ["AUTH PLAIN LOGIN"] if encrypted or office.certificate is None else ["STARTTLS"]
                self._say("250-office\r\n" + "250 " + offers[0])
            elif verb == "STARTTLS" and office.certificate is not None:
                self._say("220 go ahead")
                self.request = office.certificate.wrap_socket(self.request, server_side=True)
                self.setup()
                encrypted = True
            elif verb == "AUTH":
                self._say("235 welcome" if line.endswith("AGFsZXJ0cwBjYW5hcnktbWFpbA==") else f"535 no: {line}")
            elif verb == "RCPT":
                recipients.append(line.partition(":")[2].strip("<> "))
                self._say(office.refuses or "250 ok")
            elif verb == "DATA":
                self._say("354 go on")
                office.mails.append((recipients, message_from_bytes(self._content())))
                self._say("250 taken")
            elif verb == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _content(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line)
        return b"".join(lines)

    def _say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")
        self.wfile.flush()


@contextlib.contextmanager
def mail_office() -> Iterator[PostOffice]:
    """A mail server on this machine, which takes everything until a test says otherwise."""
    kept = PostOffice()
    session = type("Session", (_Session,), {"office": kept})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), session) as server:
        server.daemon_threads = True
        kept.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield kept
        server.shutdown()
        thread.join(timeout=10)


@dataclass(slots=True)
class Hook:
    """A webhook. `answers` are its next statuses; then it takes everything."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    taken: list[dict[str, Any]] = field(default_factory=list)
    asked: int = 0


@contextlib.contextmanager
def alert_hook() -> Iterator[Hook]:
    """A webhook on this machine."""
    kept = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            kept.asked += 1
            status = kept.answers.pop(0) if kept.answers else 200
            if status == 200:
                kept.taken.append(body)
            self.send_response(status)
            if status == 302:
                self.send_header("location", "/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Tests look at what was taken."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        kept.url = f"http://127.0.0.1:{server.server_port}/services/canary-hook-4711"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield kept
        server.shutdown()
        thread.join(timeout=10)
