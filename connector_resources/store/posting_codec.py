"""A posting as canonical JSON text and back. Money is minor units plus currency; nothing is lost and nothing is added.

The same posting always gives the same text. What the text leaves out is empty in the posting.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import orjson

from bookkeeping.money import Money
from bookkeeping.postings import AccountRole, Allocation, Line, Party, Posting, PostingKind, Side
from connector_resources.errors import StoreError
from connector_resources.store.columns import utc_text
from connector_resources.store.json_text import dump_json

#: Version of the text's layout, written into every text.
VERSION = 1


def encode_posting(posting: Posting) -> str:
    """Canonical JSON of `posting`. Raises `ValueError` when `occurred_at` has no time zone."""
    content: dict[str, Any] = {
        "version": VERSION,
        "key": posting.key,
        "connection": posting.connection,
        "kind": posting.kind.value,
        "event_id": posting.event_id,
        "subject": posting.subject,
        "occurred_at": utc_text(posting.occurred_at),
        "booking_date": posting.booking_date.isoformat(),
        "reference": posting.reference,
        "text": posting.text,
    }
    if posting.lines:
        content["lines"] = [_line(line) for line in posting.lines]
    if posting.party is not None:
        content["party"] = _party(posting.party)
    if posting.invoices:
        content["invoices"] = list(posting.invoices)
    if posting.allocations:
        content["allocations"] = [{"invoice": x.invoice, "amount": _money(x.amount)} for x in posting.allocations]
    if posting.reverses is not None:
        content["reverses"] = posting.reverses
    if posting.waits_for is not None:
        content["waits_for"] = posting.waits_for
    if posting.facts:
        content["facts"] = dict(posting.facts)
    return dump_json(content)


def decode_posting(text: str) -> Posting:
    """The posting of `text`. Raises `StoreError` for a layout that this version does not know."""
    content: dict[str, Any] = orjson.loads(text)
    if content["version"] != VERSION:
        raise StoreError(
            f"posting {content.get('key')} is stored in layout {content['version']}, this program knows {VERSION}",
            connection=content.get("connection", ""),
            next_step="run the program version that wrote it, or a newer one",
        )
    return Posting(
        key=content["key"],
        connection=content["connection"],
        kind=PostingKind(content["kind"]),
        event_id=content["event_id"],
        subject=content["subject"],
        occurred_at=datetime.fromisoformat(content["occurred_at"]).astimezone(UTC),
        booking_date=date.fromisoformat(content["booking_date"]),
        reference=content["reference"],
        text=content["text"],
        lines=tuple(_line_of(line) for line in content.get("lines", ())),
        party=_party_of(content["party"]) if "party" in content else None,
        invoices=tuple(content.get("invoices", ())),
        allocations=tuple(Allocation(x["invoice"], _money_of(x["amount"])) for x in content.get("allocations", ())),
        reverses=content.get("reverses"),
        waits_for=content.get("waits_for"),
        facts=content.get("facts", {}),
    )


class Decoding:
    """Decodes what is asked for again and again: what was in the last question and is in this one is decoded once.

    A posting is known by its whole text, so that it can never be taken for another one.
    """

    def __init__(self) -> None:
        self._last: dict[str, Posting] = {}

    def of(self, texts: Sequence[str]) -> list[Posting]:
        """The postings of `texts`, in order. Raises `StoreError` as `decode_posting` does."""
        self._last = {text: self._last.get(text) or decode_posting(text) for text in texts}
        return [self._last[text] for text in texts]


def _money(amount: Money) -> dict[str, Any]:
    return {"minor": amount.minor, "currency": amount.currency}


def _money_of(content: Mapping[str, Any]) -> Money:
    return Money(content["minor"], content["currency"])


def _party(party: Party) -> dict[str, str | None]:
    return {"gocardless_customer": party.gocardless_customer, "erp_customer": party.erp_customer, "name": party.name}


def _party_of(content: Mapping[str, Any]) -> Party:
    return Party(content["gocardless_customer"], content["erp_customer"], content["name"])


def _line(line: Line) -> dict[str, Any]:
    content: dict[str, Any] = {
        "role": line.role.value,
        "side": line.side.value,
        "amount": _money(line.amount),
        "text": line.text,
    }
    if line.party is not None:
        content["party"] = _party(line.party)
    if line.tax_rate is not None:
        content["tax_rate"] = line.tax_rate
    return content


def _line_of(content: Mapping[str, Any]) -> Line:
    return Line(
        role=AccountRole(content["role"]),
        side=Side(content["side"]),
        amount=_money_of(content["amount"]),
        text=content["text"],
        party=_party_of(content["party"]) if "party" in content else None,
        tax_rate=content.get("tax_rate"),
    )
