"""A person runs the connector from the Dagster UI alone: backfill, look, replay what failed, release what is held.

The tests build on each other as a working day does; each asks the stand-ins and the ledger whether what the page says is true.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from sandbox.faults import Fault
from tests.ui.house import House
from tests.ui.visitor import JOB, PATIENCE_MS, Visitor

pytestmark = pytest.mark.ui

SUCCESS, FAILURE = "SUCCESS", "FAILURE"
#: of the four payers, the ledger does not know the last; it paid twice on the second day.
HELD = 2
#: width of the navigation, in pixels.
SIDEBAR = 240
#: what a person writes into the launchpad of `release_held`.
CHOICE = """ops:
  release:
    config:
      connection: nordic
      code: customer_unmapped
      note: payer entered in Visma
      by: Aino
"""


def eventually(said: Callable[[], Any], what: str) -> Any:
    """What `said` answers as soon as it is true."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while not (answer := said()):
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.5)
    return answer


def newest_run(house: House, job: str, known: int) -> dict[str, Any]:
    """The run that came after `known` runs, once it has ended."""

    def ended() -> dict[str, Any] | None:
        runs = house.runs()
        if len(runs) <= known:
            return None
        return runs[0] if runs[0]["status"] in (SUCCESS, FAILURE, "CANCELED") else None

    run: dict[str, Any] = eventually(ended, f"the end of a run of {job}")
    assert run["jobName"] == job
    return run


def launch_days(visitor: Visitor, job: str, first: date, last: date) -> None:
    """Jobs, the job, Materialize all, the days, Launch: as a person does it."""
    visitor.open(f"{JOB}/{job}")
    visitor.click("Materialize all")
    dialog = visitor.page.get_by_role("dialog")
    days = dialog.locator("input[type=text]").first
    days.fill(first.isoformat() if first == last else f"[{first.isoformat()}...{last.isoformat()}]")
    days.press("Enter")
    dialog.get_by_role("button", name="Launch").click()


@pytest.fixture(scope="module")
def backfilled(house: House, visitor: Visitor) -> dict[str, Any]:
    """The run of a backfill of three days, launched in the UI."""
    known = len(house.runs())
    launch_days(visitor, "nordic_day", house.days[0], house.days[-1])
    return newest_run(house, "nordic_day", known)


def test_a_backfill_of_three_days_is_launched_and_seen_to_succeed(
    house: House, visitor: Visitor, backfilled: dict[str, Any]
) -> None:
    assert backfilled["status"] == SUCCESS
    tags = {tag["key"]: tag["value"] for tag in backfilled["tags"]}
    assert (tags["connector/connection"], tags["connector/ledger"]) == ("nordic", "visma")
    assert tags["dagster/asset_partition_range_start"] == house.days[0].isoformat()

    visitor.open("/runs?view=backfills")
    visitor.text("3 partitions")
    visitor.text(re.compile("Succe(ss|eded)"))
    visitor.open(f"/runs/{backfilled['runId']}")
    visitor.text("nordic_day")
    visitor.text(re.compile("Success"))
    assert house.nordic.states() == {
        "customer posted": 9,
        "payout posted": 1,
        "receipt held": HELD,
        "receipt posted": 25,
    }


@pytest.mark.usefixtures("backfilled")
def test_the_graph_reads_from_the_events_on_the_left_to_the_report_on_the_right(visitor: Visitor) -> None:
    with visitor.sized(2000, 1400):
        visitor.open("/locations/ml-connector/asset-groups/nordic")
        chain = ("events", "payments", "receipts", "documents", "payout_journals", "reconciliation")
        places = [visitor.text(re.compile(f"^{name}$")).bounding_box() for name in chain]
        visitor.picture("asset-graph", left=SIDEBAR)
    assert all(places)
    lefts = [place["x"] for place in places if place]
    assert lefts == sorted(lefts)
    assert len(set(lefts)) == len(chain)


