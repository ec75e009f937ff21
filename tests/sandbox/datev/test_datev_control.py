"""The control API: books as JSON, clock, faults, requests, seeds."""

from __future__ import annotations

from typing import Any

import pytest


def test_the_books_are_json_in_minor_units(datev: Any, files: Any, golden: bytes) -> None:
    datev.upload(golden, "EXTF_GC_455148-1_202606_A.csv")
    datev.upload(files.bookings(files.payment(c8="10099")), "EXTF_bad.csv")
    datev.upload(golden, "EXTF_GC_455148-1_202606_A.csv")
    shown = datev.control("GET", "books", params={"client": "455148-1"}).json()
    assert shown["accounts"] == {"1200": 70686, "1360": -63622, "4970": 714}
    assert shown["debtors"] == {"10042": 0, "10043": 10000, "10044": -17778}
    assert shown["foreign"] == {"10044": {"SEK": -200000}, "1360": {"SEK": 200000}}
    assert shown["balanced"] is True
    assert [record["filename"] for record in shown["rejected"]] == ["EXTF_bad.csv"]
    assert "debtor 10099" in shown["rejected"][0]["reasons"][0]
    assert [double["times"] for double in shown["double_rows"]] == [2] * 6


def test_rows_of_the_books_can_be_narrowed(datev: Any, golden: bytes) -> None:
    datev.upload(golden)
    wanted = {"client": "455148-1", "document": "RE-2026-0042"}
    assert [row["line"] for row in datev.control("GET", "books", params=wanted).json()["rows"]] == [3, 6]
    assert datev.control("GET", "books", params={"client": "1"}).status_code == 404


def test_the_clock_can_be_set_and_moved_but_not_back(stranger: Any) -> None:
    assert stranger.control("GET", "clock").json()["now"] == "2026-06-30T18:15:00+00:00"
    assert stranger.control("POST", "clock", json={"advance_s": 60}).json()["now"] == "2026-06-30T18:16:00+00:00"
    assert stranger.control("POST", "clock", json={"set": "2026-07-01T00:00:00+00:00"}).status_code == 200
    back = stranger.control("POST", "clock", json={"set": "2026-06-01T00:00:00+00:00"})
    assert (back.status_code, "does not go back" in back.json()["error"]) == (400, True)
    assert stranger.control("POST", "clock", json={}).status_code == 400


def test_faults_are_queued_listed_and_cleared(datev: Any) -> None:
    assert datev.control("POST", "faults", json={"kind": "error_before", "status": 503}).status_code == 200
    assert [fault["kind"] for fault in datev.control("GET", "faults").json()] == ["error_before"]
    assert datev.clients().status_code == 503
    datev.control("POST", "faults", json={"kind": "html"})
    assert datev.control("DELETE", "faults").json() == []
    assert datev.clients().status_code == 200
    assert datev.control("POST", "faults", json={"kind": "earthquake"}).status_code == 400


def test_requests_are_counted_and_can_be_forgotten(datev: Any) -> None:
    datev.clients()
    seen = datev.control("GET", "requests").json()
    assert seen["requests"][-1] == ["GET", "/accounting-clients/platform/v2/clients"]
    assert seen["live_sessions"]["sandbox-public"] == 1
    assert datev.control("DELETE", "requests").json()["requests"] == []


def test_companies_registrations_debtors_and_switches_can_be_seeded(stranger: Any, files: Any) -> None:
    company = {"consultant_number": 455150, "client_number": 7, "name": "Neu", "fiscal_year_begins": ["2026-01-01"]}
    seeds = {
        "clients": [
            company | {"accounts": ["1361"], "services": ["Buchungsdatenservice"], "closed_through": "2026-05-31"}
        ],
        "debtors": {"455150-7": {"20000": "Kunde"}},
        "registrations": [{"client_id": "demo", "secret": None, "redirect_uris": ["http://localhost:9/cb"]}],
        "behaviour": {"expires_in_s": 60, "location_form": "absolute"},
        "many_clients": 2,
    }
    answer = stranger.control("POST", "seed", json=seeds)
    assert answer.json()["clients"][-3:] == ["455150-7", "455149-1", "455149-2"]
    assert stranger.authorize(client_id="demo", redirect_uri="http://localhost:9/cb").status_code == 302
    assert stranger.login()["expires_in"] == 60
    content = files.bookings(files.payment(c7="1361", c8="20000"), h11="455150", h12="7")
    assert stranger.books(content, client="455150-7").balance("20000") == -11900


@pytest.mark.parametrize(
    "seeds",
    [
        {"behaviour": {"weather": "fine"}},
        {"behaviour": {"location_form": "sideways"}},
        {"behaviour": {"expires_in_s": "long"}},
        {"behaviour": {"forced_failures": ["1"]}},
        {"clients": [{"consultant_number": 1, "client_number": 1, "name": "X"}]},
        {"debtors": {"1-1": {}}},
        {"registrations": [{"client_id": "x", "refresh_auth": "basic"}]},
        {"planets": []},
    ],
)
def test_a_wrong_seed_is_refused_with_its_reason(stranger: Any, seeds: dict[str, Any]) -> None:
    answer = stranger.control("POST", "seed", json=seeds)
    assert answer.status_code == 400
    assert answer.json()["error"]
