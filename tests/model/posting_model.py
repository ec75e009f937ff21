"""The posting protocol as a state machine that can be searched whole: one posting, two workers, a wire and an ERP.

It says again, in small steps, what DESIGN section 5 promises; it shares no code with the implementation. Every step is
atomic: a commit, a send, a look-up, a death. Time enters by two assumptions, each of which can be dropped to see that
the search then finds the double posting that it prevents:

- `lag`    a request that was not answered lands, or is lost, before a look-up of it is believed (`Traits.read_lag_s`);
- `pause`  a worker that has just made sure of its lease sends within the lease's time (`LEASE_TTL_S`, heartbeat).

A document may be built by several writes, and the posting may be sent along with others, each time with others. So a send may
leave a draft, which only the same request, with the same postings, goes on with. One rule can be dropped to see that the
search then finds the draft that stays behind for ever:

- `begun`  what was begun is never planned anew while its draft is there: it is sent again in one commit with its write-off.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

MAX_ATTEMPTS = 3
WORKERS = (0, 1)
#: operations that are one commit: written off by a look-up, and claimed with the same bytes.
SENT_AGAIN = "settle absent, claim"


class Books(NamedTuple):
    """What the store has committed of the posting and its submission; "" while there is no submission."""

    posting: str = "pending"
    submission: str = ""
    attempts: int = 0


class Worker(NamedTuple):
    """Where a process is in its run: `at` names what it does next; `fence` is that of the lease it believes to hold."""

    at: str = "idle"
    fence: int = 0
    faults: int = 1
    runs: int = 2


class State(NamedTuple):
    """Everything there is. `wire` counts requests that left and have neither landed nor been lost."""

    books: Books
    workers: tuple[Worker, Worker]
    fence: int = 0
    holder: int | None = None
    wire: int = 0
    documents: int = 0
    releases: int = 1
    #: unfinished documents: that of the books' request, and those of requests that the books know no more.
    draft: bool = False
    orphans: int = 0
    #: False once a person has withdrawn one of the postings that it was sent with.
    whole: bool = True


class Step(NamedTuple):
    """One move. `operation` names the store's operation when it commits one; `fault` when it costs a fault."""

    name: str
    after: State
    operation: str = ""
    fault: bool = False


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far the search goes, and which assumptions hold."""

    faults: int = 1
    runs: int = 2
    releases: int = 1
    lag: bool = True
    pause: bool = True
    begun: bool = True

    def start(self) -> State:
        worker = Worker(faults=self.faults, runs=self.runs)
        return State(Books(), (worker, worker), releases=self.releases)


@dataclass(slots=True)
class Searched:
    """Every reachable state with one step that led to it first, and every way the books moved."""

    came_from: dict[State, tuple[State, str] | None] = field(default_factory=dict)
    moves: set[tuple[Books, str, Books]] = field(default_factory=set)
    ends: list[State] = field(default_factory=list)

    def way_to(self, state: State) -> list[str]:
        """The names of the steps from the start to `state`."""
        names: list[str] = []
        while (origin := self.came_from[state]) is not None:
            state, name = origin
            names.append(name)
        return names[::-1]


def search(bounds: Bounds) -> Searched:
    """Every state that can be reached, breadth first."""
    start = bounds.start()
    found = Searched({start: None})
    queue = deque([start])
    while queue:
        state = queue.popleft()
        steps = list(steps_of(state, bounds))
        if not any(not step.fault for step in steps):
            found.ends.append(state)
        for step in steps:
            if step.operation:
                found.moves.add((state.books, step.operation, step.after.books))
            if step.after not in found.came_from:
                found.came_from[step.after] = (state, step.name)
                queue.append(step.after)
    return found


def steps_of(state: State, bounds: Bounds) -> Iterator[Step]:
    """Every move that is possible now."""
    for number in WORKERS:
        yield from _WORKER_STEPS[state.workers[number].at](state, number, bounds)
        yield from _faults(state, number, bounds)
    if state.wire:
        yield Step("the request lands", _booked(state)._replace(wire=state.wire - 1))
        yield Step("the request is lost", state._replace(wire=state.wire - 1))
    yield from _person(state)


# --- a worker's run, in its order ------------------------------------------------------------------------------------


def _idle(state: State, number: int, _bounds: Bounds) -> Iterable[Step]:
    """A run begins when the lease is free; every run takes a higher fence."""
    worker = state.workers[number]
    if state.holder is None and worker.runs:
        fence = state.fence + 1
        after = _with(state, number, at="reads", fence=fence, runs=worker.runs - 1)
        yield Step(f"{number} takes the lease", after._replace(fence=fence, holder=number))


def _reads(state: State, number: int, _bounds: Bounds) -> Iterable[Step]:
    """What the committed books ask for next."""
    books = state.books
    if books.submission in ("claimed", "unknown"):
        at = "looks_up"
    elif books.posting in ("held", "posted"):
        at = "ends"
    elif books.submission == "posted":
        at = "completes"
    else:
        at = "claims"
    yield Step(f"{number} reads: {at}", _with(state, number, at=at))


def _looks_up(state: State, number: int, bounds: Bounds) -> Iterable[Step]:
    if state.wire and bounds.lag:
        return
    if state.documents:
        yield Step(f"{number} finds the document", _with(state, number, at="adopts"))
    elif state.books.attempts >= MAX_ATTEMPTS:
        yield Step(f"{number} finds nothing again", _with(state, number, at="parks"))
    elif not state.draft or not bounds.begun:
        if state.whole:
            yield Step(f"{number} finds nothing", _with(state, number, at="sends_again"))
        yield Step(f"{number} finds nothing, and plans anew", _with(state, number, at="writes_off"))
    elif state.whole:
        yield Step(f"{number} finds a draft", _with(state, number, at="sends_again"))
    else:
        yield Step(f"{number} finds a draft for more than is wanted", _with(state, number, at="parks"))


def _sends_again(state: State, number: int, _bounds: Bounds) -> Iterable[Step]:
    books = Books("claimed", "claimed", state.books.attempts + 1)
    yield from _commit(state, number, SENT_AGAIN, books, then="makes_sure")


def _claims(state: State, number: int, _bounds: Bounds) -> Iterable[Step]:
    """Planned anew it may be sent in other company: a draft that is there is not this request's."""
    books = state.books
    attempts = {"absent": books.attempts + 1, "not_sent": books.attempts}.get(books.submission, 1)
    planned = Books("claimed", "claimed", attempts)
    anew = {"draft": False, "orphans": state.orphans + state.draft, "whole": True}
    yield from _commit(state, number, "claim", planned, then="makes_sure", **anew)


