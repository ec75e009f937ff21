""" "Did my write happen?" By our reference, in every place where the document may be (ifs_cloud.md sections 6.3 and 7.4).

A draft that was not finished counts as absent, and is named: the same request, sent again, goes on with it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from decimal import Decimal

from connector_resources.erp.contract import Absent, CannotTell, Document, Finding, Found, FoundJob, OpenSubmission
from connector_resources.erp.forgotten import perhaps_in_other_company
from connector_resources.erp.ifs_cloud.documents import FILE, KINDS, MEMBERS, PAYMENT, VOUCHER
from connector_resources.erp.ifs_cloud.files import DEAD
from connector_resources.erp.ifs_cloud.readback import APPROVED, Books, batch_of, differences
from connector_resources.erp.ifs_cloud.rendering import Run, fill, fill_body
from connector_resources.erp.ifs_cloud.sending import details_of
from connector_resources.erp.ifs_cloud.wire import FileLoad, MixedPayment, VoucherRow

_RELEASE = "then release the posting"


class Lookup:
    """Finds what became of submissions whose end is not known."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def find(self, submissions: Sequence[OpenSubmission]) -> list[Finding]:
        """One finding per submission, in order."""
        runs = [Run.from_bytes(each.planned.body) for each in submissions]
        payments = self._payments([run for run in runs if KINDS[run.recipe] == PAYMENT])
        loads = self._loads([run for run in runs if KINDS[run.recipe] == FILE])
        findings: list[Finding] = []
        for submission, run in zip(submissions, runs, strict=True):
            reference = submission.planned.reference
            match KINDS[run.recipe]:
                case kind if kind == VOUCHER:
                    findings.append(self._voucher(reference, run, forgotten=submission.forgotten))
                case kind if kind == PAYMENT:
                    found = _judge_payment(reference, run, payments)
                    findings.append(_in_doubt(found, f"Payment {run.facts['batch']}", submission))
                case kind if kind == FILE:
                    found = _judge_file(reference, run, loads)
                    findings.append(_in_doubt(found, f"File {run.facts['file']}", submission))
                case _:
                    findings.append(self._members(run))
        return findings

    # --- vouchers --------------------------------------------------------------------------------------------------

    def _voucher(self, reference: str, run: Run, *, forgotten: bool) -> Finding:
        """A voucher is made whole or not at all, so one of its references leads to all of its rows.

        After a restore its postings may stand in others: then each of them is looked for.
        """
        company = str(run.facts["company"])
        first = str(run.facts["references"][0])
        wanted = [str(each) for each in run.facts["references"]] if forgotten else [first]
        numbers = sorted({row.voucher for row in self._books.rows_by_reference(company, wanted)})
        if not numbers:
            return Absent()
        if len(numbers) > 1:
            return CannotTell(
                f"IFS Cloud has several vouchers with the reference {first} of {reference}: {', '.join(numbers)}. Reverse "
                f"all but one, {_RELEASE}."
            )
        rows = self._books.rows_of_vouchers(company, numbers)
        expected = {key: Decimal(amount) for key, amount in run.facts["rows"].items()}
        problems = differences(expected, _sums(rows, expected.keys()))
        if problems:
            return CannotTell(
                f"Voucher {numbers[0]} carries the reference {first} of {reference}, but {'; '.join(problems)}. Correct it "
                f"in IFS Cloud, {_RELEASE}."
            )
        return Found(Document(VOUCHER, numbers[0], details=details_of(run)))

    # --- payments and files ----------------------------------------------------------------------------------------

    def _payments(self, runs: Sequence[Run]) -> list[MixedPayment]:
        batches = {str(run.facts["batch"]): str(run.facts["company"]) for run in runs}
        return self._books.payments(batches) if batches else []

    def _loads(self, runs: Sequence[Run]) -> list[FileLoad]:
        names = sorted({str(run.facts["file"]) for run in runs})
        return self._books.loads({"name": names}) if names else []

    # --- members ---------------------------------------------------------------------------------------------------

    def _members(self, run: Run) -> Finding:
        call = next(call for call in run.calls if call.effect)
        entity = self._books.entity(fill(call.path, {}))
        if entity is None:
            return CannotTell(f"{run.number} is not in IFS Cloud any more; withdraw the posting.")
        written = all((entity.get(member) or "") == value for member, value in fill_body(call.body or {}, {}).items())
        return Found(Document(MEMBERS, run.number, details=details_of(run))) if written else Absent()


def _judge_payment(reference: str, run: Run, payments: Sequence[MixedPayment]) -> Finding:
    batch, company = str(run.facts["batch"]), str(run.facts["company"])
    hits = [row for row in payments if batch_of(row) == batch and row.company == company]
    booked = [row for row in hits if row.state == APPROVED]
    if len(hits) > 1:
        numbers = ", ".join(f"{row.company}/{row.id}" for row in hits)
        return CannotTell(
            f"IFS Cloud has several mixed payments with the text {batch} of {reference}: {numbers}. Keep one, {_RELEASE}."
        )
    if hits and not booked:
        return Absent(begun=f"mixed payment {company}/{hits[0].id} ({batch})")
    if not booked:
        return Absent()
    return Found(Document(PAYMENT, f"{company}/{booked[0].id}", details=details_of(run)))


def _judge_file(reference: str, run: Run, loads: Sequence[FileLoad]) -> Finding:
    name = str(run.facts["file"])
    hits = [row for row in loads if row.name == name and row.state not in DEAD]
    if len(hits) > 1:
        numbers = ", ".join(str(row.id) for row in hits)
        return CannotTell(
            f"IFS Cloud has loaded the file {name} of {reference} several times: {numbers}. Remove all but one, {_RELEASE}."
        )
    return FoundJob(str(hits[0].id)) if hits else Absent()


def _in_doubt(found: Finding, what: str, submission: OpenSubmission) -> Finding:
    """A payment or a file is called after all it holds: after a restore its absence proves nothing."""
    if not submission.forgotten or not isinstance(found, Absent):
        return found
    doubt = perhaps_in_other_company(
        f"{what} of {submission.planned.reference}", "on the customers' accounts in IFS Cloud"
    )
    if not found.begun:
        return doubt
    return CannotTell(f"Cancel {found.begun}, which was begun and books nothing. {doubt.instructions}")


def _sums(rows: Sequence[VoucherRow], keys: Collection[str]) -> dict[str, Decimal]:
    """By reference, account and currency, of the rows that carry one of our references and were sent by us.

    Rows that IFS added for a tax code stand on accounts that were not sent and are left out.
    """
    sums: dict[str, Decimal] = {}
    for row in rows:
        key = f"{row.reference} {row.account} {row.currency}"
        if key in keys:
            sums[key] = sums.get(key, Decimal(0)) + row.debit - row.credit
    return sums
