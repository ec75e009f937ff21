"""Runs a rendered recipe: call after call, saving what IFS hands out, resuming a draft of an earlier try, taking one away.

Only the step marked `effect` books; everything before it is a draft. So a run that broke off may be started again with the
same bytes: what the first try left is recognised by our marker and not made twice, and before the effect the draft is read
back and must hold exactly what it should (ifs_cloud.md sections 2.2, 6.3 and 8). A draft that the recipe can recognise is
never left behind without a word: whoever asked is told that it is there.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from connector_resources.erp.ifs_cloud.client import IfsCloudClient
from connector_resources.erp.ifs_cloud.gate import SYSTEM
from connector_resources.erp.ifs_cloud.odata import decimal_of, problem_of
from connector_resources.erp.ifs_cloud.rendering import Call, Run, fill, fill_body
from connector_resources.errors import (
    BadAnswer,
    BrokenOff,
    ConnectorError,
    NotFound,
    NotSent,
    PermissionRefused,
    Refused,
    Uncertain,
)
from connector_resources.transport.messages import Response

log = logging.getLogger(__name__)

#: how often a version may move between the reading and the write (section 8).
STALE_TRIES = 3
STALE = frozenset({412, 428})
#: Oracle numbers that mean the same: changed or removed by another user, or in another state (section 6.2).
STALE_ORA = frozenset({20114, 20115, 20130, 20131, 20132})


class ChangedMeanwhile(Exception):
    """Somebody else changed, or may have changed, what was about to be written. Nothing was overwritten."""


class DraftLeft(Exception):
    """It was refused, and so was taking away what had been made of it."""


class RefusedPostings(Exception):
    """Some postings of a draft were refused, by key; the draft was taken away and nothing was booked."""

    def __init__(self, refused: Mapping[str, Refused]) -> None:
        self.refused = refused
        super().__init__(f"{len(refused)} refused")


class Runner:
    """Runs recipes of one connection."""

    def __init__(self, client: IfsCloudClient, *, connection: str) -> None:
        self._client = client
        self._connection = connection

    def run(self, run: Run) -> dict[str, Any]:
        """To its end; gives the saved values.

        A draft is taken away after every failure, unless the recipe can resume it: then only after a refusal, and the errors
        say that it is there, `ChangedMeanwhile` and `DraftLeft` to a person. Raises these two, `RefusedPostings`, `Refused`,
        `NotSent`, and `Uncertain`, which is `BrokenOff` where the draft waits to be gone on with.
        """
        progress = _Progress(run, self._client)
        if not resumable(run):
            try:
                return self._to_the_end(progress)
            except (ConnectorError, RefusedPostings, ChangedMeanwhile):
                self._clean_up(run, progress.saved)
                raise
        try:
            return self._to_the_end(progress)
        except (Refused, RefusedPostings) as refusal:
            self._take_away(progress, refusal)
            raise
        except NotSent as error:
            if not progress.begun:
                raise
            raise BrokenOff.by(error, name_of(progress.run)) from error

    def _to_the_end(self, progress: _Progress) -> dict[str, Any]:
        try:
            return progress.to_the_end()
        except BadAnswer as error:
            # A read between the writes: until the effect was asked for, nothing but a draft can be there.
            kind = Uncertain if progress.effect_sent else NotSent
            failed = kind(str(error), system=SYSTEM, status=error.status, subject=progress.run.number)
            failed.response = error.response
            raise failed from error

    def _clean_up(self, run: Run, saved: Mapping[str, Any]) -> None:
        """Best effort: what is left behind is temporary and harmless (section 6.3, step 4)."""
        for call in _filled(run.cleanup, saved):
            try:
                self._clean(call, saved)
            except ConnectorError as error:
                log.warning("[%s] could not %s: %s", self._connection, call.name, error)

    def _take_away(self, progress: _Progress, refusal: Exception) -> None:
        """A draft that others see is gone after this, or an error says that it may still be there."""
        for call in _filled(progress.run.cleanup, progress.saved):
            try:
                self._clean(call, progress.saved)
            except NotFound:
                continue
            except NotSent as error:
                raise BrokenOff.by(error, name_of(progress.run)) from refusal
            except Refused as error:
                raise DraftLeft(f"{refusal} It could not be taken away either: {error}") from error

    def _clean(self, call: Call, saved: Mapping[str, Any]) -> None:
        self._client.call(call.method, fill(call.path, saved), call.body, etag=call.if_match)


class _Progress:
    """One run under way."""

    def __init__(self, run: Run, client: IfsCloudClient) -> None:
        self.run = run
        self.client = client
        self.saved: dict[str, Any] = {}
        self.refused: dict[str, Refused] = {}
        self.effect_sent = False
        #: whether something of it is there: of this try or an earlier one.
        self.begun = False
        #: None until the first look-up; then whether an earlier try had begun.
        self.resumed: bool | None = None
        self.lists: dict[str, list[dict[str, Any]]] = {}

    def to_the_end(self) -> dict[str, Any]:
        for call in self.run.calls:
            if call.posting and call.posting in self.refused:
                continue
            if call.effect and self.refused:
                raise RefusedPostings(self.refused)
            if self._was_made(call):
                continue
            self._make(call)
        return self.saved

    def _make(self, call: Call) -> None:
        try:
            if call.reread:
                self._on_version(call)
            else:
                self._save(call, self._send(call, fill(call.if_match, self.saved)))
        except PermissionRefused:
            raise
        except Refused as error:
            if not call.posting:
                raise
            # The others are tried all the same, so that one pass finds every posting that is refused.
            self.refused[call.posting] = error

    # --- what an earlier try left --------------------------------------------------------------------------------------

    def _was_made(self, call: Call) -> bool:
        if not call.existing or self.resumed is False:
            return False
        path = fill(str(call.existing["path"]), self.saved)
        if path not in self.lists:
            self.lists[path] = self.client.list_at(path)
        match = {member: fill(text, self.saved) for member, text in call.existing["match"].items()}
        found = [row for row in self.lists[path] if _fits(row, match) and not _is_dead(row)]
        if self.resumed is None:
            self.resumed = bool(found)
        if found:
            self.begun = True
            self._keep(call, found[0])
        return bool(found)

    # --- sending -------------------------------------------------------------------------------------------------------

    def _send(self, call: Call, etag: str) -> Response:
        saved = self.saved
        body = None if call.body is None else fill_body(call.body, saved)
        content = fill(call.content, saved).encode() if call.content else None
        self.effect_sent = self.effect_sent or call.effect
        response = self.client.call(call.method, fill(call.path, saved), body, content, etag)
        self.begun = self.begun or call.method != "GET"
        return response

    def _on_version(self, call: Call) -> None:
        """A write on the version read right before; when that moved, read again and decide again (section 8)."""
        refused: Refused | None = None
        for _ in range(STALE_TRIES):
            entity = self.client.entity(fill(call.reread, self.saved))
            if entity is None:
                raise ChangedMeanwhile("it is not there any more")
            if self._is_done(call, entity):
                return
            self._require_unchanged(call, entity)
            self._require_draft(call)
            try:
                self._save(call, self._send(call, _version(entity)))
            except Refused as error:
                if not _is_stale(error):
                    raise
                refused = error
            else:
                return
        raise ChangedMeanwhile(f"it changed {STALE_TRIES} times while it was being written") from refused

    def _is_done(self, call: Call, entity: Mapping[str, Any]) -> bool:
        if call.done_when:
            return all(str(entity.get(member)) in values for member, values in call.done_when.items())
        if call.method != "PATCH" or not call.body:
            return False
        return all(_same(entity.get(member), value) for member, value in fill_body(call.body, self.saved).items())

    def _require_unchanged(self, call: Call, entity: Mapping[str, Any]) -> None:
        """A member that we are about to write must be as it was when the write was planned; others are left alone."""
        before = self.run.facts.get("before")
        if call.method != "PATCH" or not isinstance(before, Mapping):
            return
        moved = sorted(member for member, value in before.items() if not _same(entity.get(member), value))
        if moved:
            raise ChangedMeanwhile(f"somebody else changed {', '.join(moved)}")

    def _require_draft(self, call: Call) -> None:
        """The draft holds each of our rows once, with its amount, and nothing of anybody else's."""
        if not call.check:
            return
        wanted = {str(marker).upper(): Decimal(amount) for marker, amount in self.run.facts["lines"].items()}
        rows = self.client.list_at(fill(call.check["path"], self.saved))
        shown = Counter(first_word(row.get(call.check["marker"])) for row in rows)
        strange = sorted(marker or "without text" for marker in shown if marker not in wanted)
        if strange:
            raise ChangedMeanwhile(f"it holds {len(strange)} rows that are not ours ({strange[0]} …)")
        for row in rows:
            marker = first_word(row[call.check["marker"]])
            if shown[marker] > 1 or decimal_of(row.get(call.check["amount"])) != wanted[marker]:
                raise ChangedMeanwhile(f"its row {marker} is there {shown[marker]} times, or with another amount")
        missing = sorted(wanted.keys() - shown.keys())
        if missing:
            raise ChangedMeanwhile(f"{len(missing)} of its rows are missing ({missing[0]} …)")

    # --- answers -------------------------------------------------------------------------------------------------------

    def _save(self, call: Call, response: Response) -> None:
        if not call.save:
            return
        try:
            content = response.json()
        except ValueError:
            content = None
        self._keep(call, content if isinstance(content, dict) else {})

    def _keep(self, call: Call, row: Mapping[str, Any]) -> None:
        for name, member in call.save.items():
            value = row.get(member)
            if value is None and member != "@odata.etag":
                raise _without(call, member)
            self.saved[name] = value


