"""Release, void and reverse: carry the action out now, later, in the background, or fail it, as the company is told to.

Section 2.5: `actionResult` is Done, Failed, InProcess or Queued inside a 200, or the answer is a 202 with a job.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sandbox.visma import background, etags
from sandbox.visma.calls import Answer, Call
from sandbox.visma.records import Stamped
from sandbox.visma.refusals import Refusal

if TYPE_CHECKING:
    from sandbox.visma.company import Company

#: what `Company.action_answers` may hold.
ANSWERS = ("done", "failed", "in_process", "accepted")


def act(
    company: Company, call: Call, perform: Callable[[], Stamped], payload: Callable[[], dict[str, Any]] = dict
) -> Answer:
    """Run `perform`, which returns the changed document; `payload` adds the fields that this action's answer has."""
    mode = company.action_answers.popleft() if company.action_answers else "done"
    if mode == "accepted":
        return background.queue(company, call, lambda: _done(company, perform, payload))
    if mode == "failed":
        return Answer(payload=_result(company, "Failed", "The action could not be completed.", {}))
    if mode == "in_process":
        company.later(lambda: _attempt(company, perform))
        return Answer(payload=_result(company, "InProcess", None, {}))
    return _done(company, perform, payload)


def _done(company: Company, perform: Callable[[], Stamped], payload: Callable[[], dict[str, Any]]) -> Answer:
    record = perform()
    return Answer(payload=_result(company, "Done", None, payload()), etag=etags.etag(record))


def _attempt(company: Company, perform: Callable[[], Stamped]) -> None:
    """An action answered `InProcess` that is refused later leaves the document as it was; only the log knows why."""
    try:
        perform()
    except Refusal as refusal:
        company.failed_actions.append(str(refusal))


def _result(company: Company, outcome: str, error: str | None, extra: dict[str, Any]) -> dict[str, Any]:
    return {**extra, "actionId": company.new_id(), "actionResult": outcome, "errorInfo": error}
