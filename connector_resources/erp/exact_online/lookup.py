""" "Did my write happen?" For many submissions with few calls, by the order of section 6.4: our entry id, then our marker.

No hit: surely absent. One hit that agrees line by line: adopt it. Several, or one that differs: a person decides.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from bookkeeping.postings import Posting
from connector_resources.erp.contract import Absent, CannotTell, Document, Finding, Found, OpenSubmission
from connector_resources.erp.exact_online import readback
from connector_resources.erp.exact_online.client import ExactOnlineClient
from connector_resources.erp.exact_online.documents import (
    ACCOUNT,
    BOOKED,
    CREDIT_NOTE,
    MANDATE,
    RECEIVABLE,
    Sent,
    marker_of,
    read_request,
    shows_reference,
)
from connector_resources.erp.exact_online.master_data import account_shows
from connector_resources.erp.exact_online.odata import day_of
from connector_resources.erp.exact_online.settings import ExactOnlineSettings
from connector_resources.erp.exact_online.snapshot import Balance
from connector_resources.erp.exact_online.traits import TRAITS
from connector_resources.erp.exact_online.wire import SalesEntry, TransactionLine

_RELEASE = "then release the posting"


@dataclass(frozen=True, slots=True)
class Looked:
    """One finding per submission, in order, and what is needed to send those again that are absent.

    balances  of the bank journals they open, read before they were looked up
    outdated  those that fit no balance any more: an earlier send that comes now is refused by Exact as well
    """

    findings: Sequence[Finding]
    references: frozenset[str]
    balances: Mapping[str, Balance]
    outdated: frozenset[str]


class Lookup:
    """Finds what became of submissions whose end is not known. `balances` reads those of bank journals by code."""

    def __init__(
        self,
        client: ExactOnlineClient,
        settings: ExactOnlineSettings,
        balances: Callable[[Collection[str]], Mapping[str, Balance]],
        sleep: Callable[[float], None],
    ) -> None:
        self._client = client
        self._settings = settings
        self._balances = balances
        self._sleep = sleep

    def find(self, submissions: Sequence[OpenSubmission]) -> Looked:
        """Raises `NotSent`, `BadAnswer`, `Refused`."""
        sent = [read_request(each.planned) for each in submissions]
        # Read first: whatever moved a balance before is there to be found.
        balances = self._balances({journal for each in sent if (journal := each.opens)})
        findings = self._findings(submissions, sent)
        outdated = _outdated(sent, findings, balances)
        if outdated:
            # They are planned anew, as other requests, which Exact could not tell from a send that is still on its way.
            self._sleep(TRAITS.read_lag_s)
            again = self._findings([submissions[n] for n in outdated], [sent[n] for n in outdated])
            for place, finding in zip(outdated, again, strict=True):
                findings[place] = finding
        references = [each.planned.reference for each in submissions]
        return Looked(findings, frozenset(references), balances, frozenset(references[n] for n in outdated))

    def _findings(self, submissions: Sequence[OpenSubmission], sent: Sequence[Sent]) -> list[Finding]:
        markers = [_markers(each, whole.forgotten) for each, whole in zip(sent, submissions, strict=True)]
        booked = [(each, some) for each, some in zip(sent, markers, strict=True) if each.kind in BOOKED]
        entries = self._entries(booked)
        notes = self._credit_notes([each for each in sent if each.kind == CREDIT_NOTE])
        findings: list[Finding] = []
        for submission, request, own in zip(submissions, sent, markers, strict=True):
            reference = submission.planned.reference
            if request.kind in BOOKED:
                sign = self._settings.bank_amount_sign
                findings.append(_judge_entry(reference, request, own, entries, sign))
            elif request.kind == CREDIT_NOTE:
                findings.append(_judge_note(reference, request, notes))
            else:
                findings.append(self._master_data(request, submission.postings[0].posting))
        return findings

    # --- entries ---------------------------------------------------------------------------------------------------

    def _entries(self, sent: Sequence[tuple[Sent, frozenset[str]]]) -> Mapping[str, Sequence[TransactionLine]]:
        """The posted lines of every entry that may be one of those asked for, by entry id.

        An entry is made whole or not at all, so one line of it leads to all of them.
        """
        if not sent:
            return {}
        found = readback.by_entry(self._client.lines_of_entries({each.key for each, _ in sent}))
        unseen = {marker for each, own in sent if each.key not in found for marker in own}
        if not unseen:
            return found
        hits = {row.entry_id for row in self._client.lines_with(unseen) if _is_one_of(row, unseen)}
        return found | readback.by_entry(self._client.lines_of_entries(hits))

    def _credit_notes(self, sent: Sequence[Sent]) -> list[SalesEntry]:
        if not sent:
            return []
        rows = self._client.sales_entries({each.key for each in sent})
        known = {row.entry_id for row in rows}
        references = {str(each.fields["YourRef"]) for each in sent if each.key not in known}
        return rows + (self._client.sales_entries_with(references) if references else [])

    # --- master data -----------------------------------------------------------------------------------------------

    def _master_data(self, sent: Sent, posting: Posting) -> Finding:
        if sent.kind == MANDATE:
            return self._mandate(sent)
        if sent.kind == RECEIVABLE:
            rows = self._client.receivables({sent.key})
            written = bool(rows) and shows_reference(posting, rows[0].payment_reference)
            return Found(_updated(sent)) if written else Absent()
        assert sent.kind == ACCOUNT, sent.kind
        if sent.action == "update":
            accounts = self._client.accounts_by_id({sent.key})
            if not accounts:
                return CannotTell(f"Customer {sent.key} is not in Exact Online any more; correct its link.")
            return Found(_updated(sent)) if account_shows(sent.fields, accounts[0]) else Absent()
        made = self._client.accounts_where("SearchCode", str(sent.fields["SearchCode"]))
        if len(made) > 1:
            codes = ", ".join(row.code for row in made)
            return CannotTell(f"Customers {codes} all have search code {sent.fields['SearchCode']}. Keep it on one.")
        return Found(Document(ACCOUNT, made[0].code, details={"id": made[0].id})) if made else Absent()

    def _mandate(self, sent: Sent) -> Finding:
        if sent.action == "update":
            rows = self._client.mandates_by_id({sent.key})
            if not rows:
                return CannotTell(f"Mandate {sent.key} is not in Exact Online any more; withdraw the posting.")
            wanted = day_of(sent.fields["CancellationDate"])
            return Found(_updated(sent)) if day_of(rows[0].cancellation_date) == wanted else Absent()
        rows = self._client.mandates({str(sent.fields["Reference"])})
        if rows and rows[0].account != str(sent.fields["Account"]).lower():
            return CannotTell(
                f"Mandate {sent.fields['Reference']} stands on another customer in Exact Online. Correct it, {_RELEASE}."
            )
        return Found(Document(MANDATE, rows[0].id, details={"id": rows[0].id})) if rows else Absent()


def closing_of(sent: Sent, before: Balance) -> Balance:
    """The balance of its journal after an entry."""
    fields = sent.fields
    return before.after(fields["FinancialYear"], fields["FinancialPeriod"], fields["ClosingBalanceFC"])


def _outdated(sent: Sequence[Sent], findings: Sequence[Finding], balances: Mapping[str, Balance]) -> list[int]:
    """Places of absent entries that open neither with their journal's balance nor with what those before them leave."""
    running = dict(balances)
    places = []
    for place, (each, finding) in enumerate(zip(sent, findings, strict=True)):
        if not isinstance(finding, Absent) or not each.opens:
            continue
        balance = running.get(each.opens, Balance())
        if each.fields["OpeningBalanceFC"] == balance.closing:
            running[each.opens] = closing_of(each, balance)
        else:
            places.append(place)
    return places


