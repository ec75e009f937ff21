"""Limits with their headers, the error trap, the maintenance window, and faults before and after a write."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from sandbox.faults import Fault

ME = "/api/v1/current/Me"
BANK = "financialtransaction/BankEntries"


def headers_of(answer: requests.Response) -> dict[str, int]:
    return {
        name.title().removeprefix("X-Ratelimit-"): int(value)
        for name, value in answer.headers.items()
        if name.lower().startswith("x-ratelimit-")
    }


def test_every_data_answer_has_six_headers_with_resets_in_milliseconds(api: Any) -> None:
    api.division.switches.change({"calls_per_minute": 60, "calls_per_day": 5000})
    assert headers_of(api.get(api.host + ME)) == {
        "Limit": 5000,
        "Remaining": 4999,
        "Reset": 1795219200000,
        "Minutely-Limit": 60,
        "Minutely-Remaining": 59,
        "Minutely-Reset": 1795168860000,
    }
    assert headers_of(api.get("crm/Nothing"))["Remaining"] == 4998, "errors count as calls"


def test_over_the_minute_limit_only_the_minutely_headers_are_there(api: Any, pass_time: Any) -> None:
    api.division.switches.calls_per_minute = 2
    answers = [api.post("crm/Accounts", {"Name": f"n{number}"}) for number in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert set(headers_of(answers[2])) == {"Minutely-Limit", "Minutely-Remaining", "Minutely-Reset"}
    assert "Retry-After" not in answers[2].headers
    assert len(api.division.tables["Accounts"]) == 4, "a refused call is not processed"
    pass_time(60)
    assert api.get(api.host + ME).status_code == 200


def test_a_429_can_name_a_waiting_time(api: Any, pass_time: Any) -> None:
    api.division.switches.change({"calls_per_minute": 0, "retry_after": True})
    pass_time(15)
    assert api.get(api.host + ME).headers["Retry-After"] == "45"


def test_xml_calls_share_the_limit(api: Any) -> None:
    api.division.switches.calls_per_minute = 1
    address = f"{api.host}/docs/XMLUpload.aspx?Topic=MatchSets&_Division_=4001234"
    assert api.session.post(address, data=b"<eExact/>", timeout=10).status_code == 200
    assert api.session.post(address, data=b"<eExact/>", timeout=10).status_code == 429
    assert api.get(api.host + ME).status_code == 429


def test_the_daily_limit_stops_until_the_next_day(api: Any, pass_time: Any) -> None:
    api.division.switches.calls_per_day = 2
    assert [api.get(api.host + ME).status_code for _ in range(3)] == [200, 200, 429]
    stopped = api.get(api.host + ME)
    assert headers_of(stopped)["Remaining"] == 0
    assert headers_of(stopped)["Reset"] == int(datetime(2026, 11, 21, tzinfo=UTC).timestamp()) * 1000
    pass_time(600)
    api.use(api.refresh().json())
    assert api.get(api.host + ME).status_code == 429
    pass_time(14 * 3600)
    api.use(api.refresh().json())
    assert api.get(api.host + ME).status_code == 200


def test_more_than_ten_errors_an_hour_on_one_endpoint_block_the_key(api: Any, pass_time: Any) -> None:
    for number in range(10):
        assert api.get(f"crm/Accounts(guid'{api.division.new_id()}')").status_code == 404, number
    assert api.get("crm/Nothing").status_code == 404, "another endpoint has its own count"
    assert api.get(api.host + ME).status_code == 200
    assert api.get("crm/Accounts", {"$select": "Nothing"}).status_code == 400
    assert "blocked" in api.problem(api.get(api.host + ME), 403)
    pass_time(3600)
    api.use(api.refresh().json())
    assert api.get(api.host + ME).status_code == 200


def test_the_second_block_lasts_longer(api: Any, pass_time: Any) -> None:
    api.division.switches.errors_per_hour = 1
    for waits_s, status in ((3600, 200), (3600, 403), (3600, 200)):
        for _ in range(2):
            api.get("crm/Nothing")
        pass_time(waits_s)
        api.use(api.refresh().json())
        assert api.get(api.host + ME).status_code == status


def test_business_refusals_are_not_counted_as_errors(api: Any) -> None:
    api.division.switches.errors_per_hour = 1
    statuses = {api.post("crm/Accounts", {"Name": "x", "Code": "42"}).status_code for _ in range(5)}
    assert statuses == {500}
    assert api.get(api.host + ME).status_code == 200


def test_an_expired_bearer_counts_as_an_error(api: Any, pass_time: Any) -> None:
    api.division.switches.errors_per_hour = 1
    pass_time(600)
    assert [api.get(api.host + ME).status_code for _ in range(2)] == [401, 401]
    api.use(api.refresh().json())
    assert api.get(api.host + ME).status_code == 403


@pytest.mark.parametrize(
    ("moment", "status"),
    [
        ("2026-11-21T02:59:00", 401),
        ("2026-11-21T03:00:00", 503),
        ("2026-11-21T03:29:59", 503),
        ("2026-11-21T03:30:00", 401),
    ],
)
def test_from_four_to_half_past_in_amsterdam_everything_is_down(api: Any, moment: str, status: int) -> None:
    api.division.clock.set(datetime.fromisoformat(moment).replace(tzinfo=UTC))
    answer = api.get(api.host + ME)
    assert answer.status_code == status
    assert ("<html>" in answer.text) == (status == 503)
    assert (api.refresh().status_code == 503) == (status == 503)


@pytest.mark.parametrize(
    ("kind", "written"), [("drop_after", 1), ("drop_before", 0), ("html_after", 1), ("html", 0), ("truncate", 1)]
)
def test_an_answer_can_be_lost_before_or_after_the_write(api: Any, kind: str, written: int) -> None:
    api.app.faults.add(Fault(kind, "POST", "BankEntries$"))
    if kind in ("html", "html_after"):
        answer = api.post(BANK, api.receipt())
        assert (answer.status_code, "<html>" in answer.text) == (502, True)
    else:
        with pytest.raises(requests.RequestException):
            api.post(BANK, api.receipt())
    assert len(api.division.tables["BankEntries"]) == written
    assert (
        len(api.rows("financialtransaction/BankEntryLines", "ID", "substringof('PM000ABC123',Description)")) == written
    )


def test_a_call_can_time_out_after_it_was_processed(api: Any) -> None:
    api.app.faults.add(Fault("delay_after", "POST", "BankEntries$", delay_s=0.4))
    with pytest.raises(requests.Timeout):
        api.session.post(f"{api.base}/{BANK}", json=api.receipt(), timeout=0.2)
    time.sleep(0.3)
    assert len(api.division.tables["BankEntries"]) == 1


def test_other_calls_are_served_while_one_is_slow(api: Any) -> None:
    api.app.faults.add(Fault("delay", "GET", "Me$", delay_s=0.5))
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(requests.get, api.host + ME, headers=dict(api.session.headers), timeout=10)
        time.sleep(0.1)
        started = time.monotonic()
        assert api.rows("financial/Journals", "Code")
        assert time.monotonic() - started < 0.4
        assert slow.result().status_code == 200