def resumable(run: Run) -> bool:
    """Whether what an earlier try left is recognised and gone on with."""
    return any(call.existing for call in run.calls)


def name_of(run: Run) -> str:
    """What a person finds its draft by."""
    return f"the draft {run.facts.get('batch') or run.recipe}"


def _version(entity: Mapping[str, Any]) -> str:
    """Without a version a write would go unchecked, or count as an upsert (section 0, facts 4 and 5)."""
    found = str(entity.get("@odata.etag") or "")
    if not found:
        raise ChangedMeanwhile("IFS Cloud shows no version of it, so that a change by others could not be noticed")
    return found


def _is_stale(error: Refused) -> bool:
    problem = problem_of(error.response)
    return error.status in STALE or (problem is not None and problem.ora in STALE_ORA)


def _without(call: Call, member: str) -> ConnectorError:
    """After a read nothing happened; after a write it is not known what did."""
    kind = BadAnswer if call.method == "GET" else Uncertain
    return kind(f"IFS Cloud's answer to '{call.name}' has no {member}.", system=SYSTEM)


def _fits(row: Mapping[str, Any], match: Mapping[str, str]) -> bool:
    """First words are compared, because that is where our marker stands; some members are upper-cased (section 7.4)."""
    return all(first_word(row.get(member)) == text.upper() for member, text in match.items())


def first_word(text: object) -> str:
    """The marker at the start of a text, upper-cased; "" of an empty one."""
    return str(text or "").split(" ", 1)[0].upper()


def _is_dead(row: Mapping[str, Any]) -> bool:
    """A draft that was taken away is no draft to go on with."""
    return str(row.get("Objstate") or "") == "Cancelled"


def _same(one: object, other: object) -> bool:
    return (one if one is not None else "") == (other if other is not None else "")


def _filled(calls: Sequence[Call], saved: Mapping[str, Any]) -> list[Call]:
    """Those whose address is known: nothing was made that the others would take away."""
    return [call for call in calls if all(name in saved for name in _names(call.path))]


def _names(template: str) -> list[str]:
    return [part.split("}", 1)[0].split("|")[0] for part in template.split("{saved.")[1:]]
