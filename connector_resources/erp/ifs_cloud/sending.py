"""One write to IFS Cloud and what its answer means: made, taken as a file, refused, doubtful, or to be planned anew (6 and 8).

A recipe is run once. A payment that is refused for some of its transactions is taken away and planned again with those in
documents of their own, so that only what cannot be booked ends up held. While a payment that was begun may still be there,
its postings are not planned again: they would come into another one, and the first would stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from connector_resources.erp.contract import (
    Accepted,
    CannotTell,
    Document,
    Outcome,
    PlannedSubmission,
    Posted,
    Rejected,
)
from connector_resources.erp.ifs_cloud import refusals
from connector_resources.erp.ifs_cloud.client import IfsCloudClient
from connector_resources.erp.ifs_cloud.documents import FILE, KINDS
from connector_resources.erp.ifs_cloud.gate import SYSTEM
from connector_resources.erp.ifs_cloud.reading import SnapshotReader
from connector_resources.erp.ifs_cloud.rendering import BadRecipe, Run, fill
from connector_resources.erp.ifs_cloud.running import (
    ChangedMeanwhile,
    DraftLeft,
    RefusedPostings,
    Runner,
    name_of,
    resumable,
)
from connector_resources.erp.ifs_cloud.settings import IfsCloudSettings
from connector_resources.errors import (
    ConfigurationError,
    NotSent,
    PermissionRefused,
    Refused,
    StaleVersion,
    Uncertain,
)

#: how often in one run a document is taken apart: a refusal that is nobody's fault alone must not be met a hundred times.
MOST_DIVISIONS = 12
#: how soon a file is asked for again.
POLL_AFTER_S = 5.0


class Sender:
    """Sends planned requests. `alone` holds the postings that were refused among others, with the reason."""

    def __init__(
        self, client: IfsCloudClient, settings: IfsCloudSettings, reader: SnapshotReader, *, connection: str
    ) -> None:
        self._settings = settings
        self._reader = reader
        self._connection = connection
        self._runner = Runner(client, connection=connection)
        self.alone: dict[str, str] = {}
        self._divisions = 0

    def submit(self, planned: PlannedSubmission) -> Outcome | CannotTell:
        """Raises `NotSent` or `Uncertain`; everything else IFS says is an outcome."""
        run = Run.from_bytes(planned.body)
        try:
            saved = self._runner.run(run)
        except RefusedPostings as refused:
            return self._divided(planned, refused)
        except (ChangedMeanwhile, DraftLeft) as problem:
            if resumable(run):
                return CannotTell(
                    f"{planned.summary}: {problem}. Nothing of it is booked. Look at {name_of(run)} in IFS Cloud: mend it and "
                    "it is gone on with, or cancel it and the payment is made anew; then release its postings together."
                )
            return Rejected(
                "changed_meanwhile",
                f"{planned.summary}: {problem}. Nothing was overwritten.",
                "Look at it in IFS Cloud, then release the posting.",
            )
        except PermissionRefused as error:
            raise self._forbidden(planned, error) from error
        except Refused as error:
            return self._refused(planned, run, error)
        except BadRecipe as problem:
            raise ConfigurationError(
                f"The recipe {run.recipe} cannot be run: {problem}.",
                connection=self._connection,
                next_step="correct recipes in the connection file.",
            ) from problem
        return _outcome(run, saved)

    def _divided(self, planned: PlannedSubmission, refused: RefusedPostings) -> Outcome:
        """The refused ones get documents of their own; a posting that was alone is refused for good."""
        answers = {key: refusals.rejected(error, planned.summary) for key, error in refused.refused.items()}
        if len(planned.posting_keys) == 1 or self._divisions >= MOST_DIVISIONS:
            return next(iter(answers.values()))
        self._divisions += 1
        self.alone.update({key: answer.reason for key, answer in answers.items()})
        raise StaleVersion(
            f"{planned.summary}: {len(answers)} of its transactions were refused, the first one: "
            f"{next(iter(answers.values())).reason} The others are planned again without them.",
            system=SYSTEM,
            connection=self._connection,
            subject=planned.reference,
        )

    def _refused(self, planned: PlannedSubmission, run: Run, error: Refused) -> Rejected:
        if refusals.is_duplicate(error):
            raise Uncertain(
                f"IFS Cloud says that {planned.summary} exists already; it is looked up.",
                system=SYSTEM,
                status=error.status,
                connection=self._connection,
                subject=planned.reference,
            ) from error
        refusal = refusals.rejected(error, planned.summary)
        if refusal.code == "period_closed" and self._settings.closed_period == "next_open_period":
            self._reader.closed(str(run.facts["company"]), date.fromisoformat(str(run.facts["date"])))
            raise StaleVersion(
                f"{refusal.reason} It is planned again in the next open period.",
                system=SYSTEM,
                connection=self._connection,
                subject=planned.reference,
                next_step="open the period, or see why no later one is open for the user group.",
            ) from error
        return refusal

    def _forbidden(self, planned: PlannedSubmission, error: PermissionRefused) -> NotSent:
        refused = NotSent(
            f"IFS Cloud does not allow {planned.summary} (403 {error.code}).",
            system=SYSTEM,
            status=403,
            code=error.code,
            connection=self._connection,
            subject=planned.reference,
            next_step=f"grant the projection to the service user, then `connector ping {self._connection}`.",
        )
        refused.response = error.response
        return refused


def _outcome(run: Run, saved: Mapping[str, Any]) -> Outcome:
    number = fill(run.number, saved)
    kind = KINDS[run.recipe]
    if kind == FILE:
        return Accepted(number, POLL_AFTER_S)
    return Posted(Document(kind, number, details=details_of(run)))


def details_of(run: Run) -> dict[str, str]:
    """What a read-back needs besides the number."""
    kept = ("company", "currency", "date", "batch", "file")
    details = {name: str(run.facts[name]) for name in kept if run.facts.get(name)}
    lines = run.facts.get("lines")
    return {**details, "lines": str(len(lines))} if lines else details
