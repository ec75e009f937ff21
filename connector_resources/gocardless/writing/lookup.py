"""Reads what was written: "did my write happen?", by our reference, and many resources with few calls.

A payment cannot be asked for by its metadata, so lists are read and compared here (gocardless.md section 0, fact 16). The
idempotency key alone would do for a while, but it is not kept for ever; the look-up is right at any age.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from connector_resources.erp.contract import Absent, CannotTell, Document, Finding, Found, OpenSubmission
from connector_resources.errors import NotFound
from connector_resources.gocardless.client import Filter, GoCardlessClient, Json
from connector_resources.gocardless.writing.documents import (
    CREATE,
    FLOWS,
    LISTED_BY,
    NOTIFY,
    OUR_REFERENCE,
    Sent,
    differences,
    read_request,
)

#: up to so many mandates are listed one by one, and so many resources read one by one.
FEW = 8
#: how far before its claim a payment is looked for: clocks differ, and a claim may have been renewed.
REACH_BACK = timedelta(days=7)

DocumentOf = Callable[[str, Json], Document]


class Lookup:
    """Finds what became of submissions whose end is not known."""

    def __init__(self, client: GoCardlessClient, document: DocumentOf) -> None:
        self._client = client
        self._document = document

    def find(self, submissions: Sequence[OpenSubmission]) -> list[Finding]:
        """One finding per submission, in order. Raises `NotSent`, `BadAnswer`."""
        sent = [read_request(each.planned) for each in submissions]
        since = min((each.claimed_at for each in submissions), default=None)
        candidates: dict[str, list[Json]] = {}
        for resource_type in sorted({each.resource_type for each in sent if each.action == CREATE}):
            assert since is not None, resource_type
            created = [each for each in sent if each.action == CREATE and each.resource_type == resource_type]
            candidates[resource_type] = self._candidates(resource_type, created, since - REACH_BACK)
        return [
            self._created(each, candidates[each.resource_type]) if each.action == CREATE else self._changed(each)
            for each in sent
        ]

    def one(self, resource_type: str, resource_id: str) -> Json | None:
        """The resource as it is now; None when it is not there."""
        try:
            return self._client.get(resource_type, resource_id)
        except NotFound:
            return None

    def many(self, resource_type: str, ids: Collection[str], created_from: datetime | None = None) -> dict[str, Json]:
        """Those of `ids` that are there. Lists as long as a page brings more than one of them, else reads each."""
        found: dict[str, Json] = {}
        missing = set(ids)
        if len(missing) > FEW:
            for pages, page in enumerate(self._client.list_pages(resource_type, created_from=created_from), start=1):
                found.update((body["id"], body) for body in page if body["id"] in missing)
                if pages >= len(missing) - len(found):
                    break
            missing -= set(found)
        for resource_id in sorted(missing):
            body = self.one(resource_type, resource_id)
            if body is not None:
                found[resource_id] = body
        return found

    def _candidates(self, resource_type: str, created: Sequence[Sent], since: datetime) -> list[Json]:
        """What may be those asked for: of their mandates (or customers) when these are few, else all since then."""
        if resource_type not in LISTED_BY:
            return self._since(resource_type, since)
        link = LISTED_BY[resource_type]
        owners = sorted({str(each.fields["links"][link]) for each in created})
        narrowed: list[dict[str, Filter]] = [{}] if len(owners) > FEW else [{link: owner} for owner in owners]
        return [
            body
            for filters in narrowed
            for page in self._client.filtered_pages(resource_type, {**filters, "created_at": {"gte": since}})
            for body in page
        ]

    def _since(self, resource_type: str, since: datetime) -> list[Json]:
        """For lists that no time narrows, newest first. Hosted pages have no list: one more of a request harms nobody."""
        found: list[Json] = []
        for page in self._client.filtered_pages(resource_type, {}) if resource_type != FLOWS else ():
            recent = [body for body in page if datetime.fromisoformat(body["created_at"]) >= since]
            found += recent
            if len(recent) < len(page):
                break
        return found

    def _created(self, sent: Sent, candidates: Sequence[Json]) -> Finding:
        hits = [body for body in candidates if (body.get("metadata") or {}).get(OUR_REFERENCE) == sent.our_reference]
        if not hits:
            return Absent()
        ids = ", ".join(str(body["id"]) for body in hits)
        if len(hits) > 1:
            return CannotTell(
                f"GoCardless has several {sent.resource_type} with the reference {sent.our_reference}: {ids}. Undo all "
                "but one, then release the posting."
            )
        differing = differences(sent, hits[0])
        if differing:
            return CannotTell(
                f"{ids} carries the reference {sent.our_reference}, but {'; '.join(differing)}. Look at it in "
                "GoCardless, then withdraw or release the posting."
            )
        return Found(self._document(sent.resource_type, hits[0]))

    def _changed(self, sent: Sent) -> Finding:
        if sent.action == NOTIFY:
            return CannotTell(
                f"GoCardless was asked to e-mail the payer of {sent.resource_id} and did not answer. Ask the payer, or send "
                "the link from the report yourself; then withdraw the posting."
            )
        body = self.one(sent.resource_type, sent.resource_id)
        if body is None:
            return CannotTell(
                f"{sent.resource_id} is not in GoCardless any more. Look at it, then withdraw the posting."
            )
        return Absent() if differences(sent, body) else Found(self._document(sent.resource_type, body))