def _judge_entry(
    reference: str,
    sent: Sent,
    markers: Collection[str],
    entries: Mapping[str, Sequence[TransactionLine]],
    bank_sign: int,
) -> Finding:
    marker = _marker(sent)
    hits = [
        rows
        for entry_id, rows in entries.items()
        if entry_id == sent.key or (_is_of_its_journal(sent, rows[0]) and _bears(rows, markers))
    ]
    if not hits:
        return Absent()
    numbers = ", ".join(f"{rows[0].journal_code}/{rows[0].entry_number}" for rows in hits)
    if len(hits) > 1:
        return CannotTell(
            f"Exact Online has several entries with the marker {marker} of {reference}: {numbers}. Keep one and delete "
            f"the others, {_RELEASE}."
        )
    problems = readback.entry_differences(sent, hits[0], bank_sign)
    if problems:
        return CannotTell(
            f"Entry {numbers} carries the marker {marker} of {reference}, but {'; '.join(problems)}. Delete it in Exact "
            f"Online, or book what is missing by hand, {_RELEASE}."
        )
    return Found(readback.standing_document(sent.kind, hits[0]))


def _judge_note(reference: str, sent: Sent, rows: Sequence[SalesEntry]) -> Finding:
    hits = [row for row in rows if row.entry_id == sent.key or row.your_ref == sent.fields["YourRef"]]
    if not hits:
        return Absent()
    numbers = ", ".join(str(row.entry_number) for row in hits)
    if len(hits) > 1:
        return CannotTell(
            f"Exact Online has several sales entries for {sent.fields['YourRef']} of {reference}: {numbers}. Keep one "
            f"and delete the others, {_RELEASE}."
        )
    problems = readback.credit_note_differences(sent, hits[0])
    if hits[0].customer != str(sent.fields["Customer"]).lower():
        problems.append("it is another customer's")
    if problems:
        return CannotTell(
            f"Sales entry {numbers} is for {sent.fields['YourRef']} of {reference}, but {'; '.join(problems)}. Correct or "
            f"delete it in Exact Online, {_RELEASE}."
        )
    return Found(readback.credit_note_document(hits[0]))


def _marker(sent: Sent) -> str:
    """Our reference on the first line; every line of an entry starts with one."""
    return str(sent.lines[0]["Description"]).split(" ", 1)[0]


def _markers(sent: Sent, forgotten: bool) -> frozenset[str]:
    """What an entry is looked for by. After a restore its postings may stand in other entries: then by each of them."""
    if sent.kind not in BOOKED:
        return frozenset()
    if not forgotten:
        return frozenset({_marker(sent)})
    return frozenset(str(line["Description"]).split(" ", 1)[0] for line in sent.lines)


def _is_of_its_journal(sent: Sent, row: TransactionLine) -> bool:
    """A converted payout has one entry per currency, a refund a credit note besides: both with the same marker."""
    return (row.journal_code, row.currency) == (sent.fields["JournalCode"], sent.fields["Currency"])


def _bears(rows: Sequence[TransactionLine], markers: Collection[str]) -> bool:
    return any(_is_one_of(row, markers) for row in rows)


def _is_one_of(row: TransactionLine, markers: Collection[str]) -> bool:
    return marker_of(row.description) in markers


def _updated(sent: Sent) -> Document:
    return Document(sent.kind, sent.key, details={"id": sent.key})
