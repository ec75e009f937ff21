"""Reads back what was written, many documents with few calls, and compares it (ifs_cloud.md sections 7.4 to 7.7)."""

from __future__ import annotations

from collections.abc import Sequence

from connector_resources.erp.contract import Mismatch, Verification, Verified, VerifyRequest
from connector_resources.erp.ifs_cloud.companies import company_of
from connector_resources.erp.ifs_cloud.documents import PAYMENT, VOUCHER
from connector_resources.erp.ifs_cloud.readback import Books, movement_differences, voucher_differences
from connector_resources.erp.ifs_cloud.reading import marker_of
from connector_resources.erp.ifs_cloud.settings import IfsCloudSettings
from connector_resources.erp.ifs_cloud.wire import PaymentLine, VoucherRow
from connector_resources.erp.refusal import CannotBook

_CORRECT = "Correct it in IFS Cloud by hand; then release or withdraw the posting."


class Verifier:
    """Compares documents with the postings they are for."""

    def __init__(self, books: Books, settings: IfsCloudSettings) -> None:
        self._books = books
        self._settings = settings

    def verify(self, requests: Sequence[VerifyRequest]) -> list[Verification]:
        """One answer per request, in order. Single members were compared when they were written."""
        vouchers = self._vouchers(requests)
        lines = self._lines(requests)
        answers: list[Verification] = []
        for request in requests:
            document, posting = request.document, request.work.posting
            if document.kind == VOUCHER:
                answers.append(self._voucher(request, vouchers.get(document.number, [])))
            elif document.kind == PAYMENT:
                own = lines.get((document.number, posting.reference.upper()), [])
                answers.append(_movement(request, own))
            else:
                answers.append(Verified(document))
        return answers

    def _vouchers(self, requests: Sequence[VerifyRequest]) -> dict[str, list[VoucherRow]]:
        wanted: dict[str, set[str]] = {}
        for request in requests:
            if request.document.kind == VOUCHER:
                wanted.setdefault(request.document.number.partition("/")[0], set()).add(request.document.number)
        found: dict[str, list[VoucherRow]] = {}
        for company, numbers in wanted.items():
            for row in self._books.rows_of_vouchers(company, numbers):
                found.setdefault(row.voucher, []).append(row)
        return found

    def _lines(self, requests: Sequence[VerifyRequest]) -> dict[tuple[str, str], list[PaymentLine]]:
        payments = {
            request.document.number: int(request.document.details.get("lines", "0"))
            for request in requests
            if request.document.kind == PAYMENT
        }
        found: dict[tuple[str, str], list[PaymentLine]] = {}
        for row in self._books.lines(payments) if payments else ():
            found.setdefault((f"{row.company}/{row.payment}", marker_of(row.text)), []).append(row)
        return found

    def _voucher(self, request: VerifyRequest, rows: Sequence[VoucherRow]) -> Verification:
        posting, number = request.work.posting, request.document.number
        if not rows:
            return Mismatch(f"Voucher {number} is not in IFS Cloud any more.", _CORRECT)
        try:
            company = company_of(posting, self._settings)
            problems = voucher_differences(posting, rows, self._settings, company)
        except CannotBook as problem:
            return Mismatch(f"Voucher {number} of {posting.subject}: {problem.reason}.", problem.next_step)
        if problems:
            return Mismatch(f"Voucher {number} of {posting.subject}: {'; '.join(problems)}.", _CORRECT)
        return Verified(request.document)


def _movement(request: VerifyRequest, lines: Sequence[PaymentLine]) -> Verification:
    document, posting = request.document, request.work.posting
    problems = movement_differences(posting, lines)
    if problems:
        return Mismatch(f"Mixed payment {document.number} of {posting.subject}: {'; '.join(problems)}.", _CORRECT)
    return Verified(document)
