"""Entries as they stand in Exact, and how they differ from what was asked for (exact_online.md sections 2.10, 6.5 and 9).

Posted lines are the truth: a GUID of another division is dropped without a word and its line lands on a suspense account or on
no customer. The lines of many entries are read with one bulk call.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from bookkeeping.money import Money
from bookkeeping.postings import AccountRole, Posting, Side
from connector_resources.erp.contract import Document
from connector_resources.erp.exact_online import documents, wire
from connector_resources.erp.exact_online.documents import BANK_ENTRY, CREDIT_NOTE, Sent, money, signed
from connector_resources.erp.exact_online.lines import FEE_ROLES, customer_of, parts_of
from connector_resources.erp.exact_online.settings import ExactOnlineSettings
from connector_resources.erp.exact_online.wire import SalesEntry, TransactionLine

#: what sums are kept by: a customer's code, or an account's code, with the word for people.
Sums = dict[str, Money]
FEES = "fees"
_OF_FEES = FEE_ROLES | {AccountRole.ROUNDING, AccountRole.INPUT_VAT}


def expected_sums(posting: Posting, step: str, kind: str, settings: ExactOnlineSettings) -> Sums:
    """What the lines of `posting` in the entry of `step` must sum to, in the debit view."""
    part = next(each for each in parts_of(posting, settings) if each.step == step)
    sums: defaultdict[str, Money] = defaultdict(lambda: Money.zero(part.currency))
    for line in part.lines:
        if line.role is AccountRole.CLEARING and kind == BANK_ENTRY:
            continue
        sums[_key(line.role, posting, part.currency, settings)] -= signed(line)
    return {key: amount for key, amount in sums.items() if amount}


def shown_sums(rows: Sequence[TransactionLine], expected: Sums) -> Sums:
    """The same of the lines that Exact shows with the posting's reference."""
    sums: dict[str, Money] = {}
    for row in rows:
        if not row.line_number:
            continue
        key = f"customer {row.account_code}" if row.account_code else f"account {row.gl_account_code}"
        if FEES in expected and key not in expected:
            # A VAT code splits the line: fee and VAT on accounts that Exact chooses, together what was sent.
            key = FEES
        amount = money(row.amount_fc, row.currency)
        known = sums.get(key)
        sums[key] = amount if known is None or known.currency != amount.currency else known + amount
    return {key: amount for key, amount in sums.items() if amount}


def _key(role: AccountRole, posting: Posting, currency: str, settings: ExactOnlineSettings) -> str:
    if role is AccountRole.RECEIVABLE:
        return f"customer {customer_of(posting)}"
    if settings.fee_vat_mode == "vat_code" and role in _OF_FEES:
        return FEES
    return f"account {settings.account(role, currency)}"


def differences(expected: Sums, shown: Sums) -> list[str]:
    """Every sum that differs, as a phrase."""
    found = []
    for key in sorted(expected.keys() | shown.keys()):
        wanted, present = expected.get(key), shown.get(key)
        if wanted != present:
            found.append(f"{key} shows {present or 'nothing'}, not {wanted or 'nothing'}")
    return found


def entry_differences(sent: Sent, rows: Sequence[TransactionLine], bank_sign: int) -> list[str]:
    """How an entry that stands in Exact differs from the request that may have made it, line text by line text."""
    wanted = _sent_lines(sent, bank_sign)
    shown: dict[tuple[str, str], Money] = {}
    for row in rows:
        if row.line_number:
            key = (row.description, row.account)
            amount = money(row.amount_fc, row.currency)
            shown[key] = shown[key] + amount if key in shown else amount
    missing = [text for (text, account), amount in wanted.items() if shown.get((text, account)) != amount]
    strange = [text for text, account in shown if (text, account) not in wanted]
    found = [f"{len(missing)} of its lines are missing or differ ({missing[0]!r} …)"] if missing else []
    return found + ([f"{len(strange)} of its lines were not sent ({strange[0]!r} …)"] if strange else [])


def _sent_lines(sent: Sent, bank_sign: int) -> Mapping[tuple[str, str], Money]:
    """(description, customer) -> sum in the debit view. VAT that Exact splits off keeps the line's description."""
    sign = -bank_sign if sent.kind == BANK_ENTRY else 1
    currency = str(sent.fields["Currency"])
    sums: dict[tuple[str, str], Money] = {}
    for line in sent.lines:
        key = (str(line["Description"]), str(line.get("Account", "")).lower())
        amount = money(line["AmountFC"] * sign, currency)
        sums[key] = sums[key] + amount if key in sums else amount
    return sums


def credit_note_differences(sent_or_posting: Sent | Posting, row: SalesEntry) -> list[str]:
    """How a credit note differs in amount or currency from its request, or from the refund it is for."""
    if isinstance(sent_or_posting, Posting):
        wanted = documents.sum_of(sent_or_posting, (AccountRole.RECEIVABLE,), Side.DEBIT)
        assert wanted is not None, sent_or_posting.key
    else:
        line: Mapping[str, Any] = sent_or_posting.lines[0]
        gross = line["AmountFC"] + line.get("VATAmountFC", 0)
        wanted = -money(gross, str(sent_or_posting.fields["Currency"]))
    shown = -money(row.amount_fc, row.currency)
    return [] if shown == wanted else [f"its amount is {shown}, not {wanted}"]


def entry_document(kind: str, created: wire.Created) -> Document:
    """The document of a create; Exact's number where the answer has it, else its id."""
    entry_id = created.entry_id or created.id
    number = str(created.entry_number) if created.entry_number else created.code or entry_id
    return Document(kind, number, details={"id": entry_id})


def standing_document(kind: str, rows: Sequence[TransactionLine], document: Document | None = None) -> Document:
    """The document of posted lines, with where a person finds it."""
    row = rows[0]
    details = {
        **(document.details if document else {}),
        "id": row.entry_id,
        "journal": row.journal_code,
        "period": f"{row.financial_year}/{row.financial_period}",
    }
    number = document.number if document else str(row.entry_number)
    return Document(kind, number, details=details)


def credit_note_document(row: SalesEntry) -> Document:
    return Document(CREDIT_NOTE, str(row.entry_number), details={"id": row.entry_id})


def by_entry(rows: Sequence[TransactionLine]) -> dict[str, list[TransactionLine]]:
    found: dict[str, list[TransactionLine]] = {}
    for row in rows:
        found.setdefault(row.entry_id, []).append(row)
    return found


def by_marker(rows: Sequence[TransactionLine]) -> dict[str, list[TransactionLine]]:
    """Lines of one entry, or of several, by the reference they begin with."""
    found: dict[str, list[TransactionLine]] = {}
    for row in rows:
        found.setdefault(documents.marker_of(row.description), []).append(row)
    return found
