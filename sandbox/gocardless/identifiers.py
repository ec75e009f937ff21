"""Deterministic ids with GoCardless's prefixes (gocardless.md section 3.1): the same seed gives the same ids."""

from __future__ import annotations

import random
from base64 import b32encode

#: Resource name to id prefix.
PREFIXES = {
    "billing_request_flows": "BRF",
    "billing_requests": "BRQ",
    "creditor_bank_accounts": "BA",
    "creditors": "CR",
    "customer_bank_accounts": "BA",
    "customers": "CU",
    "events": "EV",
    "exports": "EX",
    "instalment_schedules": "IS",
    "mandates": "MD",
    "organisations": "OR",
    "payments": "PM",
    "payouts": "PO",
    "redirect_flows": "RE",
    "refunds": "RF",
    "scheme_identifiers": "SU",
    "subscriptions": "SB",
    "webhooks": "WB",
}

_LENGTH = 14


class Identifiers:
    """Opaque ids of 14 characters. Each prefix has its own stream, so one more event does not rename any payment."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._streams: dict[str, random.Random] = {}
        self._given: set[str] = set()

    def new(self, resource: str) -> str:
        return self.prefixed(PREFIXES[resource])

    def prefixed(self, prefix: str) -> str:
        while True:
            candidate = (prefix + "00" + self.letters(prefix, _LENGTH))[:_LENGTH]
            if candidate not in self._given:
                self._given.add(candidate)
                return candidate

    def letters(self, stream: str, count: int) -> str:
        """`count` (at most 16) upper-case letters and digits from the named stream."""
        source = self._streams.get(stream)
        if source is None:
            source = self._streams[stream] = random.Random(f"{self._seed}:{stream}")
        return b32encode(source.getrandbits(80).to_bytes(10, "big")).decode()[:count]