def _makes_sure(state: State, number: int, _bounds: Bounds) -> Iterable[Step]:
    """Right before a byte leaves, the lease is looked at once more, and taken again when it ran out meanwhile."""
    if state.workers[number].fence != state.fence:
        yield Step(f"{number} has lost the lease", _with(state, number, at="idle"))
    else:
        yield Step(f"{number} still has the lease", _with(state, number, at="sends")._replace(holder=number))


def _sends(state: State, number: int, _bounds: Bounds) -> Iterable[Step]:
    yield Step(f"{number} sends, answered", _with(_booked(state), number, at="settles_posted"))


def _settles(answer: str) -> Callable[[State, int, Bounds], Iterable[Step]]:
    def step(state: State, number: int, _bounds: Bounds) -> Iterable[Step]:
        held = answer in ("rejected", "parked")
        books = Books("held" if held else state.books.posting, answer, state.books.attempts)
        then = "ends" if held or answer in ("not_sent", "unknown") else "reads"
        yield from _commit(state, number, f"settle {answer}", books, then=then)

    return step


def _completes(state: State, number: int, _bounds: Bounds) -> Iterable[Step]:
    """Alone it is not fenced: the document is there, whoever says so. Along with the claim of another posting it is."""
    if state.workers[number].fence != state.fence:
        yield Step(f"{number} may not complete along with a claim", _with(state, number, at="idle"))
    if state.books.posting not in ("pending", "claimed"):
        yield Step(f"{number} is told it is settled", _with(state, number, at="ends"))
        return
    books = state.books._replace(posting="posted")
    yield Step(f"{number} completes", _with(state._replace(books=books), number, at="ends"), "complete")


def _ends(state: State, number: int, _bounds: Bounds) -> Iterable[Step]:
    after = _with(state, number, at="idle")
    mine = state.holder == number and state.workers[number].fence == state.fence
    yield Step(f"{number} ends its run", after._replace(holder=None) if mine else after)


