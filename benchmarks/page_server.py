"""A GoCardless that only lists payments, quicker than any client can read: what is measured is the client.

`python -m benchmarks.page_server --payments 100000 --latency-ms 50` prints its address and serves until its standard input
ends. Payments lie evenly over thirty days, newest first, in pages with cursors and `created_at` bounds (gocardless.md 4.1).
It tells in every answer what is left of a minute's calls, `--calls-per-minute`, and refuses the others (section 5).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import parse_qs, urlsplit

import orjson

NEWEST = datetime(2026, 6, 30, 23, 59, 59, 999_000, tzinfo=UTC)
SPAN = timedelta(days=30)
PAGE_SIZE = 500
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

_PAYMENT = {
    "id": "@id",
    "created_at": "@created_at",
    "charge_date": "2026-06-15",
    "amount": 12345,
    "description": "Invoice 2026-004711, thank you for your custom",
    "currency": "EUR",
    "status": "paid_out",
    "amount_refunded": 0,
    "reference": "INV-2026-004711",
    "metadata": {"erp_invoice": "2026-004711", "erp_customer": "10042"},
    "fx": {"fx_currency": "EUR", "fx_amount": None, "exchange_rate": None, "estimated_exchange_rate": None},
    "retry_if_possible": False,
    "faster_ach": False,
    "scheme": "sepa_core",
    "links": {"mandate": "MD000000123456", "creditor": "CR000000000001", "payout": "PO000000004711"},
}


#: calls of a minute that nobody uses up: GoCardless tells with every answer how many are left, whatever the limit is.
UNLIMITED = 10_000_000


@contextlib.contextmanager
def page_server(payments: int, latency_ms: int, calls_per_minute: int = UNLIMITED) -> Iterator[str]:
    """Its address; it runs in a process of its own that ends with the block."""
    command = [sys.executable, "-m", "benchmarks.page_server"]
    command += ["--payments", str(payments), "--latency-ms", str(latency_ms)]
    command += ["--calls-per-minute", str(calls_per_minute)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()
            process.wait(timeout=30)


class Payments:
    """Payment number `i` is `i` steps older than the newest. All are written out beforehand."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._step_ms = max(1, (SPAN // _MILLISECOND) // count)
        self._before, _, rest = orjson.dumps(_PAYMENT).partition(b'"@id"')
        self._between, _, self._after = rest.partition(b'"@created_at"')
        self._newest_ms = (NEWEST - _EPOCH) // _MILLISECOND
        self._written = [self._payment(number) for number in range(count)]

    def page(self, query: dict[str, str]) -> bytes:
        first = self._older_than(query.get("created_at[lt]"))
        end = self._count
        if bound := query.get("created_at[gte]"):
            end = min(end, (self._newest_ms - _milliseconds(bound)) // self._step_ms + 1)
        if cursor := query.get("after"):
            first = int(cursor[2:]) + 1
        last = min(first + int(query.get("limit", "50")), end)
        items = b",".join(self._written[first:last])
        after = b'"PM%012d"' % (last - 1) if last < end else b"null"
        return b'{"payments":[' + items + b'],"meta":{"cursors":{"before":null,"after":' + after + b'},"limit":500}}'

    def _older_than(self, bound: str | None) -> int:
        if bound is None:
            return 0
        return max(0, (self._newest_ms - _milliseconds(bound)) // self._step_ms + 1)

    def _payment(self, number: int) -> bytes:
        moment = _EPOCH + timedelta(milliseconds=self._newest_ms - number * self._step_ms)
        created_at = b'"%b.%03dZ"' % (moment.strftime("%Y-%m-%dT%H:%M:%S").encode(), moment.microsecond // 1000)
        return self._before + b'"PM%012d"' % number + self._between + created_at + self._after


class Minute:
    """Calls of a minute that begins with the first one; each answer tells how many are left."""

    def __init__(self, calls: int) -> None:
        self._calls = calls
        self._ends_at = datetime.min.replace(tzinfo=UTC)
        self._used = 0

    def count(self) -> tuple[bytes, bytes]:
        """Status and headers of the answer to one more call."""
        now = datetime.now(UTC)
        if now >= self._ends_at:
            self._ends_at, self._used = now + timedelta(minutes=1), 0
        self._used += 1
        left = max(0, self._calls - self._used)
        # Whole seconds, rounded up: who waits until then is let in.
        ends = format_datetime(self._ends_at.replace(microsecond=0) + timedelta(seconds=1), usegmt=True)
        headers = f"ratelimit-limit: {self._calls}\r\nratelimit-remaining: {left}\r\nratelimit-reset: {ends}\r\n"
        return b"429 Too Many Requests" if self._used > self._calls else b"200 OK", headers.encode()


class Connection(asyncio.Protocol):
    """One client's connection; requests without a body, one after the other."""

    def __init__(self, payments: Payments, latency_s: float, minute: Minute) -> None:
        self._payments = payments
        self._latency_s = latency_s
        self._minute = minute
        self._received = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            asyncio.get_running_loop().call_later(self._latency_s, self._answer, head.split(b" ", 2)[1].decode())

    def _answer(self, target: str) -> None:
        query = {name: values[-1] for name, values in parse_qs(urlsplit(target).query).items()}
        status, told = self._minute.count()
        body = self._payments.page(query) if status.startswith(b"200") else b"{}"
        head = b"HTTP/1.1 %b\r\ncontent-type: application/json\r\n%bcontent-length: %d\r\n\r\n"
        self._transport.write(head % (status, told, len(body)) + body)


def _milliseconds(text: str) -> int:
    return (datetime.fromisoformat(text) - _EPOCH) // _MILLISECOND


async def _serve(payments: Payments, latency_s: float, minute: Minute) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(payments, latency_s, minute), "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    ended = asyncio.Event()

    def wait() -> None:
        sys.stdin.read()
        loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=wait, daemon=True).start()
    await ended.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--payments", type=int, default=100_000)
    parser.add_argument("--latency-ms", type=int, default=0)
    parser.add_argument("--calls-per-minute", type=int, default=UNLIMITED)
    given = parser.parse_args()
    asyncio.run(_serve(Payments(given.payments), given.latency_ms / 1000, Minute(given.calls_per_minute)))


if __name__ == "__main__":
    main()
