"""Exactly once under pressure: many claimers at a time, a lost lease, and a process killed between claim and settle."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from connector_resources.errors import IllegalTransition, LeaseLost
from connector_resources.store.store import Store
from connector_resources.store.submissions import SettledNotSent, SettledPosted

LEASE = "posting:acme"

CLAIM_ONE = """
from connector_resources.erp.contract import PlannedSubmission
from connector_resources.errors import IllegalTransition
request = PlannedSubmission("GCEV1:" + sys.argv[2], "create", "POST", "/x", b"{}", "application/json", ("EV1:receipt",))
print("ready", flush=True)
sys.stdin.readline()
try:
    store.submissions.claim("acme", 1, [request], erp="visma")
    print("claimed")
except IllegalTransition:
    print("refused")
"""

CLAIM_AND_DIE = """
from bookkeeping.postings import PostingKind
from connector_resources.erp.contract import PlannedSubmission
with store.leases.hold("posting:acme", ttl_s=0.2) as lease:
    work = store.ledger.next_work("acme", list(PostingKind), limit=10)
    requests = [
        PlannedSubmission(w.posting.reference, "create", "POST", "/x", b'{"n": 1}', "application/json", (w.posting.key,))
        for w in work
    ]
    store.submissions.claim("acme", lease.fence, requests, erp="visma")
    os._exit(9)
"""

DIE_BEFORE_COMMIT = """
from connector_resources.erp.contract import Hold
with store.begin() as transaction:
    store.ledger.hold("acme", [Hold("EV1:receipt", "x", "y", "z")], within=transaction)
    os._exit(9)
"""


@pytest.fixture
def live(url):
    """The store on real time, for threads and processes that wait for each other."""
    with Store.open(url, clock=lambda: datetime.now(UTC)) as opened:
        yield opened


@pytest.mark.parametrize("same_reference", [True, False])
def test_of_many_threads_that_claim_a_posting_one_gets_it(live, make, same_reference):
    live.ledger.plan("acme", [make.posting(1)])
    answers: list[str] = []
    barrier = threading.Barrier(6)

    def claim(number: int) -> None:
        request = make.planned(make.posting(1), step="create" if same_reference else f"create-{number}")
        barrier.wait()
        try:
            live.submissions.claim("acme", 1, [request], erp="visma")
            answers.append("claimed")
        except IllegalTransition:
            answers.append("refused")

    threads = [threading.Thread(target=claim, args=[n]) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers) == ["claimed"] + ["refused"] * 5
    assert len(live.submissions.open("acme")) == 1
    assert live.trail.verify("acme").ok


def test_of_two_processes_that_claim_a_posting_one_gets_it(url, live, make, start_python):
    live.ledger.plan("acme", [make.posting(1)])
    processes = [start_python(CLAIM_ONE, url, str(n)) for n in range(2)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"

    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=30) for process in processes]

    assert sorted(output for output, _ in answers) == ["claimed\n", "refused\n"], answers
    assert len(live.submissions.open("acme")) == 1


def test_a_process_killed_after_its_claim_leaves_an_open_submission_with_the_bytes(url, live, make, start_python):
    live.ledger.plan("acme", [make.posting(1), make.posting(2)])
    process = start_python(CLAIM_AND_DIE, url)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 9, errors

    rows = live.submissions.open("acme")

    assert [(row.state, row.open.planned.body, row.open.attempts) for row in rows] == [("claimed", b'{"n": 1}', 1)] * 2
    assert [work.posting for row in rows for work in row.open.postings] == [make.posting(1), make.posting(2)]
    assert live.ledger.next_work("acme", [make.posting(1).kind], limit=10) == []
    assert live.trail.verify("acme").ok
    with live.leases.hold(LEASE, ttl_s=60, wait_s=10) as lease:
        live.submissions.settle("acme", lease.fence, [(rows[0].submission_id, make.settlements["absent"])])
        live.submissions.settle("acme", lease.fence, [(rows[1].submission_id, make.settlements["posted"])])
        (again,) = live.submissions.claim("acme", lease.fence, [rows[0].open.planned], erp="visma")
    assert (again.id, again.attempts) == (rows[0].submission_id, 2)


def test_a_process_killed_before_its_commit_has_done_nothing(url, live, make, start_python):
    live.ledger.plan("acme", [make.posting(1)])
    process = start_python(DIE_BEFORE_COMMIT, url)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 9, errors

    assert live.ledger.get("acme", "EV1:receipt").state == "pending"
    assert live.ledger.held("acme") == []
    assert live.trail.head("acme")[0] == 1


def test_a_holder_that_was_overtaken_can_neither_claim_nor_settle(store, books, make, clock):
    store.ledger.plan("acme", [make.posting(1), make.posting(2)])
    with store.leases.hold(LEASE, ttl_s=60) as slow:
        (row,) = store.submissions.claim("acme", slow.fence, [make.planned(make.posting(1))], erp="visma")
        clock.advance(61)
        with store.leases.hold(LEASE, ttl_s=60) as quick:
            before = store.trail.head("acme")

            with pytest.raises(LeaseLost, match=LEASE):
                store.submissions.settle("acme", slow.fence, [(row.id, make.settlements["posted"])])
            with pytest.raises(LeaseLost, match=LEASE):
                store.submissions.claim("acme", slow.fence, [make.planned(make.posting(2))], erp="visma")

            assert store.trail.head("acme") == before
            assert [open_row.state for open_row in store.submissions.open("acme")] == ["claimed"]
            store.submissions.settle("acme", quick.fence, [(row.id, make.settlements["posted"])])


def test_the_fence_of_one_connection_is_no_fence_of_another(store, make):
    store.ledger.plan("acme", [make.posting(1)])
    for _ in range(3):
        with store.leases.hold("posting:other", ttl_s=60):
            pass

    assert store.submissions.claim("acme", 1, [make.planned(make.posting(1))], erp="visma")


def test_what_claiming_answers_is_what_was_written(store, make):
    items = [make.posting(n) for n in range(1, 4)]
    store.ledger.plan("acme", items)
    (known,) = store.submissions.claim("acme", 1, [make.planned(items[0])], erp="visma")
    store.submissions.settle("acme", 1, [(known.id, SettledNotSent("turned away"))])
    requests = [make.planned(item, body=b"\x00new " + item.key.encode()) for item in items]

    rows = store.submissions.claim("acme", 2, requests, erp="visma")

    assert [row.planned for row in rows] == requests
    assert rows == [store.submissions.of_posting("acme", item.key)[-1] for item in items]
    assert rows[0].id == known.id


def test_a_large_group_is_claimed_and_settled_in_order(store, make):
    items = [make.posting(n) for n in range(1, 1202)]
    store.ledger.plan("acme", items)
    requests = [make.planned(item, body=item.key.encode()) for item in reversed(items)]

    rows = store.submissions.claim("acme", 1, requests, erp="visma")
    store.submissions.settle("acme", 1, [(row.id, SettledPosted(make.settlements["posted"].document)) for row in rows])

    assert [row.planned for row in rows] == requests
    assert store.submissions.open("acme") == []
    assert len(store.ledger.next_work("acme", [items[0].kind], limit=2000)) == 1201
    assert store.trail.verify("acme").rows == 1201 * 4
