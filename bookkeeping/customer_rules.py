"""Keeps a customer alike in GoCardless and the ERP: which side changed since both were last known, and who must be told.

A change is what differs from the last agreement, not what differs between the two sides: what was different when they were
linked stays as it is, and what came from one side is never sent back to it. Neither system tells which of two changes is
newer; where both changed the same field, the ERP's value goes to GoCardless if that way is open. Nothing is fetched here.
Source: gocardless.md sections 0 (facts 2, 3 and 17) and 8.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Literal

from bookkeeping.drafting import posting_text
from bookkeeping.entities import Customer
from bookkeeping.master_data_rules import plan_customer
from bookkeeping.postings import Party, Posting, PostingKind
from bookkeeping.settings import BookSettings, activity_day

#: what may be empty; a name, an e-mail or a country is only ever replaced by another one.
CLEARABLE = frozenset({"address_line1", "address_line2", "address_line3", "city", "postal_code"})


@dataclass(frozen=True, slots=True)
class CustomerDetails:
    """What both sides know of a customer, as plain text; empty where one has nothing."""

    name: str = ""
    email: str = ""
    address_line1: str = ""
    address_line2: str = ""
    address_line3: str = ""
    city: str = ""
    postal_code: str = ""
    country_code: str = ""

    def as_mapping(self) -> dict[str, str]:
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def differing(self, other: CustomerDetails) -> frozenset[str]:
        """Fields in which the two differ by more than case and blanks."""
        mine, others = self.as_mapping(), other.as_mapping()
        return frozenset(name for name in mine if not _same(name, mine[name], others[name]))


@dataclass(frozen=True, slots=True)
class Known:
    """What a side was last seen to say, and the values it was sent since, per detail, that were not seen there yet."""

    seen: CustomerDetails
    sent: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def changed(self, now: CustomerDetails) -> frozenset[str]:
        """Details that somebody changed there: neither as they were seen, nor as we sent them. Names never vanish."""
        values = now.as_mapping()
        return frozenset(
            name
            for name in now.differing(self.seen)
            if (values[name] or name in CLEARABLE)
            and not any(_same(name, values[name], sent) for sent in self.sent.get(name, ()))
        )

    def after(self, now: CustomerDetails, telling: Mapping[str, str]) -> Known:
        """With `now` seen and `telling` sent. What was seen to arrive is forgotten, and what a change there overtook."""
        values, changed = now.as_mapping(), self.changed(now)
        waiting: dict[str, tuple[str, ...]] = {}
        for name, sent in self.sent.items():
            arrived = [place for place, value in enumerate(sent) if _same(name, value, values[name])]
            waiting[name] = () if name in changed else sent[arrived[-1] + 1 :] if arrived else sent
        for name, value in telling.items():
            waiting[name] = (*waiting.get(name, ()), value)
        return Known(now, {name: sent for name, sent in waiting.items() if sent})


@dataclass(frozen=True, slots=True)
class Agreement:
    """What each side is known to say, and which ERP number GoCardless was told.

    `erp` is None where the ERP's customers cannot be read. `revision` counts what was sent, so that a value that comes
    back later is another change, with another posting key.
    """

    gocardless_customer: str
    gocardless: Known
    erp: Known | None = None
    number: str = ""
    revision: int = 0


@dataclass(frozen=True, slots=True)
class CustomerPolicy:
    """What a connection wants aligned. `metadata_key` holds the ERP number in GoCardless."""

    to_gocardless: Literal["off", "number", "details"] = "off"
    to_erp: Literal["link", "details"] = "link"
    metadata_key: str = ""

    @property
    def is_off(self) -> bool:
        return self.to_gocardless == "off" and self.to_erp == "link"


@dataclass(frozen=True, slots=True)
class Sides:
    """A linked customer as both sides show it now. `is_shared`: several GoCardless customers have this ERP number."""

    customer: Customer
    number: str
    erp: CustomerDetails | None
    is_shared: bool = False


@dataclass(frozen=True, slots=True)
class Aligned:
    """The new agreement and what must be sent to reach it."""

    agreement: Agreement
    to_gocardless: Posting | None = None
    to_erp: Posting | None = None


def details_of(customer: Customer) -> CustomerDetails:
    """What GoCardless says of a customer."""
    return CustomerDetails(
        name="" if customer.name == customer.id else customer.name,
        email=customer.email or "",
        address_line1=customer.address_line1 or "",
        address_line2=customer.address_line2 or "",
        address_line3=customer.address_line3 or "",
        city=customer.city or "",
        postal_code=customer.postal_code or "",
        country_code=customer.country_code or "",
    )


def align_customer(
    sides: Sides,
    agreement: Agreement | None,
    policy: CustomerPolicy,
    settings: BookSettings,
    at: datetime,
    *,
    unsent_to_gocardless: Collection[str] = (),
    unsent_to_erp: Collection[str] = (),
) -> Aligned:
    """Compare both sides with the last agreement. Without one, what they say now is agreed, and only the number is sent.

    `unsent_…` are details that an earlier posting carries and that were never sent: a newer posting carries them as well.
    A customer whose ERP number is shared by several payers is told its number, never the details of the others.
    """
    now = details_of(sides.customer)
    before = agreement or Agreement(sides.customer.id, Known(now), Known(sides.erp) if sides.erp else None)
    to_gocardless, to_erp = _directions(sides, now, before, policy)
    if to_gocardless:
        to_gocardless |= _still_different(unsent_to_gocardless, now, sides.erp)
    if to_erp:
        to_erp |= _still_different(unsent_to_erp, now, sides.erp)
    number = sides.number if policy.to_gocardless != "off" else before.number
    tell_number = number != before.number and sides.customer.metadata.get(policy.metadata_key) != number
    revision = before.revision + bool(to_gocardless or to_erp or tell_number)
    gocardless, erp = _known_after(sides, now, before, to_gocardless, to_erp)
    after = replace(before, gocardless=gocardless, erp=erp, number=number, revision=revision)
    first = second = None
    if to_gocardless or tell_number:
        told = (policy.metadata_key, number, before.number) if tell_number else None
        first = _to_gocardless(sides, to_gocardless, told, revision, settings, at)
    if to_erp:
        party = Party(sides.customer.id, sides.number, sides.customer.name)
        second = plan_customer(sides.customer, party, settings, at, changed=sorted(to_erp), revision=revision)
    return Aligned(after, first, second)


def changed_details(posting: Posting) -> tuple[str, ...]:
    """The details that a posting changes; none for one that only links or tells a number."""
    return tuple(posting.facts.get("changed", "").split())


def carries(newer: Posting, older: Posting) -> bool:
    """Whether `newer` sends everything that `older` would, so that `older` need not be sent at all."""
    if (newer.kind, newer.subject) != (older.kind, older.subject):
        return False
    details, tells_number = changed_details(older), "metadata_key" in older.facts
    if not details and not tells_number:
        return False
    return set(details) <= set(changed_details(newer)) and (not tells_number or "metadata_key" in newer.facts)


def superseded(postings: Sequence[Posting]) -> dict[str, str]:
    """Key of every posting that a later one of the list carries as well -> key of the later one."""
    found: dict[str, str] = {}
    by_subject: dict[tuple[PostingKind, str], list[Posting]] = {}
    for posting in postings:
        group = by_subject.setdefault((posting.kind, posting.subject), [])
        found.update((older.key, posting.key) for older in group if carries(posting, older))
        group.append(posting)
    return found


def _directions(
    sides: Sides, now: CustomerDetails, before: Agreement, policy: CustomerPolicy
) -> tuple[frozenset[str], frozenset[str]]:
    """(details for GoCardless, details for the ERP)."""
    if sides.is_shared:
        return frozenset(), frozenset()
    by_gocardless = before.gocardless.changed(now)
    if sides.erp is None:
        return frozenset(), by_gocardless if policy.to_erp == "details" else frozenset()
    by_erp = before.erp.changed(sides.erp) if before.erp is not None else frozenset()
    differing = sides.erp.differing(now)
    to_gocardless = by_erp & differing if policy.to_gocardless == "details" else frozenset()
    to_erp = by_gocardless & differing - to_gocardless if policy.to_erp == "details" else frozenset()
    return to_gocardless, to_erp


def _known_after(
    sides: Sides, now: CustomerDetails, before: Agreement, to_gocardless: Collection[str], to_erp: Collection[str]
) -> tuple[Known, Known | None]:
    """GoCardless and the ERP as they are known once the new postings are planned."""
    there = now.as_mapping()
    gocardless = before.gocardless
    if sides.erp is None:
        return gocardless.after(now, {}), before.erp
    here = sides.erp.as_mapping()
    erp = before.erp or Known(sides.erp)
    return (
        gocardless.after(now, {name: here[name] for name in to_gocardless}),
        erp.after(sides.erp, {name: there[name] for name in to_erp}),
    )


def _still_different(names: Collection[str], now: CustomerDetails, erp: CustomerDetails | None) -> frozenset[str]:
    return frozenset(names) & (erp.differing(now) if erp is not None else frozenset(names))


def _to_gocardless(
    sides: Sides,
    changed: frozenset[str],
    told: tuple[str, str, str] | None,
    revision: int,
    settings: BookSettings,
    at: datetime,
) -> Posting:
    facts: dict[str, str] = {"customer": sides.customer.id, "erp_customer": sides.number}
    if told is not None:
        facts |= dict(zip(("metadata_key", "metadata_value", "metadata_before"), told, strict=True))
    if changed:
        assert sides.erp is not None, sides.customer.id
        facts |= {"changed": " ".join(sorted(changed))}
        facts |= {name: value for name, value in sides.erp.as_mapping().items() if name in changed}
    digest = _digest({**facts, "revision": str(revision)})
    key = f"{PostingKind.GOCARDLESS_CUSTOMER}:{sides.customer.id}:{digest}"
    return Posting(
        key=key,
        connection=settings.connection,
        kind=PostingKind.GOCARDLESS_CUSTOMER,
        event_id=key,
        subject=sides.customer.id,
        occurred_at=at,
        booking_date=activity_day(at, settings),
        reference=f"GC{sides.customer.id}",
        text=posting_text("ERP customer", sides.number, sides.customer.name),
        party=Party(sides.customer.id, sides.number, sides.customer.name),
        facts={name: value for name, value in facts.items() if value},
    )


def gocardless_fields(posting: Posting, company_name: str, given_name: str, family_name: str) -> dict[str, str | None]:
    """The changed details of a GOCARDLESS_CUSTOMER posting under GoCardless's names; None clears a field.

    A company keeps its one name. A person's name is split: what agrees with the present given or family name stays,
    else the last word is the family name. A single word becomes the company name, because a person needs two.
    """
    values: dict[str, str | None] = {}
    for name in changed_details(posting):
        value = posting.facts.get(name)
        if name == "name":
            values |= _names(value or "", company_name, given_name, family_name)
        else:
            values[name] = value or None
    return values


def _names(name: str, company_name: str, given_name: str, family_name: str) -> dict[str, str | None]:
    words = name.split()
    if company_name or len(words) < 2 or not (given_name or family_name):
        return {"company_name": name}
    if family_name and name.endswith(f" {family_name}"):
        return {"given_name": name.removesuffix(f" {family_name}"), "family_name": family_name}
    if given_name and name.startswith(f"{given_name} "):
        return {"given_name": given_name, "family_name": name.removeprefix(f"{given_name} ")}
    return {"given_name": " ".join(words[:-1]), "family_name": words[-1]}


def _digest(content: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:12]


def _same(name: str, one: str, other: str) -> bool:
    """Blanks and case are no difference; in a postal code blanks mean nothing at all."""
    glue = "" if name == "postal_code" else " "
    return glue.join(one.split()).casefold() == glue.join(other.split()).casefold()
