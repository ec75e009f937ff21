"""Plays one schedule of faults against one ledger, lets the trouble end, and judges by the ledger's own books.

The books of the same business without trouble are the measure: each document once, money to the penny. What the connector
itself believes is compared as well, but proves nothing.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from connector_resources.posting.protocol import PostingProtocol
from connector_resources.store.schema import LEASES, TRAIL
from tests.faults.gocardless_lines import GOCARDLESS
from tests.faults.ledgers import LEDGERS, Documents, Line
from tests.faults.playing import Playing
from tests.faults.schedule import Schedule, draw
from tests.faults.stage import Stage, open_stage
from tests.sites import Site

#: by name; where there are several, the business's number says which of them is played.
LINES: dict[str, tuple[Line, ...]] = {**{name: (line,) for name, line in LEDGERS.items()}, "gocardless": GOCARDLESS}


@dataclass(slots=True)
class Verdict:
    """What became of one schedule. All of `lost`, `doubled`, `differing` and `wrong` must be empty."""

    erp: str
    seed: int
    lost: list[tuple[Any, ...]] = field(default_factory=list)
    doubled: list[tuple[Any, ...]] = field(default_factory=list)
    differing: list[tuple[Any, ...]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    hit: Counter[str] = field(default_factory=Counter)
    edges: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)

    @property
    def good(self) -> bool:
        return not (self.lost or self.doubled or self.differing or self.wrong)

    def compare(self, what: str, found: object, expected: object) -> None:
        if found != expected:
            self.wrong.append(f"{what}: {found} instead of {expected}")


@dataclass(frozen=True, slots=True)
class Truth:
    """The books after the same business without trouble.

    What was `undone` before it was booked may stay unbooked, document and reversal both: together they move no balance.
    """

    documents: Documents
    postings: dict[tuple[str, str, str], int]
    balances: dict[str, int]
    undone: frozenset[str]


def play(erp: str, schedule: Schedule, protocol_type: type[PostingProtocol] = PostingProtocol) -> Verdict:
    """Play `schedule` against the line `erp`, and judge."""
    line = line_of(erp, schedule.business)
    truth, stage = truth_of(line, schedule.business), stage_of(line)
    playing = Playing(erp, line, stage, schedule, protocol_type)
    playing.play()
    return _judged(playing, line, truth, schedule.seed)


def line_of(erp: str, business: int) -> Line:
    return LINES[erp][business % len(LINES[erp])]


def schedule_of(erp: str, seed: int) -> Schedule:
    """The schedule of `seed` for this line."""
    return draw(seed, "gocardless" if erp == "gocardless" else "erp")


_STAGES: dict[str, Stage] = {}
_TRUTHS: dict[tuple[str, int], Truth] = {}
_OPEN = contextlib.ExitStack()
atexit.register(_OPEN.close)


def stage_of(line: Line) -> Stage:
    """The stage of `line`, opened once a process."""
    if line.name not in _STAGES:
        home = Path(tempfile.mkdtemp(prefix="faults-"))
        _OPEN.callback(shutil.rmtree, home, ignore_errors=True)
        _STAGES[line.name] = _OPEN.enter_context(open_stage(home, line.open_site, lambda site: _opening(line, site)))
    return _STAGES[line.name]


def _opening(line: Line, site: Site) -> None:
    line.business(0).opens(site)
    left = line.run(site, "polled")
    assert left == "", left


def truth_of(line: Line, number: int) -> Truth:
    """The undisturbed books, played once a process."""
    if (line.name, number) not in _TRUTHS:
        site, played = stage_of(line).begin(), line.business(number)
        for number_of_act, act in enumerate((*played.acts, _nothing)):
            act(site)
            if number_of_act < len(played.acts):
                played.by_hand(site, number_of_act)
            left = line.run(site, "polled")
            assert (left, site.held()) == ("", {}), (line.name, left, site.held())
            site.merchant.tick(timedelta(hours=1))
        assert site.unfinished() == {}, site.unfinished()
        books, undone = line.books(site), frozenset(played.taken_back)
        _TRUTHS[line.name, number] = Truth(books.documents, site.balances(), books.balances, undone)
    return _TRUTHS[line.name, number]


def _nothing(_site: Site) -> None:
    """What is done in one run and seen in the next has its second run."""


def _judged(playing: Playing, line: Line, truth: Truth, seed: int) -> Verdict:
    site = playing.site
    verdict = Verdict(playing.erp, seed, hit=playing.hit, held=playing.held)
    books = line.books(site)
    found = books.documents
    verdict.lost = [gone for gone in (truth.documents - found).elements() if not _says(gone, truth.undone)]
    extra = [more for more in (found - truth.documents).elements() if not _is_other_way(more, found, truth)]
    verdict.doubled = [document for document in extra if document in truth.documents]
    verdict.differing = [document for document in extra if document not in truth.documents]
    verdict.compare("what the postings say", site.balances(), truth.postings)
    verdict.compare("the books' own balances", books.balances, truth.balances)
    verdict.compare("unfinished postings", site.unfinished(), {})
    verdict.compare("events without a decision", site.waiting(), [])
    verdict.compare("trail verifies", site.trail_is_whole(), True)
    verdict.compare("leases held", _leases(site), [])
    verdict.edges = _edges(site)
    return verdict


def _leases(site: Site) -> list[str]:
    with site.at.runtime.store.database.read() as reading:
        return list(reading.scalars(select(LEASES.c.name).where(LEASES.c.holder.is_not(None))))


def _edges(site: Site) -> Counter[str]:
    """Which ways the submissions and postings went, from the trail: `claimed > unknown`, …"""
    wanted = select(TRAIL.c.subject, TRAIL.c.kind).where(TRAIL.c.kind.like("submission_%")).order_by(TRAIL.c.seq)
    ways: dict[str, list[str]] = {}
    with site.at.runtime.store.database.read() as reading:
        for subject, kind in reading.execute(wanted):
            ways.setdefault(subject, ["new"]).append(kind.removeprefix("submission_"))
    found = Counter(f"{a} > {b}" for way in ways.values() for a, b in itertools.pairwise(way))
    moved = select(TRAIL.c.kind, func.count()).where(TRAIL.c.kind.in_(("held", "released"))).group_by(TRAIL.c.kind)
    with site.at.runtime.store.database.read() as reading:
        found.update({f"posting {kind}": count for kind, count in reading.execute(moved)})
    return found


def _is_other_way(document: tuple[Any, ...], found: Documents, truth: Truth) -> bool:
    """What was taken back and came again may stand once where the undisturbed books show all three steps."""
    return found[document] == 1 and document not in truth.documents and _says(document, truth.undone)


def _says(document: tuple[Any, ...], subjects: frozenset[str]) -> bool:
    """Whether a document is about one of `subjects`."""
    return any(subject in str(value) for subject in subjects for value in document)