@pytest.mark.usefixtures("backfilled")
def test_a_document_asset_tells_the_days_sums_and_what_is_held(house: House, visitor: Visitor) -> None:
    visitor.open(f"/assets/nordic/erp/documents?view=partitions&partition={house.days[1].isoformat()}")
    visitor.text(f"{HELD} held until a person acts")
    visitor.text(re.compile("is not linked to a customer in Visma"))
    payment = visitor.page.get_by_role("link", name=re.compile("^PM")).first
    assert str(payment.get_attribute("href")).startswith("https://manage-sandbox.gocardless.com/payments/PM")
    visitor.picture("held")

    visitor.open("/assets/nordic/erp/documents")
    visitor.click("Plots")
    visitor.text("amount settled, whole EUR")
    visitor.text("postings held")
    visitor.page.wait_for_function("document.querySelectorAll('canvas').length >= 4")
    visitor.picture("plots")


@pytest.mark.usefixtures("backfilled")
def test_a_check_says_in_plain_words_what_it_found_and_what_to_do(visitor: Visitor) -> None:
    visitor.open("/assets/nordic/erp/payout_journals?view=checks&checkDetail=nothing_unposted")
    visitor.text("Every posting of these days is a document in the ERP, or held with a reason and a next step.")
    visitor.text(re.compile(f"{HELD} of 28 postings need a look"))
    visitor.picture("check")
    visitor.open("/assets/nordic/gocardless/payout_items?view=checks&checkDetail=payouts_proven")
    visitor.text("1 payouts looked at, all in order.")


@pytest.mark.usefixtures("backfilled")
def test_a_day_that_failed_is_replayed_from_its_run(house: House, visitor: Visitor) -> None:
    day = house.days[-1]
    house.nordic.gocardless.faults.add(Fault("error_before", path="/events$", status=403, times=10_000))
    known = len(house.runs())
    launch_days(visitor, "nordic_day", day, day)
    failed = newest_run(house, "nordic_day", known)
    assert failed["status"] == FAILURE
    visitor.open(f"/runs/{failed['runId']}")
    visitor.text("Failure")
    visitor.text(re.compile("403"))

    house.nordic.gocardless.faults.clear()
    before = house.nordic.states()
    visitor.click("Re-execute")
    replayed = newest_run(house, "nordic_day", known + 1)
    assert replayed["status"] == SUCCESS
    tags = {tag["key"]: tag["value"] for tag in replayed["tags"]}
    assert (tags["dagster/partition"], tags["dagster/parent_run_id"]) == (day.isoformat(), failed["runId"])
    visitor.open(f"/runs/{replayed['runId']}")
    visitor.text("Success")
    assert house.nordic.states() == before


@pytest.mark.usefixtures("backfilled")
def test_what_is_held_is_released_from_the_launchpad_and_posted_by_itself(house: House, visitor: Visitor) -> None:
    visitor.open("/automation")
    visitor.click("run_released", role="link")
    visitor.text(re.compile("Runs the days of held postings again"))
    # The switch is drawn over its checkbox.
    visitor.page.get_by_role("checkbox").first.locator("xpath=..").click()
    house.add_unknown_payer()

    visitor.open(f"/assets/nordic/erp/documents?view=partitions&partition={house.days[1].isoformat()}")
    visitor.click("Release them", role="link")
    visitor.page.locator(".CodeMirror-line").first.wait_for()
    visitor.page.locator(".CodeMirror").first.click()
    visitor.page.keyboard.press("Control+a")
    visitor.page.keyboard.insert_text(CHOICE)
    visitor.page.wait_for_function("document.querySelector('.CodeMirror').CodeMirror.getValue().includes('Aino')")
    visitor.text("No errors")
    visitor.page.get_by_role("button", name="Launch Run", disabled=False).wait_for()
    visitor.picture("release")
    known = len(house.runs())
    visitor.click("Launch Run")
    eventually(lambda: len(house.runs()) > known + 1, "the run that follows a release")
    posted = newest_run(house, "nordic_day", known + 1)

    assert posted["status"] == SUCCESS
    assert house.nordic.states() == {"customer posted": 10, "payout posted": 1, "receipt posted": 27}
    visitor.open("/assets/nordic/erp/payout_journals?view=checks&checkDetail=nothing_unposted")
    visitor.text(re.compile("postings looked at, all in order"))
    trail = house.nordic.runtime.store.trail.verify("nordic")
    assert trail.ok
