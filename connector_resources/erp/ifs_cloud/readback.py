"""Documents as they stand in IFS, and how they differ from what was asked for (7.4, 7.5, 7.7). Reads many with few calls.

Vouchers are in the hold table until a batch moves them to the general ledger, so the hold table is read first: a row that moves
in between is found in the second place and not missed in both (section 7.4).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from bookkeeping.money import Money
from bookkeeping.postings import AccountRole, Posting, Side
from connector_resources.erp.ifs_cloud import odata, wire
from connector_resources.erp.ifs_cloud.client import IfsCloudClient, references
from connector_resources.erp.ifs_cloud.lines import SERIE, RowWriter, voucher_lines
from connector_resources.erp.ifs_cloud.projections import Projection
from connector_resources.erp.ifs_cloud.rates import RateTable
from connector_resources.erp.ifs_cloud.settings import IfsCloudSettings
from connector_resources.erp.ifs_cloud.wire import FileLoad, MixedPayment, PaymentLine, VoucherRow
from connector_resources.errors import WrongCompany

TERMS = 20
#: most rows of a page that we ask for (section 4).
LARGEST_PAGE = 1000
APPROVED = "Approved"
#: `account currency` -> debit less credit, major units.
Sums = dict[str, Decimal]
TAX = "tax"


class Books:
    """Reads vouchers, payments and files of one connection."""

    def __init__(self, client: IfsCloudClient, *, connection: str) -> None:
        self._client = client
        self._connection = connection

    def rows_by_reference(self, company: str, wanted: Collection[str]) -> list[VoucherRow]:
        """Rows with one of these references of ours, in the hold table and the general ledger."""
        found: list[VoucherRow] = []
        for name in ("hold_rows", "gl_rows"):
            projection = self._client.projections[name]
            missing = sorted(set(wanted) - {row.reference.upper() for row in found})
            serie = f"{projection.member('serie')} eq {odata.text(SERIE)}"
            for some in _slices(missing, TERMS):
                condition = odata.every(serie, references(projection.member("reference"), some))
                found += self._client.rows(name, wire.VoucherRow, condition, company=company)
        return _once(found)

    def rows_of_vouchers(self, company: str, vouchers: Collection[str]) -> list[VoucherRow]:
        """All rows of these vouchers, by their numbers as documents have them."""
        found: list[VoucherRow] = []
        for name in ("hold_rows", "gl_rows"):
            projection = self._client.projections[name]
            missing = sorted(set(vouchers) - {row.voucher for row in found})
            for some in _slices(missing, TERMS):
                keys = [number.split("/") for number in some]
                condition = "(" + " or ".join(
                    f"({projection.member('year')} eq {year} and {projection.member('type')} eq {odata.text(kind)}"
                    f" and {projection.member('number')} eq {number})"
                    for _, year, kind, number in keys
                ) + ")"  # fmt: skip
                found += self._client.rows(name, wire.VoucherRow, condition, company=company)
        return _once(found)

    def payments(self, batches: Mapping[str, str]) -> list[MixedPayment]:
        """The payments of these batches (name -> company), made by calls or by a file, dead ones left out."""
        projection = self._client.projections["mixed_payments"]
        found: list[MixedPayment] = []
        for some in _slices(sorted(batches), TERMS):
            condition = " or ".join(
                f"({projection.member('company')} eq {odata.text(batches[each])} and ({_bears(projection, each)}))"
                for each in some
            )
            rows = list(self._client.rows("mixed_payments", wire.MixedPayment, f"({condition})", expected=0))
            self._require([row.company for row in rows], batches.values())
            found += rows
        return [row for row in found if row.state != "Cancelled"]

    def lines(self, payments: Mapping[str, int]) -> list[PaymentLine]:
        """The transactions of payments, named as documents name them (`10/4711`), with how many each must have."""
        projection = self._client.projections["payment_lines"]
        found: list[PaymentLine] = []
        for some in _slices(sorted(payments), TERMS):
            keys = [number.split("/", 1) for number in some]
            condition = " or ".join(
                f"({projection.member('company')} eq {odata.text(company)} and "
                f"{projection.member('payment')} eq {number})"
                for company, number in keys
            )
            expected = sum(payments[number] for number in some)
            found_here = self._client.rows(
                "payment_lines", wire.PaymentLine, f"({condition})", top=LARGEST_PAGE, expected=expected
            )
            rows = list(found_here)
            self._require([row.company for row in rows], [company for company, _ in keys])
            found += rows
        return found

    def loads(self, condition_values: Mapping[str, Collection[object]]) -> list[FileLoad]:
        """External files by id, or by name."""
        projection = self._client.projections["file_loads"]
        found: list[FileLoad] = []
        for word, values in condition_values.items():
            literals = [odata.literal(value) for value in values]
            for some in _slices(literals, TERMS):
                condition = odata.any_of(projection.member(word), some)
                found += self._client.rows("file_loads", wire.FileLoad, condition)
        return found

    def entity(self, path: str) -> dict[str, Any] | None:
        return self._client.entity(path)

    def _require(self, found: Collection[str], wanted: Collection[str]) -> None:
        strange = sorted(set(found) - set(wanted))
        if strange:
            raise WrongCompany(
                f"A read of payments of company {', '.join(sorted(set(wanted)))} was answered with rows of company "
                f"{', '.join(strange)}. Nothing more is read or written.",
                connection=self._connection,
                next_step="ask the administrator of IFS Cloud why this projection does not filter by company.",
            )


def _bears(projection: Projection, batch: str) -> str:
    """A condition on the name of ours on a payment: its text, or of a file its statement."""
    statement, text = projection.member("statement"), projection.member("text")
    return " or ".join(
        [
            *([f"{statement} eq {odata.text(batch)}"] if statement else []),
            *([f"contains({text},{odata.text(batch)})"] if text else []),
        ]
    )


def batch_of(payment: MixedPayment) -> str:
    """The name of ours on a payment: of a file its statement, else the first word of its text."""
    text = payment.text.split(" ", 1)[0]
    return text if text.startswith("GC-") else payment.statement


def voucher_differences(
    posting: Posting, rows: Sequence[VoucherRow], settings: IfsCloudSettings, company: str
) -> list[str]:
    """How the rows with a posting's reference differ from it, as phrases."""
    expected = expected_sums(posting, settings, company)
    own = [row for row in rows if row.reference.upper() == posting.reference.upper()]
    shown = shown_sums(own)
    for account in _free_accounts(posting, settings, company):
        shown.pop(account, None)
        expected.pop(account, None)
    if TAX in expected:
        # A tax code makes a row of its own, on an account that IFS chooses.
        strange = [key for key in shown if key not in expected]
        shown[TAX] = sum((shown.pop(key) for key in strange), Decimal(0))
    return differences(expected, shown)


