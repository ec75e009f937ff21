"""Every shape in which DATEV says no, and what a person can do about it (datev.md 2.2, 2.3, 6). Never raises.

Showing title, detail and the link to DATEV's help is a condition of DATEV's approval.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from connector_resources.erp.contract import Rejected
from connector_resources.erp.datev.wire import ImportJob, ProtocolEntry
from connector_resources.transport.http_transport import is_no_page
from connector_resources.transport.messages import Response

ORDER_SERVICES = "https://go.datev.de/datenservices-einrichten"
MANAGE_CONSENTS = "https://apps.datev.de/tokrevui"
MOST_ELEMENTS = 12

_RELEASE = "then `connector release` the postings."
_AGAIN = f"Nothing was booked; try again later: {_RELEASE}"
NEXT_STEPS = {
    "1008829": "Authorise again with all scopes of the switched-on services (`connector authorize`), " + _RELEASE,
    "1008831": f"The file was empty. Report this as a fault of the connector with the help link, {_RELEASE}",
    "1008832": f"Report this as a fault of the connector with the help link, {_RELEASE}",
    "1008833": f"Nothing of the file was taken. Correct what is named, {_RELEASE}",
    "1008834": f"Compare consultant, client, fiscal year and account length in the connection file with DATEV, {_RELEASE}",
    "1008835": f"Correct erp.consultant_number and erp.client_number in the connection file, {_RELEASE}",
    "1008836": "DATEV found a virus. Stop, and have this machine examined before anything is released.",
    "1008837": _AGAIN,
    "1008838": f"The client has not ordered the data service, or it has ended: order it at {ORDER_SERVICES}, {_RELEASE}",
    "DCO01002": f"The client is not set up for this data service: order it at {ORDER_SERVICES}, {_RELEASE}",
    "DCO01005": "Authorise again with all scopes of the switched-on services (`connector authorize`), " + _RELEASE,
    "DCO01007": "This transfer was finished before; look into Belege online for what it holds.",
    "DCO01010": f"Put one of the client's document types into erp.documents.types, {_RELEASE}",
    "DCO01020": _AGAIN,
    "DCO01243": "DATEV found a virus. Stop, and have this machine examined before anything is released.",
    "DCO01301": "The client uses the new Belege online, where this service does not exist: remove erp.dxso, "
    + _RELEASE,
}
BY_STATUS = {
    403: f"The DATEV user lacks the right for this client, or the client the service ({ORDER_SERVICES}); {_RELEASE}",
    404: f"DATEV does not know this client: check consultant and client number in the connection file, {_RELEASE}",
    413: f"The file is too large. Report this as a fault of the connector, {_RELEASE}",
}
OTHERWISE = f"Follow the help link, correct the cause, {_RELEASE}"


@dataclass(frozen=True, slots=True)
class Problem:
    """What DATEV said, in its own words. `code` is stable; `link` leads to DATEV's help."""

    code: str = ""
    title: str = ""
    detail: str = ""
    link: str = ""
    request_id: str = ""
    affected: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        parts = [part for part in (self.title, self.detail) if part]
        parts += [f"{name} {reason}".strip() for name, reason in self.affected[:MOST_ELEMENTS]]
        if len(self.affected) > MOST_ELEMENTS:
            parts.append(f"and {len(self.affected) - MOST_ELEMENTS} more")
        text = "; ".join(parts) or "no explanation"
        marks = ", ".join(mark for mark in (self.link, self.request_id and f"request {self.request_id}") if mark)
        return f"{text} ({marks})" if marks else text


def problem_of(response: Response) -> Problem:
    """The problem in an answer, whatever its shape: problem JSON, `#DCO…` JSON, gateway JSON, HTML or nothing."""
    if not is_no_page(response):
        return Problem(title="an HTML page")
    try:
        body = response.json()
    except ValueError:
        return Problem()
    if not isinstance(body, dict):
        return Problem()
    if "error" in body:
        code = _text(body, "error").removeprefix("#")
        return Problem(code, _text(body, "error_description"), "", _text(body, "error_uri"), _text(body, "request_id"))
    title = _text(body, "title") or _text(body, "httpMessage")
    detail = _text(body, "detail") or _text(body, "moreInformation")
    link = _text(body, "type")
    return Problem(code_of(link), title, detail, link, _text(body, "request_id"), _affected(body))


def explain_datev(response: Response) -> tuple[str, str]:
    """Code and text of a refusal, for the transport."""
    problem = problem_of(response)
    return problem.code, str(problem)


def rejection(problem: Problem, status: int) -> Rejected:
    """The refusal of a request as the ledger keeps it."""
    next_step = NEXT_STEPS.get(problem.code) or BY_STATUS.get(status, OTHERWISE)
    return Rejected(problem.code or f"http_{status}", f"DATEV refused it: {problem}.", next_step)


def failed_job(job: ImportJob) -> Rejected:
    """Why a job failed, with the fields DATEV names."""
    details = job.validation_details
    if details is None:
        return Rejected("job_failed", f"DATEV's job {job.id} for {job.filename} failed without a reason.", OTHERWISE)
    affected = tuple((element.name, element.reason) for element in details.affected_elements)
    problem = Problem(code_of(details.type), details.title, details.detail, details.type, "", affected)
    next_step = NEXT_STEPS.get(problem.code, OTHERWISE)
    return Rejected(problem.code or "job_failed", f"DATEV did not take {job.filename}: {problem}.", next_step)


def failed_transfer(job_id: str, entries: list[ProtocolEntry]) -> Rejected:
    """Why a DXSO transfer failed: the errors and warnings of its protocol, in DATEV's German."""
    bad = tuple((entry.filename, entry.text) for entry in entries if entry.type in ("error", "warning"))
    problem = Problem(title=f"transfer {job_id}", affected=bad)
    return Rejected("dxso_failed", f"DATEV did not take the posting proposals: {problem}.", OTHERWISE)


def code_of(link: str) -> str:
    """The stable code is the last part of the help link."""
    return urlsplit(link).path.rpartition("/")[2] if link else ""


def _affected(body: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    elements = body.get("affected_elements")
    if not isinstance(elements, list):
        return ()
    return tuple((_text(e, "name"), _text(e, "reason")) for e in elements if isinstance(e, dict))


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    return str(value)[:1000] if isinstance(value, str | int) else ""
