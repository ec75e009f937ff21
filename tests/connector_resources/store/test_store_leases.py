"""Leases: one holder at a time, a fence that only grows, and a crash that frees the name after its time."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from connector_resources.errors import LeaseBusy, LeaseLost, StoreError
from connector_resources.store.store import Store

HOLD_AND_DIE = """
with store.leases.hold("erp", ttl_s=1):
    os._exit(9)
"""


def test_a_lease_that_is_held_is_busy_for_everyone_else(store):
    with store.leases.hold("erp", ttl_s=60):
        with (
            pytest.raises(LeaseBusy, match="another process is at work on erp") as error,
            store.leases.hold("erp", ttl_s=60),
        ):
            pytest.fail("two holders at once")
        with store.leases.hold("another", ttl_s=60) as other:
            assert other.fence == 1

    assert isinstance(error.value, StoreError)
    assert error.value.next_step


def test_the_fence_grows_with_every_holder(store):
    fences = []
    for _ in range(3):
        with store.leases.hold("erp", ttl_s=60) as lease:
            fences.append(lease.fence)

    assert fences == [1, 2, 3]


def test_a_lease_is_free_again_after_an_error_inside(store):
    with pytest.raises(RuntimeError), store.leases.hold("erp", ttl_s=60):
        raise RuntimeError("stop")

    with store.leases.hold("erp", ttl_s=60) as lease:
        assert lease.fence == 2


def test_waiting_gets_the_lease_when_its_holder_runs_out_of_time(store, clock, make):
    with store.leases.hold("erp", ttl_s=5) as slow, store.leases.hold("erp", ttl_s=60, wait_s=10) as quick:
        assert quick.fence == slow.fence + 1
        assert 5 <= (clock() - make.start).total_seconds() < 5.5
        with pytest.raises(LeaseLost, match="taken over erp"):
            slow.renew()
        quick.renew()


def test_a_late_holder_does_not_release_its_successors_lease(store, clock):
    with store.leases.hold("erp", ttl_s=5):
        clock.advance(6)
        late = store.leases.hold("erp", ttl_s=60)
        late.__enter__()

    with pytest.raises(LeaseBusy), store.leases.hold("erp", ttl_s=60):
        pytest.fail("the successor's lease was released")
    late.__exit__(None, None, None)


def test_renewing_keeps_the_lease(store, clock):
    with store.leases.hold("erp", ttl_s=5) as lease:
        for _ in range(4):
            clock.advance(4)
            lease.renew()

        with pytest.raises(LeaseBusy), store.leases.hold("erp", ttl_s=5, wait_s=1):
            pytest.fail("renewed in vain")


def test_a_lease_that_ran_out_and_nobody_took_can_be_renewed(store, clock):
    with store.leases.hold("erp", ttl_s=5) as lease:
        clock.advance(60)
        lease.renew()


def test_threads_take_turns(url):
    inside, most, turns = 0, 0, []
    with Store.open(url, clock=lambda: datetime.now(UTC)) as store:

        def work() -> None:
            nonlocal inside, most
            for _ in range(3):
                with store.leases.hold("erp", ttl_s=60, wait_s=60) as lease:
                    inside += 1
                    most = max(most, inside)
                    turns.append(lease.fence)
                    inside -= 1

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert most == 1
    assert turns == list(range(1, 10))


def test_a_crash_frees_the_lease_after_its_time(url, start_python):
    process = start_python(HOLD_AND_DIE, url)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 9, errors

    with (
        Store.open(url, clock=lambda: datetime.now(UTC)) as store,
        store.leases.hold("erp", ttl_s=1, wait_s=10) as lease,
    ):
        assert lease.fence == 2


def test_who_makes_sure_of_a_lease_that_ran_out_has_it_again_before_anyone_is_let_in(store, clock):
    with store.leases.hold("erp", ttl_s=60) as lease:
        clock.advance(61)
        lease.require()
        with pytest.raises(LeaseBusy), store.leases.hold("erp", ttl_s=60):
            pytest.fail("let in beside a holder that has just made sure")
        clock.advance(29)
        lease.require()
        clock.advance(30)
        with pytest.raises(LeaseBusy), store.leases.hold("erp", ttl_s=60):
            pytest.fail("half of its time was promised")


def test_who_makes_sure_of_a_lease_that_was_taken_over_learns_it(store, clock):
    with store.leases.hold("erp", ttl_s=60) as late:
        clock.advance(61)
        with store.leases.hold("erp", ttl_s=60), pytest.raises(LeaseLost):
            late.require()