def expected_sums(posting: Posting, settings: IfsCloudSettings, company: str) -> Sums:
    writer = RowWriter(settings, company, RateTable.of("", ()))
    sums: Sums = {}
    for line in voucher_lines(posting):
        in_tax = line.role is AccountRole.INPUT_VAT and settings.fee_vat_mode == "tax_code"
        key = TAX if in_tax else f"{writer.account(line.role, line.amount.currency)} {line.amount.currency}"
        signed = line.amount.major if line.side is Side.DEBIT else -line.amount.major
        sums[key] = sums.get(key, Decimal(0)) + signed
    return {key: amount for key, amount in sums.items() if amount}


def shown_sums(rows: Iterable[VoucherRow]) -> Sums:
    sums: Sums = {}
    for row in rows:
        key = f"{row.account} {row.currency}"
        sums[key] = sums.get(key, Decimal(0)) + row.debit - row.credit
    return {key: amount for key, amount in sums.items() if amount}


def _free_accounts(posting: Posting, settings: IfsCloudSettings, company: str) -> list[str]:
    """Where the exchange difference of a voucher in two currencies stands; its amount depends on IFS's rates."""
    currencies = {line.amount.currency for line in posting.lines}
    account = settings.account(company, AccountRole.FX_DIFFERENCE, "")
    if len(currencies) == 1 or account is None:
        return []
    return [f"{account} {currency}" for currency in sorted(currencies)]


def differences(expected: Sums, shown: Sums) -> list[str]:
    """Every sum that differs, as a phrase."""
    return [
        f"account {key} shows {shown.get(key, 0)}, not {expected.get(key, 0)}"
        for key in sorted(expected.keys() | shown.keys())
        if expected.get(key, Decimal(0)) != shown.get(key, Decimal(0))
    ]


def movement_differences(posting: Posting, lines: Sequence[PaymentLine]) -> list[str]:
    """How the transactions of one posting differ from it in sum or currency."""
    signed = [
        line.amount if line.side is Side.DEBIT else -line.amount
        for line in posting.lines
        if line.role is AccountRole.CLEARING
    ]
    wanted = sum((each.minor for each in signed), 0)
    expected = Money(wanted, signed[0].currency)
    shown = sum((row.amount for row in lines), Decimal(0))
    if not lines:
        return ["it has no transaction for it"]
    strange = sorted({row.currency for row in lines if row.currency not in ("", expected.currency)})
    problems = [f"its currency is {', '.join(strange)}, not {expected.currency}"] if strange else []
    return problems + ([f"it shows {shown}, not {expected.major}"] if shown != expected.major else [])


def _once(rows: Iterable[VoucherRow]) -> list[VoucherRow]:
    """A row that moved between the two readings is in both."""
    return list({(row.voucher, row.row): row for row in rows}.values())


def _slices(items: Sequence[Any], size: int) -> Iterable[Sequence[Any]]:
    for first in range(0, len(items), size):
        yield items[first : first + size]
