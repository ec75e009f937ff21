"""The right division and no other, and a ping that names every setting that is wrong with what to do about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from connector_resources.erp.exact_online.division import MARK
from connector_resources.errors import NotSent, RateLimited, WrongCompany


def test_the_division_is_found_once_and_kept_when_the_user_looks_elsewhere(site: Any, given: SimpleNamespace) -> None:
    site.post(given.receipt())
    assert site.store.marks.get(given.CONNECTION, MARK) == "4001234"
    site.division.add_sibling(4009999, "Elsewhere", accessible=True)
    site.division.current_division = 4009999
    other = given.receipt("PM000124", event="EV00002")
    site.post(other)
    assert site.state(other) == "posted"


def test_a_division_the_user_cannot_see_stops_everything(site: Any, given: SimpleNamespace) -> None:
    with pytest.raises(WrongCompany, match=r"cannot see division 4007777; visible: 4001234"):
        site.post(given.receipt(), division=4007777)
    assert site.entries() == 0
    line = site.connector(division=4007777).ping().lines[-1]
    assert (line.what, line.ok) == ("division", False)
    assert "connector authorize" in line.next_step


def test_a_connection_that_has_booked_does_not_move_to_another_division(site: Any, given: SimpleNamespace) -> None:
    site.post(given.receipt())
    site.division.add_sibling(4009999, "Elsewhere", accessible=True)
    with pytest.raises(WrongCompany, match="has booked in division 4001234"):
        site.connector(division=4009999).prepare([])


def test_a_connection_that_has_booked_nothing_may_be_corrected(site: Any, given: SimpleNamespace) -> None:
    site.store.marks.set(given.CONNECTION, MARK, "4009999")
    site.connector(division=4001234).prepare([])
    assert site.store.marks.get(given.CONNECTION, MARK) == "4001234"


def test_nothing_is_sent_again_in_the_wrong_division(site: Any, given: SimpleNamespace) -> None:
    site.break_next("drop_after", "BankEntries")
    site.sandbox.faults.add(site.fault("drop_before", method="GET", path="TransactionLines", times=99))
    site.post(given.receipt())
    site.sandbox.faults.clear()
    with pytest.raises(WrongCompany):
        site.post(division=4007777)
    assert site.entries() == 1


@pytest.mark.parametrize(("status", "blocking"), [(2, 0), (1, 3)])
def test_a_division_that_is_archived_or_copied_is_left_alone(site: Any, status: int, blocking: int) -> None:
    site.division.status, site.division.blocking_status = status, blocking
    with pytest.raises(WrongCompany, match=r"is (not active|blocked)"):
        site.connector().prepare([])


def test_the_ping_of_a_good_connection_is_all_well(site: Any) -> None:
    report = site.connector().ping()
    assert report.ok, [line for line in report.lines if not line.ok]
    names = [line.what for line in report.lines]
    assert names[:3] == ["consent", "token", "division"]
    assert {"journal 23", "account 1300", "period", "right to read open items"} <= set(names)


def test_the_ping_names_every_setting_that_is_wrong(site: Any, given: SimpleNamespace) -> None:
    division = site.division
    division.tables["GLAccounts"].change(division.gl_account("2990")["ID"], IsBlocked=True)
    division.close_period(2026, 3, ["23"])
    accounts = {**given.section()["accounts"], "receivable": "2000", "other_income": "9999", "surcharges": "4510"}
    del accounts["fees"]
    report = site.connector(
        accounts=accounts, general_journal="20", sales_journal="99", fee_vat_mode="vat_code",
        vat_codes={"NL_VAT_1": "0", "NL_VAT_2": "77"}, refund_vat_code="2", refund_vat_percent="9",
    ).ping()  # fmt: skip
    wrong = {line.what: line.detail for line in report.lines if not line.ok}
    assert wrong == {
        "journal 20": "is of type 12, not 90",
        "journal 99": "does not exist",
        "account fees": "no account is configured",
        "account 2000": "is of type 90; a receivables account is of type 20",
        "account 2990": "is blocked",
        "account 4510": "applies VAT code 4 to every line; name a no_vat_code",
        "account 9999": "does not exist",
        "VAT code 0": "is of type N, not I",
        "VAT code 77": "does not exist, or is blocked",
        "VAT code 2": "is 21 %, not 9 %",
        "period": "2026/3 is closed in journal 23",
    }
    assert all(line.next_step for line in report.lines if not line.ok)


def test_a_missing_right_has_a_name(site: Any) -> None:
    site.division.switches.forbidden = ["bulk/Cashflow/Receivables", "cashflow/DirectDebitMandates", "vat/VATCodes"]
    wrong = {line.what: line for line in site.connector(no_vat_code="0").ping().lines if not line.ok}
    assert set(wrong) == {"right to read open items", "right to read mandates", "vat codes"}
    assert all("App Center" in line.next_step for line in wrong.values())


# --- limits of Exact ---------------------------------------------------------------------------------------------------


def test_a_read_that_is_refused_stops_the_run_and_is_not_repeated_until_the_key_is_blocked(
    site: Any, given: SimpleNamespace
) -> None:
    site.division.switches.forbidden = ["financial/GLAccounts"]
    stops = [site.post(given.receipt()).stopped for _ in range(15)]
    assert "connector ping polder" in stops[0]
    refused = sum(1 for _, path in site.sandbox.faults.requests if path.endswith("GLAccounts"))
    assert 6 <= refused <= 8
    assert "blocks an app after ten" in stops[-1]
    site.division.switches.forbidden = []
    site.division.clock.advance(timedelta(hours=1, seconds=1))
    site.post()
    assert site.entries() == 1


def test_the_minute_limit_is_kept_by_all_processes_together(site: Any, given: SimpleNamespace) -> None:
    site.division.switches.calls_per_minute = 12
    for n in range(4):
        site.post(given.receipt(f"PM{n}", event=f"EV{n}"), calls_per_minute=12)
    assert site.entries() == 4
    assert sum(site.naps) > 60


def test_a_minute_limit_that_others_use_up_is_waited_out(site: Any, given: SimpleNamespace) -> None:
    site.division.switches.calls_per_minute = 8
    item = given.receipt()
    site.post(item)
    assert site.state(item) == "posted"


def test_the_day_limit_ends_the_run_and_says_until_when(site: Any, given: SimpleNamespace) -> None:
    site.division.switches.calls_per_day = 3
    report = site.post(given.receipt())
    assert "asks to wait 50400 s" in report.stopped
    assert report.retry_after_s == 50_400
    assert site.entries() == 0
    site.division.switches.calls_per_day = 5000
    site.division.clock.advance(timedelta(hours=14))
    site.post()
    assert site.entries() == 1


NIGHT = datetime(2026, 3, 3, 3, 10, tzinfo=UTC)


def test_maintenance_is_reported_without_a_call(site: Any, given: SimpleNamespace) -> None:
    site.division.clock.advance(NIGHT - site.division.now())
    before = site.calls()
    with pytest.raises(NotSent, match="nightly maintenance for another 21 minutes") as caught:
        site.connector().prepare([])
    assert caught.value.retry_after_s == 20 * 60
    assert site.calls() == before


def test_maintenance_is_waited_out_where_wished(site: Any, given: SimpleNamespace) -> None:
    site.division.clock.advance(NIGHT - site.division.now())
    item = given.receipt()
    site.post(item, maintenance_wait_s=1800)
    assert site.state(item) == "posted"
    assert 1200 in site.naps


def test_an_endpoint_that_is_left_alone_says_until_when(site: Any) -> None:
    site.division.switches.forbidden = ["system/Divisions"]
    for _ in range(8):
        with pytest.raises((NotSent, WrongCompany)):
            site.connector().prepare([])
    with pytest.raises(RateLimited) as caught:
        site.connector().prepare([])
    assert 0 < caught.value.retry_after_s <= 3600
