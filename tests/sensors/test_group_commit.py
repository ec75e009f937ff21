"""Group commit: few calls of the work at a time, all who came meanwhile in the next one, each with his own outcome."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from sensors.group_commit import MOST_TOGETHER, GroupCommit


class Slow:
    """Work that stands still until it is told to go on; it notes what it was given together."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.begun, self.go_on = threading.Semaphore(0), threading.Semaphore(0)

    def __call__(self, items: Sequence[int]) -> list[Exception | None]:
        self.groups.append(list(items))
        self.begun.release()
        assert self.go_on.acquire(timeout=60)
        return [ValueError(str(item)) if item < 0 else None for item in items]


async def all_of(work: Slow, first: int, *others: int) -> list[object]:
    """What each of them got, when the others came while the first was worked on."""
    group = GroupCommit(work, calls=1)
    tasks = [asyncio.ensure_future(group.add(first))]
    await asyncio.to_thread(work.begun.acquire)
    tasks += [asyncio.ensure_future(group.add(other)) for other in others]
    await asyncio.sleep(0)
    for _ in range(1 + len(others)):
        work.go_on.release()
    return await asyncio.gather(*tasks, return_exceptions=True)


def test_who_comes_while_the_work_is_under_way_is_in_the_next_one() -> None:
    work = Slow()
    assert asyncio.run(all_of(work, 1, 2, 3, 4)) == [None] * 4
    assert work.groups == [[1], [2, 3, 4]]


def test_each_gets_his_own_error() -> None:
    outcomes = asyncio.run(all_of(Slow(), 1, -2, 3, -4))
    assert [str(each) if each else None for each in outcomes] == [None, "-2", None, "-4"]


def test_more_than_fit_are_worked_on_in_several_turns_in_order() -> None:
    work = Slow()
    items = list(range(1, MOST_TOGETHER + 6))
    asyncio.run(all_of(work, 0, *items))
    assert work.groups == [[0], items[:MOST_TOGETHER], items[MOST_TOGETHER:]]


def test_what_the_work_raises_everybody_of_that_call_gets_and_the_next_call_is_made() -> None:
    calls = []

    def work(items: Sequence[int]) -> list[Exception | None]:
        calls.append(list(items))
        if len(calls) == 1:
            raise OSError("the disk is away")
        return [None] * len(items)

    async def twice() -> None:
        group = GroupCommit(work, calls=1)
        with pytest.raises(OSError, match="away"):
            await group.add(1)
        await group.add(2)

    asyncio.run(twice())
    assert calls == [[1], [2]]


def test_who_stops_waiting_leaves_the_others_theirs() -> None:
    async def one_leaves() -> object:
        work = Slow()
        group = GroupCommit(work, calls=1)
        leaving, staying = (asyncio.ensure_future(group.add(item)) for item in (1, 2))
        await asyncio.to_thread(work.begun.acquire)
        leaving.cancel()
        work.go_on.release()
        return await asyncio.gather(leaving, staying, return_exceptions=True)

    left, stayed = asyncio.run(one_leaves())  # type: ignore[misc]
    assert isinstance(left, asyncio.CancelledError)
    assert stayed is None


def test_another_call_is_made_while_one_waits_but_not_a_third() -> None:
    async def three_come() -> list[list[int]]:
        work = Slow()
        group = GroupCommit(work, calls=2)
        tasks = []
        for item in (1, 2):
            tasks.append(asyncio.ensure_future(group.add(item)))
            await asyncio.to_thread(work.begun.acquire)
        tasks += [asyncio.ensure_future(group.add(item)) for item in (3, 4)]
        await asyncio.sleep(0)
        begun = list(work.groups)
        for _ in range(3):
            work.go_on.release()
        await asyncio.gather(*tasks)
        return [*begun, work.groups[-1]]

    assert asyncio.run(three_come()) == [[1], [2], [3, 4]]