_WORKER_STEPS: dict[str, Callable[[State, int, Bounds], Iterable[Step]]] = {
    "idle": _idle,
    "reads": _reads,
    "looks_up": _looks_up,
    "adopts": _settles("posted"),
    "writes_off": _settles("absent"),
    "parks": _settles("parked"),
    "sends_again": _sends_again,
    "claims": _claims,
    "makes_sure": _makes_sure,
    "sends": _sends,
    "settles_posted": _settles("posted"),
    "settles_rejected": _settles("rejected"),
    "settles_not_sent": _settles("not_sent"),
    "settles_unknown": _settles("unknown"),
    "completes": _completes,
    "ends": _ends,
}


# --- what goes wrong -------------------------------------------------------------------------------------------------


def _faults(state: State, number: int, bounds: Bounds) -> Iterable[Step]:
    worker = state.workers[number]
    if not worker.faults or worker.at == "idle":
        return
    hurt = _with(state, number, faults=worker.faults - 1)
    # The lease of a dead worker runs out by itself: that is the same as no holder.
    freed = hurt._replace(holder=None) if hurt.holder == number else hurt
    yield Step(f"{number} dies", _with(freed, number, at="idle"), fault=True)
    if hurt.holder == number and not (worker.at == "sends" and bounds.pause):
        yield Step(f"{number} is paused beyond its lease", freed, fault=True)
    if worker.at == "sends":
        yield from _bad_sends(hurt, number, bounds)
    if worker.at == "looks_up":
        yield Step(f"{number} cannot look up", _with(hurt, number, at="ends"), fault=True)
        yield Step(f"{number} cannot tell", _with(hurt, number, at="parks"), fault=True)


def _bad_sends(hurt: State, number: int, bounds: Bounds) -> Iterable[Step]:
    landed, travelling = _booked(hurt), hurt._replace(wire=hurt.wire + 1)
    begun = hurt._replace(draft=True)
    turned_away = "settles_unknown" if hurt.draft and bounds.begun else "settles_not_sent"
    for name, state, at in (
        ("is refused", hurt._replace(draft=False), "settles_rejected"),
        ("is refused, and so is taking the draft away", begun, "parks"),
        ("surely did not send", hurt, turned_away),
        ("is held up half-way", begun, "settles_unknown" if bounds.begun else "settles_not_sent"),
        ("dies half-way", begun._replace(holder=None), "idle"),
        ("sends, lost on the way", hurt, "settles_unknown"),
        ("sends, the answer is lost", landed, "settles_unknown"),
        ("sends, and gives up waiting", travelling, "settles_unknown"),
        ("dies after sending", landed._replace(holder=None), "idle"),
        ("dies while the request travels", travelling._replace(holder=None), "idle"),
    ):
        yield Step(f"{number} {name}", _with(state, number, at=at), fault=True)


def _person(state: State) -> Iterable[Step]:
    """A person has acted and releases the posting: what was parked is looked up again.

    Before, he may withdraw another one that it was sent with, and take away what was begun.
    """
    books = state.books
    if books.posting != "held" or not state.releases:
        return
    parked = books.submission == "parked"
    released = Books("pending", "unknown" if parked else books.submission, 0 if parked else books.attempts)
    yield Step("a person releases it", state._replace(books=released, releases=state.releases - 1), "release")
    if parked and state.whole:
        yield Step("a person withdraws another one", state._replace(whole=False))
    if parked and state.draft:
        yield Step("a person takes the draft away", state._replace(draft=False))


# --- small words -----------------------------------------------------------------------------------------------------


def _with(state: State, number: int, **changes: object) -> State:
    workers = list(state.workers)
    workers[number] = workers[number]._replace(**changes)  # type: ignore[arg-type]
    return state._replace(workers=(workers[0], workers[1]))


def _booked(state: State) -> State:
    """The document is made; what was begun of it before is finished by that."""
    return state._replace(documents=state.documents + 1, draft=False)


def _commit(state: State, number: int, operation: str, books: Books, *, then: str, **changes: object) -> Iterable[Step]:
    """A transaction that compares the fence: whoever lost the lease changes nothing and stops."""
    if state.workers[number].fence != state.fence:
        yield Step(f"{number} may not {operation}", _with(state, number, at="idle"))
        return
    after = _with(state._replace(books=books, **changes), number, at=then)  # type: ignore[arg-type]
    yield Step(f"{number}: {operation}", after, operation)
