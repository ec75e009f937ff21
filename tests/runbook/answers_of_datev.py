"""Codes of DATEV's files: its own help codes as uploads and jobs are answered with them (datev.md section 6)."""

from __future__ import annotations

from sandbox.faults import Fault
from tests.runbook.answers import a_payout
from tests.runbook.exercise import Exercise, a_payment, answered
from tests.sites import Site

UPLOAD = r"/extf-files/import$"
HELP = "https://apps.datev.de/help-center/documents/"
VOUCHER = {"documents": {"types": {"payout": "Sonstige"}}}


def refused(code: str, status: int) -> Exercise:
    """The upload is refused with the problem's help link, from which the code is taken."""
    body = {"type": f"{HELP}{code}", "title": "Fehler", "detail": f"Der Auftrag wurde mit {code} abgelehnt."}
    return answered("datev", code, UPLOAD, status, body, names=(code,))


def voucher(code: str, status: int) -> Exercise:
    """The other dialect: the store of vouchers refuses one, before the payout that it belongs to is uploaded."""
    body = {"error": f"#{code}", "error_description": "Fehler", "error_uri": f"{HELP}{code}", "request_id": "R1"}
    return answered(
        "datev", code, r"/documents", status, body, names=(code,), cause=a_payout, moves=None, settings=VOUCHER
    )


def forced(code: str) -> Exercise:
    """The data centre takes the file and its job fails."""

    def cause(site: Site) -> None:
        a_payment(site)
        site.at.erp.datacentre.behaviour.forced_failures.append(code)

    return Exercise("datev", code, cause)


def failed_without_reason(site: Site) -> None:
    """The job fails, and its answer leaves out why."""
    a_payment(site)
    site.at.erp.datacentre.behaviour.forced_failures.append("1008837")
    body = '{"id": "J1", "filename": "EXTF_GC.csv", "result": "failed"}'
    site.at.erp.faults.add(Fault("error_before", method="GET", path=r"/extf-files/jobs/", status=200, body=body))


ANSWERS_OF_DATEV = (
    refused("1008829", 403),
    refused("1008831", 400),
    refused("1008832", 400),
    refused("1008833", 413),
    refused("1008834", 400),
    refused("1008835", 404),
    forced("1008836"),
    forced("1008837"),
    forced("1008838"),
    answered("datev", "http_413", UPLOAD, 413, "too large", names=("no explanation",)),
    Exercise("datev", "job_failed", failed_without_reason, names=("failed without a reason",)),
    voucher("DCO01002", 403),
    voucher("DCO01005", 403),
    voucher("DCO01007", 400),
    voucher("DCO01010", 400),
    voucher("DCO01243", 400),
)
