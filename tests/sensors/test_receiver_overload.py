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


def test_who_is_refused_is_told_so_and_takes_nobody_along(post: Any, say: SimpleNamespace) -> None:
    good = [say.body(say.event(f"EV{n}")) for n in range(6)]
    with ThreadPoolExecutor(max_workers=12) as pool:
        with post.runtime.store.database.write():
            # The first is at work and waits; the others come together into the next transaction.
            first = pool.submit(post.signed, say.body(say.event("EVfirst")))
            signed = [pool.submit(post.signed, body) for body in good]
            forged = [pool.submit(post.signed, body, secret="another") for body in good]
            garbage = [pool.submit(post.signed, b"[]") for _ in range(3)]
            wait_until(lambda: not any(answer.done() for answer in [first, *signed, *forged, *garbage]))
        told = [[answer.result().status_code for answer in answers] for answers in (signed, forged, garbage)]

    assert first.result().status_code == 204
    assert told == [[204] * 6, [401] * 6, [400] * 3]
    assert post.rows() == (7, 7)


def test_when_the_database_refuses_all_who_waited_are_told_to_come_again(post: Any, say: SimpleNamespace) -> None:
    away = "ALTER TABLE inbox_deliveries RENAME TO away"
    back = "ALTER TABLE away RENAME TO inbox_deliveries"
    bodies = [say.body(say.event(f"EV{n}")) for n in range(6)]
    with post.runtime.store.begin() as transaction:
        transaction.exec_driver_sql(away)
    with ThreadPoolExecutor(max_workers=6) as pool:
        refused = [answer.status_code for answer in pool.map(post.signed, bodies)]
    with post.runtime.store.begin() as transaction:
        transaction.exec_driver_sql(back)

    assert refused == [503] * 6
    assert post.rows() == (0, 0)
    assert {post.signed(body).status_code for body in bodies} == {204}
    assert post.events() == 6


class BrokenOff(Exception):
    pass


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)
