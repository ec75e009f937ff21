"""A server over plain sockets that answers as an attacker would: it writes any bytes at any pace and remembers what came."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

#: what is written to a caller, given the head of its request. It may write for as long as the caller listens.
Answer = Callable[[socket.socket, bytes], None]


@dataclass
class Hostile:
    """The server at `address`. `heads` are the request heads that came in, credentials and all."""

    port: int
    answer: Answer
    heads: list[bytes] = field(default_factory=list)
    ends: threading.Event = field(default_factory=threading.Event)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def serve(self, listening: socket.socket) -> None:
        while not self.ends.is_set():
            try:
                caller, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(caller,), daemon=True).start()

    def _talk(self, caller: socket.socket) -> None:
        caller.settimeout(30)
        with caller, contextlib.suppress(OSError):
            head = _request_of(caller)
            if head:
                self.heads.append(head)
                self.answer(caller, head)


def _request_of(caller: socket.socket) -> bytes:
    """The head of a request whose body was read as well."""
    given = b""
    while b"\r\n\r\n" not in given:
        piece = caller.recv(65536)
        if not piece:
            return b""
        given += piece
    head, _, body = given.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            missing = int(line.partition(b":")[2]) - len(body)
            while missing > 0:
                missing -= len(caller.recv(missing)) or missing
    return head


@contextlib.contextmanager
def hostile_server(answer: Answer) -> Iterator[Hostile]:
    """Serves on a loopback port until the block ends; `answer` may be exchanged meanwhile."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = Hostile(listening.getsockname()[1], answer)
        thread = threading.Thread(target=server.serve, args=(listening,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.ends.set()
            listening.shutdown(socket.SHUT_RDWR)
    thread.join(timeout=10)


def saying(body: bytes, *headers: str, status: str = "200 OK", kind: str = "application/json") -> Answer:
    """A complete answer with this body."""
    head = [
        f"HTTP/1.1 {status}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *headers,
    ]

    def answer(caller: socket.socket, _head: bytes) -> None:
        caller.sendall("\r\n".join([*head, "", ""]).encode("latin-1") + body)

    return answer


def endlessly(first: bytes, then: bytes, ends: threading.Event, every_s: float = 0.0) -> Answer:
    """`first`, and then `then` again and again until the caller has had enough."""

    def answer(caller: socket.socket, _head: bytes) -> None:
        caller.sendall(first)
        while not ends.wait(every_s):
            caller.sendall(then)

    return answer
