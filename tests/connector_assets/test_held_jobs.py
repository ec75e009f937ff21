"""A person decides about held postings in the launchpad: what is chosen is released or withdrawn, all else stays as it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from connector_assets.held_jobs import DEFAULT_BY, FIRST_DAY_TAG, LAST_DAY_TAG, held_jobs
from connector_assets.names import CONNECTION_TAG, LEDGER_TAG
from sandbox.gocardless.load import load_confirmed_payments
from tests.evenings import DAY, MORNING, evening_company, evening_world
from tests.installations import Installation, visma_installation

#: six payments of three customers on two days; Visma does not know the third customer.
DAY_BEFORE = DAY - timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a person decides."""

    at: Installation
    instance: dg.DagsterInstance

    def held(self) -> list[str]:
        return [row.posting.key for row in self.at.runtime.store.ledger.held("nordic")]

    def decide(self, decision: str, **chosen: Any) -> Any:
        """Launch `release_held` or `withdraw_held` with this choice."""
        job = next(job for job in held_jobs([self.at.connection]) if job.name == f"{decision}_held")
        config = {"ops": {decision: {"config": {"connection": "nordic", **chosen}}}}
        resources = {"runtime": self.at.runtime}
        return job.execute_in_process(
            run_config=config, resources=resources, instance=self.instance, raise_on_error=False
        )

    def refusal(self, result: Any) -> tuple[str, str]:
        """What the failed run says, and its table of held postings."""
        assert not result.success
        (event,) = [event for event in result.all_events if event.is_step_failure]
        failure = event.step_failure_data.user_failure_data
        shown = failure.metadata.get("held")
        return failure.description, shown.value if shown else ""

    def tags(self, result: Any) -> dict[str, str]:
        run = self.instance.get_run_by_id(result.run_id)
        assert run is not None
        return run.tags

    def noted(self, kind: str) -> list[dict[str, Any]]:
        subjects = [row.posting.subject for row in self.at.runtime.store.ledger.of_day("nordic", DAY_BEFORE, DAY)]
        rows = self.at.runtime.store.trail.about("nordic", subjects)
        return [row.payload for row in rows if row.kind == kind]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    world = evening_world()
    for at in (MORNING - timedelta(days=1), MORNING):
        load_confirmed_payments(world, 3, customers=3, at=at)
    with visma_installation(tmp_path, world, evening_company(2)) as opened, dg.DagsterInstance.ephemeral() as instance:
        opened.run(DAY_BEFORE, DAY)
        desk = Desk(opened, instance)
        assert len(desk.held()) == 2
        yield desk


def test_a_released_posting_waits_again_and_its_day_is_noted_for_the_run_that_follows(desk: Desk) -> None:
    first, second = desk.held()
    result = desk.decide("release", postings=[first], note="customer entered", by="Aino")

    assert result.success
    assert desk.held() == [second]
    tags = desk.tags(result)
    assert (tags[CONNECTION_TAG], tags[LEDGER_TAG]) == ("nordic", "visma")
    assert (tags[FIRST_DAY_TAG], tags[LAST_DAY_TAG]) == (DAY_BEFORE.isoformat(), DAY_BEFORE.isoformat())
    (observation,) = result.asset_observations_for_node("release")
    assert observation.description.startswith("nordic: 1 postings released: 123.")
    assert first in observation.metadata["released"].value


def test_every_posting_of_a_code_is_released_with_the_days_from_first_to_last(desk: Desk) -> None:
    result = desk.decide("release", code="customer_unmapped")
    assert (result.success, desk.held()) == (True, [])
    assert desk.tags(result)[FIRST_DAY_TAG] == DAY_BEFORE.isoformat()
    assert desk.tags(result)[LAST_DAY_TAG] == DAY.isoformat()


def test_what_is_released_is_posted_once_its_reason_is_mended(desk: Desk) -> None:
    company: Any = desk.at.erp
    company.company.add_customer("10003", "Load Customer 3", email="load3@example.com")
    assert desk.decide("release", everything=True).success
    desk.at.run(DAY_BEFORE, DAY)
    assert desk.held() == []
    assert desk.at.states()["receipt posted"] == 6


def test_a_withdrawn_posting_is_never_posted(desk: Desk) -> None:
    company: Any = desk.at.erp
    first, second = desk.held()
    assert desk.decide("withdraw", postings=[first], note="booked by hand").success
    assert desk.decide("release", postings=[second]).success
    company.company.add_customer("10003", "Load Customer 3", email="load3@example.com")
    desk.at.run(DAY_BEFORE, DAY)
    states = desk.at.states()
    assert (states["receipt posted"], states["receipt withdrawn"]) == (5, 1)


@pytest.mark.parametrize("decision", ["release", "withdraw"])
def test_a_launch_with_nothing_chosen_changes_nothing_and_lists_what_is_held(desk: Desk, decision: str) -> None:
    held = desk.held()
    said, table = desk.refusal(desk.decide(decision, note="a look around"))
    assert said.startswith("Nothing was chosen, so nothing was changed. At present 2 postings of nordic are held")
    assert all(key in table for key in held)
    assert "customer_unmapped" in table
    assert desk.held() == held


def test_a_key_that_is_not_held_stops_the_whole_decision(desk: Desk) -> None:
    first, second = desk.held()
    said, _ = desk.refusal(desk.decide("release", postings=[first, "EV0:receipt"]))
    assert said.startswith("EV0:receipt: not held on nordic, so nothing was changed.")
    assert desk.held() == [first, second]


def test_a_code_that_nothing_is_held_for_is_told(desk: Desk) -> None:
    said, _ = desk.refusal(desk.decide("release", code="period_closed"))
    assert said.startswith("Nothing is held for period_closed")


def test_a_withdrawal_needs_a_reason(desk: Desk) -> None:
    said, _ = desk.refusal(desk.decide("withdraw", everything=True, note="  "))
    assert said.startswith("A note is needed")
    assert len(desk.held()) == 2


def test_a_connection_that_does_not_exist_is_told_with_those_that_do(desk: Desk) -> None:
    said, _ = desk.refusal(desk.decide("release", connection="nowhere", everything=True))
    assert "nowhere" in said
    assert "nordic" in said


def test_who_decided_and_why_stands_in_the_trail(desk: Desk) -> None:
    first, second = desk.held()
    desk.decide("release", postings=[first], note="customer entered", by="Aino")
    desk.decide("withdraw", postings=[second], note="booked by hand")
    released, withdrawn = desk.noted("released"), desk.noted("withdrawn")
    assert [(row["by"], row["note"]) for row in released] == [("Aino", "customer entered")]
    assert [(row["by"], row["note"]) for row in withdrawn] == [(DEFAULT_BY, "booked by hand")]
