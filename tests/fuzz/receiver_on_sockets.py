"""The receiver on a real port: inputs go to it over sockets, many at once, and what it answers comes back.

What stands between a socket and the parser is seen only here: bytes in several parts, a caller who never ends his request and
is cut off, an answer to somebody who is gone.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from sandbox.serve import free_port
from sensors.front_door import Door, receiver_server
from tests.fuzz.receiver_in_process import PATIENCE_S, InProcess

#: a caller who has sent everything says nothing more: this is how long he holds his line.
REQUEST_S = 0.25
#: fewer than the door lets in.
CALLERS = 128
#: inputs are sent in parts of at most this many bytes, so that the parser meets its input in pieces.
PART_BYTES = 700


@dataclass
class OnSockets:
    """A receiver that listens, over the store of one in process."""

    receiver: InProcess
    port: int

    def feed(self, *inputs: bytes) -> list[bytes]:
        """Everything written back to callers who each send one of the inputs and then wait, some of them at a time."""
        answers: list[bytes] = []
        for start in range(0, len(inputs), CALLERS):
            answers += self._together(inputs[start : start + CALLERS])
        return answers

    def _together(self, inputs: tuple[bytes, ...]) -> list[bytes]:
        with contextlib.ExitStack() as held:
            lines = [held.enter_context(socket.create_connection(("127.0.0.1", self.port))) for _ in inputs]
            for line, data in zip(lines, inputs, strict=True):
                line.settimeout(PATIENCE_S)
                # Who was refused already cannot send the rest.
                with contextlib.suppress(ConnectionError):
                    for start in range(0, len(data), PART_BYTES):
                        line.sendall(data[start : start + PART_BYTES])
            return [_everything(line) for line in lines]


def _everything(line: socket.socket) -> bytes:
    """All bytes until the receiver hangs up. Raises `TimeoutError` when it never does."""
    answer = bytearray()
    # What came before a line was cut off is still to be read.
    with contextlib.suppress(ConnectionError):
        while part := line.recv(65_536):
            answer += part
    return bytes(answer)


@contextlib.contextmanager
def receiver_on_sockets(receiver: InProcess) -> Iterator[OnSockets]:
    """Serves until the block ends. Errors of this server are the other one's too: `receiver.crashes`."""
    server = receiver_server(receiver.app, "127.0.0.1", free_port(), Door(request_s=REQUEST_S))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + PATIENCE_S
    while not server.started:
        assert thread.is_alive()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    try:
        yield OnSockets(receiver, server.config.port)
    finally:
        server.should_exit = server.force_exit = True
        thread.join(timeout=PATIENCE_S)
