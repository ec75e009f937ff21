"""Import jobs: how a received file shows up as `pending`, then `succeeded` or `failed`. Sheet: datev.md 2.2.

A job's verdict is fixed when the file arrives; time and the number of looks decide when a caller gets to see it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sandbox.datev.datacentre import Company, DataCentre
from sandbox.datev.extf_reader import ExtfFile, read
from sandbox.datev.gateway import HELP, Refusal, admit, company_of, json_answer, problem

EXTF_SCOPE = "datev:accounting:extf-files-import"
LARGEST_PAGE = 100
LONGEST_LABEL = 250


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a job failed: the help code, its title, and (element, reason) pairs."""

    code: str
    title: str
    detail: str = ""
    affected: tuple[tuple[str, str], ...] = ()


@dataclass
class Job:
    """A received file. `verdict` None means it succeeds. `own` is False for other vendors' jobs: no file."""

    id: str
    client_id: str
    filename: str
    reference_id: str
    received_at: datetime
    content: bytes = field(repr=False)
    facts: dict[str, Any] = field(default_factory=dict)
    verdict: Verdict | None = None
    #: whether the adviser never gets this file, because one of that name came before
    ignored: bool = False
    own: bool = True
    #: GETs of this job alone, and times it was shown at all
    polls: int = 0
    shown: int = 0

    @cached_property
    def file(self) -> ExtfFile:
        """The file as the adviser's strict reader sees it."""
        return read(self.content)

    def delivered(self, datacentre: DataCentre) -> bool:
        """Whether the file has reached the adviser by now."""
        return self.own and self.verdict is None and datacentre.now() >= _ready_at(self, datacentre)

    def show(self, datacentre: DataCentre) -> dict[str, Any]:
        """The job as the API tells it; counts as one look. Fields without a value are left out."""
        behaviour = datacentre.behaviour
        self.shown += 1
        final = self.shown > behaviour.pending_polls and datacentre.now() >= _ready_at(self, datacentre)
        shown: dict[str, Any] = {
            "result": behaviour.pending_word,
            "id": self.id,
            "filename": self.filename,
            "timestamp": self.received_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        if self.reference_id:
            shown["reference_id"] = self.reference_id
        shown |= {name: value for name, value in self.facts.items() if value not in (None, "")}
        if final:
            shown["result"] = "failed" if self.verdict else "succeeded"
            if self.verdict:
                shown["validation_details"] = _details(self.verdict)
        return shown


class JobsApi:
    """`GET …/extf-files/jobs` and `GET …/extf-files/jobs/{job}`."""

    def __init__(self, datacentre: DataCentre) -> None:
        self.datacentre = datacentre

    async def list(self, request: Request) -> Response:
        session = admit(self.datacentre, request, EXTF_SCOPE)
        company = company_of(self.datacentre, request, session)
        skip, top = page_of(self.datacentre, request)
        gets = self.datacentre.job_list_gets
        gets[company.id] = gets.get(company.id, 0) + 1
        visible = self._visible(company)
        page = [job.show(self.datacentre) for job in visible[skip : skip + top]]
        for _ in range(self.datacentre.behaviour.arriving_jobs):
            add_foreign_job(self.datacentre, company)
        return json_answer(page, headers=page_headers(skip, top, len(visible)))

    async def one(self, request: Request) -> Response:
        session = admit(self.datacentre, request, EXTF_SCOPE)
        company = company_of(self.datacentre, request, session)
        job = self.datacentre.jobs.get(request.path_params["job_id"])
        if job is None or job.client_id != company.id:
            raise Refusal(problem(self.datacentre, 404, "Not Found"))
        job.polls += 1
        return json_answer(job.show(self.datacentre))

    def _visible(self, company: Company) -> Sequence[Job]:
        """Newest first: a job that arrives between two pages shifts the later ones (datev.md 4)."""
        delay = timedelta(seconds=self.datacentre.behaviour.listed_after_s)
        now = self.datacentre.now()
        mine = [job for job in list(self.datacentre.jobs.values()) if job.client_id == company.id]
        return [job for job in reversed(mine) if now >= job.received_at + delay]


def page_of(datacentre: DataCentre, request: Request) -> tuple[int, int]:
    """`skip` and `top` of the query, `top` capped at 100; `Refusal` 400 1008828 when they are no positive integers."""
    numbers = {"skip": 0, "top": LARGEST_PAGE}
    wrong = []
    for name, lowest in (("skip", 0), ("top", 1)):
        text = request.query_params.get(name)
        if text is None:
            continue
        if not (text.isascii() and text.isdigit()) or int(text) < lowest:
            wrong.append((name, "Must be a positive integer"))
        else:
            numbers[name] = int(text)
    if wrong:
        title, detail = "Invalid query parameters", "Paging parameters are invalid"
        raise Refusal(problem(datacentre, 400, title, code="1008828", detail=detail, affected=wrong))
    return numbers["skip"], min(numbers["top"], LARGEST_PAGE)


def page_headers(skip: int, top: int, total: int) -> dict[str, str]:
    """`Total-Items` and `Link`; the links are bare query strings without any filter (datev.md 2.1)."""
    links = []
    if skip > 0:
        links.append(f'<?skip={max(0, skip - top)}&top={top}>;rel="prev"')
    if skip + top < total:
        links.append(f'<?skip={skip + top}&top={top}>;rel="next"')
    headers = {"total-items": str(total)}
    if links:
        headers["link"] = ", ".join(links)
    return headers


def add_foreign_job(datacentre: DataCentre, company: Company) -> Job:
    """A job of another vendor's software: it takes a place in the list and never reaches our books."""
    job = Job(
        id=datacentre.new_uuid(),
        client_id=company.id,
        filename=f"EXTF_Kasse_{len(datacentre.jobs) + 1}.csv",
        reference_id="",
        received_at=datacentre.now(),
        content=b"",
        facts={"data_category_id": 21, "client_application_vendor": "Kassenhaus GmbH"},
        own=False,
    )
    datacentre.jobs[job.id] = job
    return job


def shortened(label: str) -> str:
    """A label of more than 250 characters is cut and ends with three dots (datev.md 2.2)."""
    return label if len(label) <= LONGEST_LABEL else label[: LONGEST_LABEL - 3] + "..."


def _ready_at(job: Job, datacentre: DataCentre) -> datetime:
    return job.received_at + timedelta(seconds=datacentre.behaviour.pending_s)


def _details(verdict: Verdict) -> dict[str, Any]:
    details: dict[str, Any] = {"type": HELP + verdict.code, "title": verdict.title}
    if verdict.detail:
        details["detail"] = verdict.detail
    if verdict.affected:
        details["affected_elements"] = [{"name": name, "reason": reason} for name, reason in verdict.affected]
    return details
