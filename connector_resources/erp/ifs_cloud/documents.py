"""Planned requests of IFS Cloud from our values: vouchers, mixed payments, payment files, single members. Pure (7.4 to 7.7).

A request is a rendered recipe; its bytes hold every call that is to be made and the facts that look-ups compare with.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from bookkeeping.money import Money, total
from bookkeeping.postings import Posting
from connector_resources.erp.contract import PlannedSubmission
from connector_resources.erp.ifs_cloud import camt
from connector_resources.erp.ifs_cloud.lines import Row, row_values, text_of
from connector_resources.erp.ifs_cloud.rendering import Run, Values, render
from connector_resources.erp.ifs_cloud.settings import IfsCloudSettings
from connector_resources.erp.ifs_cloud.snapshot import FileDefaults, Target

VOUCHER, PAYMENT, FILE, MEMBERS = "Voucher", "MixedPayment", "ExtFile", "Members"
#: which recipe makes which kind of document.
KINDS = {"gl_voucher": VOUCHER, "mixed_payment": PAYMENT, "camt_file": FILE, "members": MEMBERS}
JSON = "application/json"
TEXT_LIMIT = 2000


@dataclass(frozen=True, slots=True)
class Share:
    """How much of a receipt settles which open item."""

    series: str
    number: str
    version: str
    amount: Money

    @property
    def printed(self) -> str:
        return f"{self.series}{self.number}"


@dataclass(frozen=True, slots=True)
class Piece:
    """The part of a movement that is for one open item, or for none (on account). It is a line of its own."""

    marker: str
    amount: Money
    share: Share | None = None


@dataclass(frozen=True, slots=True)
class Movement:
    """One receipt, or what takes it back. `amount` is positive for money that came from the customer."""

    posting: Posting
    customer: str
    name: str
    amount: Money
    shares: tuple[Share, ...] = ()

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """Sum up to the amount. The marker is our reference; of several pieces each has a number behind it."""
        rest = self.amount - total([share.amount for share in self.shares], self.amount.currency)
        parts: list[tuple[Money, Share | None]] = [(share.amount, share) for share in self.shares]
        parts += [(rest, None)] if rest else []
        reference = self.posting.reference
        if len(parts) == 1:
            return (Piece(reference, *parts[0]),)
        return tuple(Piece(f"{reference}/{place}", *part) for place, part in enumerate(parts, start=1))


@dataclass(frozen=True, slots=True)
class Head:
    """What the movements of one payment or file, or the postings of one voucher, share."""

    company: str
    currency: str
    dated: date


def voucher(
    settings: IfsCloudSettings, head: Head, step: str, postings: Sequence[Posting], rows: Sequence[Row]
) -> PlannedSubmission:
    """A voucher with the rows of one posting, or of many."""
    company = settings.companies[head.company]
    name = batch_name(head, [posting.key for posting in postings])
    text = text_of(postings[0], postings[0].text) if len(postings) == 1 else f"{name} {len(postings)} postings"
    values: Values = {
        "company": head.company,
        "date": head.dated,
        "user_group": company.user_group,
        "voucher_type": company.voucher_type,
        "voucher_status": settings.voucher_status,
        "text": text[:TEXT_LIMIT],
        "batch": name,
    }
    facts = {
        "company": head.company,
        "currency": head.currency,
        "date": head.dated.isoformat(),
        "references": sorted({posting.reference for posting in postings}),
        "rows": sums_of(rows),
    }
    lists = {"rows": [row_values(row, settings, head.company) for row in rows]}
    run = render("gl_voucher", settings.recipe("gl_voucher"), settings.projections, values, lists, facts)
    summary = f"Voucher in company {head.company} of {head.dated}: {_what(postings)}"
    return planned(settings, run, step, postings, name, summary)


def mixed_payment(
    settings: IfsCloudSettings, head: Head, step: str, movements: Sequence[Movement]
) -> PlannedSubmission:
    """One payment into the GoCardless cash account, with a transaction per movement."""
    postings = [each.posting for each in movements]
    accounts = settings.companies[head.company].currencies[head.currency]
    name = batch_name(head, [posting.key for posting in postings])
    values: Values = {
        "company": head.company,
        "date": head.dated,
        "currency": head.currency,
        "cash_account": accounts.cash_account,
        "user_group": settings.companies[head.company].user_group,
        "batch": name,
        "text": f"{name} GoCardless {len(movements)} transactions",
    }
    lists = {"movements": [_piece_values(each, piece) for each in movements for piece in each.pieces]}
    run = render(
        "mixed_payment", settings.recipe("mixed_payment"), settings.projections, values, lists, _facts(head, name, movements)
    )  # fmt: skip
    moved = total([each.amount for each in movements], head.currency)
    summary = f"Mixed payment of {moved} in company {head.company} of {head.dated}: {_what(postings)}"
    return planned(settings, run, step, postings, name, summary)


def camt_file(
    settings: IfsCloudSettings, head: Head, step: str, movements: Sequence[Movement], defaults: FileDefaults
) -> PlannedSubmission:
    """A camt.054 file for the GoCardless cash account, with an entry per movement (section 7.6)."""
    postings = [each.posting for each in movements]
    accounts = settings.companies[head.company].currencies[head.currency]
    name = batch_name(head, [posting.key for posting in postings])
    xml = camt.write(
        camt.Notification(
            identification=name,
            version=settings.camt_version,
            made_at=datetime.combine(head.dated, time(12), UTC),
            booked_on=head.dated,
            account=accounts.iban or accounts.cash_account or "",
            account_is_iban=bool(accounts.iban),
            currency=head.currency,
            transactions=[_transaction(each, piece) for each in movements for piece in each.pieces],
        )
    )
    file_name = f"GC_{head.company}_{head.dated.isoformat()}_{hashlib.sha256(xml.encode()).hexdigest()[:8]}.xml"
    values: Values = {
        "company": head.company,
        "set_id": defaults.set_id,
        "file_template": defaults.template,
        "param_string": defaults.parameters,
        "file_name": file_name,
        "file": xml,
    }
    facts = {**_facts(head, name, movements), "file": file_name}
    run = render("camt_file", settings.recipe("camt_file"), settings.projections, values, {}, facts)
    moved = total([each.amount for each in movements], head.currency)
    summary = f"Payment file {file_name}, {moved}: {_what(postings)}"
    return planned(settings, run, step, postings, name, summary)


def members(
    settings: IfsCloudSettings,
    posting: Posting,
    step: str,
    target: Target,
    change: Mapping[str, Any],
    number: str,
    summary: str,
) -> PlannedSubmission:
    """Members of one row that exists: a status, a link. What they are now is kept, so that no foreign change is lost."""
    values: Values = {"entity": target.path, "members": dict(change), "number": number}
    before = {member: target.raw.get(member) for member in change}
    facts = {"before": {name: "" if value is None else value for name, value in before.items()}}
    run = render("members", settings.recipe("members"), settings.projections, values, {}, facts)
    return planned(settings, run, step, [posting], posting.key, summary)


def planned(
    settings: IfsCloudSettings, run: Run, step: str, postings: Sequence[Posting], name: str, summary: str
) -> PlannedSubmission:
    effect = next((call for call in run.calls if call.effect), run.calls[-1])
    keys = tuple(posting.key for posting in postings)
    return PlannedSubmission(
        reference=f"{keys[0] if len(keys) == 1 else name}/{step}",
        step=step,
        method=effect.method,
        path=effect.path,
        body=run.to_bytes(),
        content_type=JSON,
        posting_keys=keys,
        summary=summary,
    )


def sums_of(rows: Sequence[Row]) -> dict[str, str]:
    """`reference account currency` -> debit less credit, major units: what the rows of a voucher must show."""
    sums: dict[str, Money] = {}
    for row in rows:
        key = f"{row.posting.reference} {row.account} {row.amount.currency}"
        signed = row.amount if row.side.value == "debit" else -row.amount
        sums[key] = sums[key] + signed if key in sums else signed
    return {key: format(amount.major, "f") for key, amount in sums.items() if amount}


def batch_name(head: Head, keys: Sequence[str]) -> str:
    """`GC-EUR-…`: the same postings of the same day in one document always have the same name."""
    parts = "\n".join([head.company, head.currency, head.dated.isoformat(), *keys])
    return f"GC-{head.currency}-{hashlib.sha256(parts.encode()).hexdigest()[:12].upper()}"


def _piece_values(each: Movement, piece: Piece) -> dict[str, Any]:
    share = piece.share
    return {
        "posting": each.posting.key,
        "marker": piece.marker,
        "customer": each.customer,
        "amount": piece.amount.major,
        "text": _piece_text(each, piece),
        "payment": each.posting.facts.get("payment", each.posting.subject),
        "cause": each.posting.facts.get("cause", ""),
        "series": share.series if share else None,
        "number": share.number if share else None,
        "version": share.version if share else None,
    }


def _piece_text(each: Movement, piece: Piece) -> str:
    words = text_of(each.posting, piece.share.printed if piece.share else "")
    return f"{piece.marker}{words.removeprefix(each.posting.reference)}"


def _transaction(each: Movement, piece: Piece) -> camt.Transaction:
    facts = each.posting.facts
    return camt.Transaction(
        reference=piece.marker,
        amount=piece.amount,
        payment=facts.get("payment", each.posting.subject),
        customer=each.customer,
        name=each.name,
        mandate=facts.get("mandate", ""),
        shares=[camt.Share(piece.share.printed, piece.share.amount)] if piece.share else [],
        text=_piece_text(each, piece) if piece.share is None else "",
        cause=facts.get("cause", ""),
    )


def _facts(head: Head, name: str, movements: Sequence[Movement]) -> dict[str, Any]:
    return {
        "company": head.company,
        "currency": head.currency,
        "date": head.dated.isoformat(),
        "batch": name,
        "lines": {x.marker: format(x.amount.major, "f") for each in movements for x in each.pieces},
    }


def _what(postings: Sequence[Posting]) -> str:
    return postings[0].text if len(postings) == 1 else f"{len(postings)} postings"
