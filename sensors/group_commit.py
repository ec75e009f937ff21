"""What comes while transactions are under way goes into the next one together: one commit for all who wait.

It knows neither webhooks nor the database; whoever waits is answered only after the work that held his item has ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from starlette.concurrency import run_in_threadpool

Item = TypeVar("Item")

#: so many items at most are worked on together, so that the first of them is not kept waiting by the last.
MOST_TOGETHER = 32
#: while one call waits for the disk, another one looks at what came meanwhile.
CALLS_AT_ONCE = 2


class GroupCommit(Generic[Item]):
    """Hands items to `work` in threads, `calls` at a time, in the order in which they came.

    `work` answers with one entry an item: None, or the error that whoever waits for that item gets. What it raises, all of the
    call get.
    """

    def __init__(
        self, work: Callable[[Sequence[Item]], Sequence[Exception | None]], calls: int = CALLS_AT_ONCE
    ) -> None:
        self._work = work
        self._calls = calls
        self._waiting: list[tuple[Item, asyncio.Future[None]]] = []
        self._at_work: set[asyncio.Task[None] | None] = set()

    async def add(self, item: Item) -> None:
        """Returns when the item's work is done. Raises what became of it."""
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        if len(self._at_work) < self._calls:
            self._at_work.add(asyncio.create_task(self._work_off()))
        await done

    async def _work_off(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[:MOST_TOGETHER], self._waiting[MOST_TOGETHER:]
            errors: Sequence[Exception | None]
            try:
                errors = await run_in_threadpool(self._work, [item for item, _ in group])
            except Exception as raised:  # noqa: BLE001 - whoever waits gets it, whatever it is
                errors = [raised] * len(group)
            for (_, done), error in zip(group, errors, strict=True):
                if done.done():
                    continue
                if error is None:
                    done.set_result(None)
                else:
                    done.set_exception(error)
        # Here and not when the task is done: who comes in between would find all at work, and nobody would see him.
        self._at_work.discard(asyncio.current_task())
