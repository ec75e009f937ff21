"""More webhooks than the receiver can take: it sheds with 503, and a batch is stored whole or not at all."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
import requests

EVENTS = 250
BUSY = 3
SENDERS = 8
PATIENCE_S = 60


def test_what_is_shed_is_not_stored_and_what_is_accepted_is_stored_whole(door: Any, say: SimpleNamespace) -> None:
    bodies = [say.body(*(say.event(f"EV{sender}x{n}") for n in range(EVENTS))) for sender in range(SENDERS)]

    with door(busy=BUSY) as post, ThreadPoolExecutor(max_workers=SENDERS) as pool:
        with post.runtime.store.database.write():
            # Nobody else can write: who is let in waits here, and the others find the receiver busy.
            sent = [pool.submit(post.signed, body) for body in bodies]
            wait_until(lambda: any(answer.done() for answer in sent))
        answers = [answer.result() for answer in sent]
        accepted = [answer.status_code for answer in answers].count(204)

        assert {answer.status_code for answer in answers} == {204, 503}
        assert accepted <= BUSY
        assert post.rows() == (accepted, accepted * EVENTS)

        # As GoCardless does with whatever was not accepted, and sometimes with what was.
        for body in bodies:
            wait_until(lambda body=body: post.signed(body).status_code == 204)
        assert post.events() == SENDERS * EVENTS
        assert post.runtime.store.trail.verify("nordic").ok


def test_a_sender_who_breaks_off_leaves_nothing_of_its_batch(door: Any, say: SimpleNamespace) -> None:
    body = say.body(*(say.event(f"EV{n}") for n in range(EVENTS)))

    def half() -> Any:
        yield body[: len(body) // 2]
        raise BrokenOff

    with door() as post:
        address, signed = f"{post.address}/webhooks/gocardless/nordic", {"Webhook-Signature": say.signature(body)}
        with pytest.raises(BrokenOff):
            requests.post(address, data=half(), headers=signed, timeout=20)
        assert post.signed(body).status_code == 204
        assert post.rows() == (1, EVENTS)


class BrokenOff(Exception):
    pass


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)
