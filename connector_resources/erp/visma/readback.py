"""Documents as they stand in Visma, many at a time, and how they differ from what we asked for (visma.md 2.5, 4, 8).

A few documents are read by number; many by one paged list of what was modified lately, older ones by their period. The
server's own stamps narrow the next list; what no list shows is read by its number, so a wrong guess costs a call and never
an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial

from bookkeeping.money import Money
from bookkeeping.postings import AccountRole, Side
from connector_resources.erp.contract import Document, PostingWork
from connector_resources.erp.visma import documents, journals, wire
from connector_resources.erp.visma.client import VismaClient
from connector_resources.erp.visma.documents import CREDIT_NOTE, CUSTOMER, JOURNAL, Sent, day_of, money
from connector_resources.erp.visma.invoices import APPLICATIONS, write_applications

#: (kind, number): a void shares the number of its receipt, so the number alone names nothing (section 0, fact 6).
Ref = tuple[str, str]
#: up to so many documents of a family are read one by one.
FEW = 3
VOIDED = "Voided"
#: detail of a document that was voided already when a look-up adopted it.
FOUND_VOIDED = "found_voided"


@dataclass(frozen=True, slots=True)
class Standing:
    """A document as Visma shows it now. `amount` is without sign; `reference` is what our look-ups compare.

    In the base currency of the company: `base` is the amount of a payment, `moved` what each line of a journal raised its
    account by.
    """

    kind: str
    number: str
    status: str
    etag: str
    amount: Money
    customer: str
    reference: str
    dated: date | None
    applied: tuple[tuple[str, Money], ...] = ()
    base: Decimal = documents.ZERO
    moved: tuple[tuple[str, Decimal], ...] = ()

    @property
    def ref(self) -> Ref:
        return (self.kind, self.number)

    @property
    def is_released(self) -> bool:
        return self.status in documents.RELEASED_STATUSES

    def document(self) -> Document:
        """The document with a fresh etag and what later steps want to know of it."""
        details = {
            "status": self.status,
            "amount": str(self.amount),
            "customer": self.customer,
            "date": self.dated.isoformat() if self.dated else "",
            APPLICATIONS: write_applications(self.applied),
        }
        kept = {name: value for name, value in details.items() if value}
        return Document(self.kind, self.number, self.etag, details=kept)


@dataclass(frozen=True, slots=True)
class Expected:
    """What a document must show. `reference` must be its end, or its beginning for voids.

    Empty texts are not compared, nor is an amount that does not follow from the posting.
    """

    amount: Money | None
    customer: str = ""
    reference: str = ""

    def differences(self, standing: Standing) -> list[str]:
        """Every field that differs, as a phrase."""
        found = []
        if self.amount is not None and standing.amount != self.amount:
            found.append(f"the amount is {standing.amount}, not {self.amount}")
        if self.customer and standing.customer != self.customer:
            found.append(f"the customer is {standing.customer}, not {self.customer}")
        is_void = standing.kind in documents.VOIDED_BY.values()
        fits = standing.reference.startswith if is_void else standing.reference.endswith
        if not fits(self.reference):
            found.append(f"the reference is {standing.reference!r}, not {self.reference!r}")
        return found


def expected_of(work: PostingWork, step: str) -> Expected:
    """What the document that `step` made, released or voided must show, from the posting alone."""
    posting = work.posting
    name = step.removeprefix("release_")
    if name == journals.DIFFERENCE_STEP:
        return Expected(None, reference=journals.difference_key(posting))
    if name.startswith("journal"):
        batch = next(each for each in journals.batches(posting) if each.step == name)
        return Expected(batch.total, reference=journals.key_text(posting, batch))
    owed = [documents.sum_of(posting, AccountRole.RECEIVABLE, side) for side in (Side.DEBIT, Side.CREDIT)]
    amount = owed[0] or owed[1]
    assert amount is not None, posting.key
    customer = (posting.party.erp_customer if posting.party else None) or ""
    if name in ("void", "credit_note"):
        return Expected(amount, customer, posting.subject)
    return Expected(amount, customer, documents.payment_ref(posting))


def expected_of_sent(sent: Sent) -> Expected:
    """What the document that a stored request made must show, from its bytes alone."""
    if sent.kind == JOURNAL:
        currency = str(sent.fields["currencyId"])
        total = money(sent.fields["controlTotalInCurrency"], currency)
        return Expected(total, reference=str(sent.fields["description"]))
    if sent.kind == CREDIT_NOTE:
        raise ValueError("a credit note's total including VAT is not in its request")
    amount = money(sent.fields["paymentAmount"], str(sent.fields["currency"]))
    return Expected(amount, str(sent.fields["customer"]), str(sent.fields["paymentRef"]))


def payment_standing(row: wire.PaymentRow) -> Standing:
    # A void carries its amount with the other sign, and its lines several times with changing ones (section 9.7).
    is_void = row.type in documents.VOIDED_BY.values()
    lines = () if is_void else row.payment_lines
    return Standing(
        kind=row.type,
        number=row.ref_nbr,
        status=row.status,
        etag=row.etag,
        amount=abs(money(row.payment_amount, row.currency)),
        customer=row.customer.number,
        reference=row.payment_ref,
        dated=day_of(row.application_date),
        applied=tuple((line.ref_nbr, money(line.amount_paid, row.currency)) for line in lines),
        base=abs(row.payment_amount_in_currency),
    )


def credit_note_standing(row: wire.InvoiceRow) -> Standing:
    return Standing(
        kind=CREDIT_NOTE,
        number=row.reference_number,
        status=row.status,
        etag=row.etag,
        amount=money(row.amount, row.currency_id),
        customer=row.customer.number,
        reference=row.external_reference,
        dated=day_of(row.document_date),
    )


def journal_standing(row: wire.JournalRow) -> Standing:
    # On read, debitAmount is in the batch's currency and debitAmountInCurrency in the base currency (section 2.6).
    total = sum((line.debit_amount for line in row.journal_transaction_lines), start=documents.ZERO)
    return Standing(
        kind=JOURNAL,
        number=row.batch_number,
        status=row.status,
        etag=row.etag,
        amount=money(total, row.currency_id),
        customer="",
        reference=row.description,
        dated=day_of(row.transaction_date),
        moved=tuple(
            (line.account_number, line.debit_amount_in_currency - line.credit_amount_in_currency)
            for line in row.journal_transaction_lines
        ),
    )


class DocumentReader:
    """Reads documents by (kind, number) with few calls."""

    def __init__(self, client: VismaClient, clock: Callable[[], datetime]) -> None:
        self._client = client
        self._clock = clock
        self._newest: dict[str, str] = {}

    def read(self, refs: Mapping[Ref, date | None]) -> dict[Ref, Standing]:
        """Those of `refs` that exist; the dates say where to look for older ones. Customers are not read here."""
        families: dict[str, set[Ref]] = {}
        for ref in refs:
            if ref[0] != CUSTOMER:
                families.setdefault(_family(ref[0]), set()).add(ref)
        found: dict[Ref, Standing] = {}
        for family, wanted in families.items():
            found |= self._family(family, wanted, refs)
        return found

    def one(self, ref: Ref) -> Standing | None:
        return self._by_number(*ref)

    def _family(self, family: str, wanted: set[Ref], dates: Mapping[Ref, date | None]) -> dict[Ref, Standing]:
        found: dict[Ref, Standing] = {}
        for rows in self._lists(family, wanted, dates):
            if len(wanted - found.keys()) <= FEW:
                break
            found |= {each.ref: each for each in rows() if each.ref in wanted}
        for ref in sorted(wanted - found.keys()):
            standing = self._by_number(*ref)
            if standing is not None:
                found[ref] = standing
        return found

    def _lists(
        self, family: str, wanted: set[Ref], dates: Mapping[Ref, date | None]
    ) -> Iterator[Callable[[], list[Standing]]]:
        """Ever wider lists: since the newest stamp seen, since yesterday, then the periods of the documents' dates."""
        newest = self._newest.get(family, "")
        # A date alone needs no time zone, and a day back is more than any zone (section 4).
        yesterday = (self._clock() - timedelta(days=1)).date().isoformat()
        if newest:
            yield partial(self._modified, family, newest)
        yield partial(self._modified, family, yesterday)
        # Where periods are not months the list misses, and the number finds.
        for period in sorted({f"{day:%Y%m}" for ref in wanted if (day := dates.get(ref))}):
            yield partial(self._of_period, family, period)

    def _modified(self, family: str, since: str) -> list[Standing]:
        if family == CREDIT_NOTE:
            notes = self._client.credit_notes(modified_from=since)
            return self._noted(family, notes, [credit_note_standing(row) for row in notes])
        if family == JOURNAL:
            batches = self._client.journals(modified_from=since)
            return self._noted(family, batches, [journal_standing(row) for row in batches])
        payments = self._client.payments(modified_from=since)
        return self._noted(family, payments, [payment_standing(row) for row in payments])

    def _noted(self, family: str, rows: Sequence[wire.Row], standings: list[Standing]) -> list[Standing]:
        self._newest[family] = max([self._newest.get(family, ""), *(row.last_modified_date_time for row in rows)])
        return standings

    def _of_period(self, family: str, period: str) -> list[Standing]:
        if family == CREDIT_NOTE:
            return [credit_note_standing(row) for row in self._client.credit_notes(period=period)]
        if family == JOURNAL:
            return [journal_standing(row) for row in self._client.journals(period=period)]
        return [payment_standing(row) for row in self._client.payments(period=period)]

    def _by_number(self, kind: str, number: str) -> Standing | None:
        if kind == CREDIT_NOTE:
            note = self._client.credit_note(number)
            return credit_note_standing(note) if note else None
        if kind == JOURNAL:
            batch = self._client.journal(number)
            return journal_standing(batch) if batch else None
        # A single GET has no type and may answer with the void of the receipt (section 2.5).
        rows = self._client.payments(kind=kind, number=number)
        return payment_standing(rows[0]) if rows else None


def _family(kind: str) -> str:
    return kind if kind in (CREDIT_NOTE, JOURNAL) else "payment"


def applied_as_sent(sent: Mapping[Ref, Sent], standing: Standing) -> list[str]:
    """How the applications differ from those of the request we sent, if this process sent it."""
    request = sent.get(standing.ref)
    if request is None:
        return []
    currency = standing.amount.currency
    wanted = sorted((str(line["refNbr"]), money(line["amountPaid"], currency)) for line in request.lines)
    present = sorted(standing.applied)
    return [] if wanted == present else [f"it settles {_phrase(present)}, not {_phrase(wanted)}"]


def _phrase(applied: Iterable[tuple[str, Money]]) -> str:
    return ", ".join(f"{amount} of {number}" for number, amount in applied) or "no invoice"
