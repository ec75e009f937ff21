"""The model of the posting protocol, searched whole: two workers, up to two faults each, at every step."""

from __future__ import annotations

import pytest

from tests.model.posting_model import Bounds, Searched, State, Worker, search, steps_of

#: two workers with one fault and three runs each, and with two faults each.
SEARCHES = {"one_fault_each": Bounds(faults=1, runs=3), "two_faults_each": Bounds(faults=2, runs=3)}


@pytest.fixture(scope="module", params=list(SEARCHES))
def searched(request: pytest.FixtureRequest) -> Searched:
    return search(SEARCHES[request.param])


def shortest(searched: Searched, states: list[State]) -> list[str]:
    """The shortest way to one of `states`, to be read in the message of a failed test."""
    return min((searched.way_to(state) for state in states), key=len, default=[])


def test_no_way_leads_to_two_documents(searched: Searched) -> None:
    assert len(searched.came_from) > 4_000
    assert shortest(searched, [state for state in searched.came_from if state.documents > 1]) == []


def test_what_the_books_call_posted_is_there(searched: Searched) -> None:
    wrong = [s for s in searched.came_from if s.books.submission == "posted" and s.documents != 1]
    assert shortest(searched, wrong) == []


def test_nothing_that_was_begun_is_left_behind(searched: Searched) -> None:
    """Neither under a name that the books have forgotten, nor while they say that nothing of it is there."""
    wrong = [
        state
        for state in searched.came_from
        if state.orphans or (state.draft and state.books.submission not in ("claimed", "unknown", "parked"))
    ]
    assert shortest(searched, wrong) == []
    assert any(state.draft for state in searched.came_from)


def test_what_surely_did_not_happen_did_not(searched: Searched) -> None:
    """Nobody is about to send, nothing travels, and the books say that it may be sent."""
    wrong = [
        state
        for state in searched.came_from
        if state.books.submission in ("absent", "not_sent", "rejected")
        and state.documents
        and not state.wire
        and all(worker.at in ("idle", "ends") for worker in state.workers)
    ]
    assert shortest(searched, wrong) == []


def test_from_everywhere_one_undisturbed_run_ends_it(searched: Searched) -> None:
    """Posted with its document, or held for a person; whatever has happened before, and whoever holds what.

    What was begun is finished by it, or a person has been told of it.
    """
    resting = [
        state
        for state in searched.came_from
        if not state.wire and state.holder is None and all(worker.at == "idle" for worker in state.workers)
    ]
    assert len(resting) > 50
    for state in resting:
        for after in ends_of_one_run(state):
            settled = (after.books.posting, after.documents, after.draft) == ("posted", 1, False)
            assert settled or after.books.posting == "held", (searched.way_to(state), after)
            assert after.holder is None


def ends_of_one_run(state: State) -> list[State]:
    """How a run of the first worker alone may end, in which nothing goes wrong."""
    first = Worker(faults=0, runs=1)
    left = [state._replace(workers=(first, state.workers[1]._replace(faults=0, runs=0)), releases=0)]
    ends: list[State] = []
    while left:
        here = left.pop()
        steps = list(steps_of(here, Bounds(faults=0)))
        left += [step.after for step in steps]
        ends += [] if steps else [here]
    return ends


@pytest.mark.parametrize("dropped", ["lag", "pause"])
def test_without_one_of_its_assumptions_the_search_finds_the_double_posting(dropped: str) -> None:
    found = search(Bounds(faults=1, runs=2, lag=dropped != "lag", pause=dropped != "pause"))
    way = shortest(found, [state for state in found.came_from if state.documents > 1])
    assert 8 <= len(way) <= 16
    assert sum("sends" in step or "lands" in step or "dies while" in step for step in way) >= 2


def test_without_its_rule_on_what_was_begun_the_search_finds_the_draft_that_stays_behind() -> None:
    found = search(Bounds(faults=1, runs=2, begun=False))
    way = shortest(found, [state for state in found.came_from if state.orphans])
    assert "0 is held up half-way" in way
    assert not any("dies" in step or "releases" in step for step in way)
