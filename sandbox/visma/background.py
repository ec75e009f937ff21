"""The background API: requests queued by `erp-api-background`, their state, and their content (section 2.11)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sandbox.visma import formats
from sandbox.visma.calls import Answer, Call
from sandbox.visma.refusals import Forbidden, Gone, Malformed, Refusal, Unknown

if TYPE_CHECKING:
    from sandbox.visma.company import Company

CONTENT_LIFETIME = timedelta(hours=24)


@dataclass(slots=True)
class Job:
    """One queued request. `answer` is there once it is Finished; a Failed one has `error` instead."""

    id: str
    client_id: str
    original_uri: str
    has_request_content: bool
    received_at: datetime
    base_url: str
    notify: bool
    extra_headers: dict[str, str]
    status: str = "Started"
    status_code: int = 0
    finished_at: datetime | None = None
    error: str = ""
    payload: bytes = b""
    response_headers: dict[str, str] = field(default_factory=dict)


def wanted(call: Call) -> bool:
    """Whether the request asks to be queued. Raises `Malformed` for a header value that is no longer supported."""
    value = call.headers.get("erp-api-background")
    if value is None:
        return False
    if value == "none" or value == "subscription" or value.startswith("subscription:"):
        return True
    raise Malformed(f"The value '{value}' of erp-api-background is not supported.")


def queue(company: Company, call: Call, run: Callable[[], Answer]) -> Answer:
    """202 with the job's id; `run` is carried out after the next requests have come in."""
    header = call.headers.get("erp-api-background", "none")
    job = Job(
        company.new_id(),
        call.client_id,
        call.url,
        bool(call.body),
        company.clock.now(),
        call.base_url,
        notify=header.startswith("subscription"),
        extra_headers=dict(pair.split("=", 1) for pair in header.partition(":")[2].split(",") if "=" in pair),
    )
    company.jobs[job.id] = job
    company.later(lambda: _run(company, job, run))
    state = f"{company.switches.location_base or call.base_url}/v1/background/{job.id}"
    return Answer(202, {"id": job.id, "stateLocation": state}, location=f"/v1/background/{job.id}")


def _run(company: Company, job: Job, run: Callable[[], Answer]) -> None:
    job.finished_at = company.clock.now()
    if company.job_outcomes and company.job_outcomes.popleft() == "failed":
        job.status, job.error = "Failed", "The background operation was aborted."
    else:
        _finish(company, job, run)
    if job.notify:
        payload = {"jobId": job.id, "status": job.status, "statusCode": job.status_code}
        company.webhooks.emit("BACKGROUND_API_RESPONSE", payload, job.extra_headers)


def _finish(company: Company, job: Job, run: Callable[[], Answer]) -> None:
    """A refused request is a *finished* job with the refusal's status code: the trap of section 2.11."""
    job.status = "Finished"
    try:
        answer = run()
    except Refusal as refusal:
        job.status_code = refusal.status
        body = refusal.body(company.new_id())
        job.payload = b"" if body is None else formats.dumps(body)
        return
    job.status_code = answer.status
    job.payload = b"" if answer.payload is None else formats.dumps(answer.payload)
    if answer.location:
        job.response_headers["Location"] = (company.switches.location_base or job.base_url) + answer.location
    if answer.etag:
        job.response_headers["ETag"] = answer.etag


def get_job(company: Company, call: Call) -> Answer:
    job = _job(company, call)
    return Answer(
        payload={
            "id": job.id,
            "status": job.status,
            "statusCode": job.status_code,
            "receivedUtc": formats.offset_stamp(job.received_at),
            "startedUtc": formats.offset_stamp(job.received_at),
            "finishedUtc": formats.offset_stamp(job.finished_at) if job.finished_at else None,
            "webhookAddress": None,
            "errorMessage": job.error or None,
            "reference": None,
            "originalUri": job.original_uri,
            "hasResponseContent": bool(job.payload),
            "hasRequestContent": job.has_request_content,
            "contentLocation": f"{company.switches.location_base or job.base_url}/v1/background/{job.id}/content",
            "responseHeaders": job.response_headers,
        }
    )


def get_content(company: Company, call: Call) -> Answer:
    """The body the request would have had. 410 after a day; 404 while there is none."""
    job = _job(company, call)
    expired = job.finished_at is not None and company.clock.now() > job.finished_at + CONTENT_LIFETIME
    if company.switches.background_content_gone or expired:
        raise Gone("The content is no longer available.")
    if not job.payload:
        raise Unknown("The background operation has no content.")
    return Answer(job.status_code if job.status_code < 400 else 200, content=job.payload)


def _job(company: Company, call: Call) -> Job:
    job = company.jobs.get(call.path["id"].lower())
    if job is None:
        raise Unknown(f"Background operation '{call.path['id']}' was not found.")
    if job.client_id != call.client_id or call.blind:
        raise Forbidden("The background operation belongs to another company or user.")
    return job
