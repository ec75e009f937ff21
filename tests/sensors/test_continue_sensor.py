"""The continuation sensor: a run that had to stop is followed by one that goes on, when its wait is over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from bookkeeping.postings import AccountRole, Party, PostingKind, Side
from connector_assets.factory import connection_definitions
from connector_assets.names import CONNECTION_TAG
from connector_resources.erp.contract import Complete, Hold
from connector_resources.posting.continuing import ASK_AGAIN, WAITS, Continuations
from connector_resources.runtime import Runtime
from connector_resources.settings import Settings
from connector_resources.store.customers import ALLOCATED
from sensors.continue_sensor import LEFT_OVER_WAIT, continue_sensor
from tests.given_postings import GivenPostings


@pytest.fixture
def desk(tmp_path: Path, open_home: Any, say: SimpleNamespace) -> Iterator[SimpleNamespace]:
    """`tick` evaluates the sensor once; `stop` is what a run that had to stop leaves, `plan` what a killed one does."""
    documents = {"nordic": say.document(), "german": say.document(erp=say.datev_section("https://datev.example"))}
    with open_home(tmp_path, documents) as runtime, dg.DagsterInstance.ephemeral() as instance:
        made = [connection_definitions(connection) for connection in runtime.connections]
        sensor = continue_sensor(runtime.connections, [item.erp_job for item in made])
        definitions = dg.Definitions.merge(dg.Definitions(sensors=[sensor]), *[i.as_definitions() for i in made])
        state = SimpleNamespace(now=say.NOON, cursor=None)
        runtime.clock = lambda: state.now

        def tick() -> list[dg.RunRequest]:
            with dg.build_sensor_context(
                instance=instance, cursor=state.cursor, resources={"runtime": runtime}, definitions=definitions
            ) as context:
                evaluated = sensor.evaluate_tick(context)
            state.cursor = evaluated.cursor
            return list(evaluated.run_requests)

        def stop(connection: str, step: str = "documents", run: str = "one") -> Continuations:
            waiting = Continuations(runtime.store.marks, connection)
            waiting.stopped(step, reason="quota", retry_after_s=0, run=run, now=state.now)
            return waiting

        def plan(connection: str) -> None:
            posting = GivenPostings(connection, say.NOON, say.NOON.date()).of(
                PostingKind.RECEIPT,
                "PM1",
                [(AccountRole.CLEARING, Side.DEBIT, 100), (AccountRole.RECEIVABLE, Side.CREDIT, 100)],
                Party("CU1"),
            )
            runtime.store.ledger.plan(connection, [posting])

        def working(connection: str) -> dg.DagsterRun:
            each = next(item for item in made if item.connection.name == connection)
            job = each.as_definitions().resolve_job_def(f"{connection}_day")
            tags = {CONNECTION_TAG: connection}
            return instance.create_run_for_job(job, tags=tags, status=dg.DagsterRunStatus.STARTED)

        yield SimpleNamespace(
            tick=tick, stop=stop, plan=plan, working=working, state=state, runtime=runtime, instance=instance
        )


def test_a_stopped_connection_gets_one_run_when_its_wait_is_over(desk: SimpleNamespace) -> None:
    desk.stop("german")
    assert desk.tick() == []
    desk.state.now += WAITS[0]

    (request,) = desk.tick()

    assert (request.job_name, request.partition_key) == ("german_erp", "2026-06-03")
    assert request.tags[CONNECTION_TAG] == "german"
    assert desk.tick() == []


def test_what_came_to_its_end_meanwhile_gets_none(desk: SimpleNamespace) -> None:
    desk.stop("nordic").ended("documents")
    desk.state.now += timedelta(days=1)
    assert desk.tick() == []


def test_one_run_goes_on_with_every_step_of_a_connection(desk: SimpleNamespace) -> None:
    desk.stop("nordic")
    desk.stop("nordic", "collections")
    desk.stop("german")
    desk.state.now += WAITS[0]
    assert sorted(request.job_name or "" for request in desk.tick()) == ["german_erp", "nordic_erp"]
    assert desk.tick() == []


def test_a_run_that_did_not_come_as_far_is_asked_for_again_under_another_key(desk: SimpleNamespace) -> None:
    desk.stop("nordic")
    desk.state.now += WAITS[0]
    (first,) = desk.tick()
    desk.state.now += ASK_AGAIN
    (second,) = desk.tick()
    assert first.run_key != second.run_key


def test_while_a_run_of_the_connection_is_on_its_way_it_waits(desk: SimpleNamespace) -> None:
    desk.stop("nordic")
    desk.state.now += WAITS[0]
    run = desk.working("nordic")
    assert desk.tick() == []
    desk.instance.delete_run(run.run_id)
    assert len(desk.tick()) == 1


def test_what_a_killed_run_left_is_gone_on_with_after_a_while_and_then_ever_more_seldom(desk: SimpleNamespace) -> None:
    desk.plan("german")
    assert desk.tick() == []
    desk.state.now += LEFT_OVER_WAIT

    (request,) = desk.tick()

    assert request.job_name == "german_erp"
    assert request.tags[CONNECTION_TAG] == "german"
    assert desk.tick() == []
    desk.state.now += LEFT_OVER_WAIT
    assert desk.tick() == []
    desk.state.now += LEFT_OVER_WAIT
    (second,) = desk.tick()
    assert second.run_key != request.run_key


def test_runs_that_are_killed_but_bring_something_on_are_followed_as_soon_as_the_first(
    desk: SimpleNamespace, tmp_path: Path
) -> None:
    own = GivenPostings("german", desk.state.now, desk.state.now.date())
    settled = own.of(PostingKind.CUSTOMER, "CU9", [], Party("CU9"))
    desk.runtime.store.ledger.plan("german", [settled])
    desk.plan("german")
    desk.tick()
    desk.state.now += LEFT_OVER_WAIT
    assert len(desk.tick()) == 1
    desk.state.now += timedelta(seconds=1)
    with Runtime.open(Settings(home=tmp_path), clock=lambda: desk.state.now) as run:
        nothing = Complete(settled.key, "nothing has changed")
        run.store.ledger.complete("german", [nothing], settled_state="delivered")
    desk.state.now += LEFT_OVER_WAIT

    assert len(desk.tick()) == 1

    desk.state.now += LEFT_OVER_WAIT
    assert desk.tick() == []


def test_what_earlier_versions_noted_of_leftovers_is_read(desk: SimpleNamespace) -> None:
    desk.plan("german")
    desk.state.cursor = json.dumps({"german": [desk.state.now.isoformat(), 1]})
    desk.state.now += LEFT_OVER_WAIT
    assert desk.tick() == []
    desk.state.now += LEFT_OVER_WAIT
    assert len(desk.tick()) == 1


def test_what_is_booked_on_a_customer_who_is_held_waits_for_a_person_and_not_for_a_run(desk: SimpleNamespace) -> None:
    store, own = desk.runtime.store, GivenPostings("german", desk.state.now, desk.state.now.date())
    customer = own.of(PostingKind.CUSTOMER, "CU1", [], Party("CU1"))
    store.customers.put("german", "CU1", "10000", ALLOCATED)
    store.ledger.plan("german", [customer])
    store.ledger.hold("german", [Hold(customer.key, "1008834", "refused", "look")])
    desk.plan("german")
    for _ in range(3):
        assert desk.tick() == []
        desk.state.now += LEFT_OVER_WAIT

    store.ledger.release("german", [customer.key], by="ada", note="corrected")
    desk.tick()
    desk.state.now += LEFT_OVER_WAIT

    assert len(desk.tick()) == 1


def test_what_a_run_is_still_at_is_no_leftover(desk: SimpleNamespace) -> None:
    desk.plan("nordic")
    desk.tick()
    run = desk.working("nordic")
    desk.state.now += LEFT_OVER_WAIT
    assert desk.tick() == []
    desk.instance.delete_run(run.run_id)
    assert desk.tick() == []
    desk.state.now += LEFT_OVER_WAIT
    assert len(desk.tick()) == 1


def test_a_step_that_noted_its_stop_waits_for_its_own_time(desk: SimpleNamespace) -> None:
    desk.plan("nordic")
    stopped = desk.stop("nordic")
    desk.tick()
    desk.state.now += WAITS[0] - timedelta(seconds=1)
    assert desk.tick() == []
    for number, wait in enumerate(WAITS):
        desk.state.now += wait
        stopped.stopped("documents", reason="quota", retry_after_s=0, run=f"{number}", now=desk.state.now)
    desk.tick()
    desk.state.now += timedelta(days=30)
    assert desk.tick() == []
