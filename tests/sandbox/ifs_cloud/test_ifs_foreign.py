"""The OData server written differently: what it shares with IFS Cloud is the standard."""

from __future__ import annotations

import pytest
import requests
from lxml import etree

from sandbox.ifs_cloud.foreign import create_foreign

ROOT = "/main/ifsapplications/projection/v1/Ledger.svc"


@pytest.fixture
def foreign(server):
    base, switchboard = server
    app = create_foreign(page_size=2)
    app.store.define("Receivables", ["Number"], Number="S", Firm="S", Total="D", Due="Y", Open="B", Line="I")
    for number in range(1, 8):
        app.store.insert(
            "Receivables", Number=f"R{number}", Firm="10" if number < 6 else "20", Total=f"{number}.50",
            Due=f"2026-03-0{number}",
            Open=number % 2 == 0, Line=number,
        )  # fmt: skip
    switchboard.app = app
    form = {"grant_type": "client_credentials", "client_id": "gc_connector", "client_secret": "sandbox-secret"}
    answer = requests.post(f"{base}/auth/realms/any/protocol/openid-connect/token", data=form, timeout=10)
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    yield app, session, base
    session.close()


def read(session, base, query):
    """All rows and the links that led to them."""
    address, rows, links = f"{base}{ROOT}/Receivables?{query}", [], []
    while True:
        body = session.get(address, timeout=10).json()
        rows += body["value"]
        link = body.get("@odata.nextLink")
        if link is None:
            return rows, links
        links.append(link)
        address = link if link.startswith("http") else base + link if link.startswith("/") else f"{base}{ROOT}/{link}"


def test_links_come_in_all_three_forms(foreign):
    _, session, base = foreign
    rows, links = read(session, base, "$orderby=Line")
    assert [row["Line"] for row in rows] == [1, 2, 3, 4, 5, 6, 7]
    assert [link.startswith(start) for link, start in zip(links, ("http", "/main", "Receivables"), strict=True)] == [
        True
    ] * 3


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("Firm eq '20'", ["R6", "R7"]),
        ("Open eq true and Line gt 2", ["R4", "R6"]),
        ("not (Firm eq '10') or Number eq 'R1'", ["R1", "R6", "R7"]),
        ("Due ge 2026-03-05 and startswith(Number,'R')", ["R5", "R6", "R7"]),
        ("contains(Number,'7')", ["R7"]),
        ("Firm ne null", ["R1", "R2", "R3", "R4", "R5", "R6", "R7"]),
    ],
)
def test_filters_are_read(foreign, where, found):
    _, session, base = foreign
    assert [row["Number"] for row in read(session, base, f"$filter={where}")[0]] == found


@pytest.mark.parametrize(
    "where", ["Nothing eq 1", "Firm eq 10", "Line eq 'x'", "Total gt 1", "Firm eq '1' and", "(Line eq 1"]
)
def test_broken_filters_are_400(foreign, where):
    _, session, base = foreign
    assert session.get(f"{base}{ROOT}/Receivables?$filter={where}", timeout=10).status_code == 400


def test_top_select_and_count_are_honoured(foreign):
    _, session, base = foreign
    rows, _ = read(session, base, "$top=3&$select=Number,Total&$orderby=Number desc")
    assert [(row["Number"], row["Total"]) for row in rows] == [("R7", 7.5), ("R6", 6.5), ("R5", 5.5)]
    assert session.get(f"{base}{ROOT}/Receivables?$count=true", timeout=10).json()["@odata.count"] == 7


def test_a_change_needs_its_weak_etag_and_moves_it(foreign):
    app, session, base = foreign
    address = f"{base}{ROOT}/Receivables(Number='R1')"
    etag = session.get(address, timeout=10).headers["ETag"]
    assert etag == 'W/"1"'
    assert session.patch(address, json={"Open": True}, timeout=10).status_code == 428
    done = session.patch(address, json={"Open": True}, headers={"If-Match": etag}, timeout=10)
    assert (done.status_code, done.headers["ETag"]) == (204, 'W/"2"')
    assert session.patch(address, json={"Open": False}, headers={"If-Match": etag}, timeout=10).status_code == 412
    assert app.store.one("Receivables", {"Number": "R1"})["Open"] is True
    app.store.update("Receivables", {"Number": "R1"}, {"Total": "9"})
    assert session.delete(address, headers={"If-Match": 'W/"2"'}, timeout=10).status_code == 412
    assert session.delete(address, headers={"If-Match": 'W/"3"'}, timeout=10).status_code == 204
    assert session.get(address, timeout=10).status_code == 404


def test_entities_are_created_once(foreign):
    _, session, base = foreign
    body = {"Number": "R9", "Firm": "10", "Total": 5}
    assert session.post(f"{base}{ROOT}/Receivables", json=body, timeout=10).status_code == 201
    assert session.post(f"{base}{ROOT}/Receivables", json=body, timeout=10).status_code == 409
    assert session.post(f"{base}{ROOT}/Receivables", json={"Firm": "10"}, timeout=10).status_code == 400


def test_strangers_and_unknown_resources_are_refused(foreign):
    _, session, base = foreign
    assert requests.get(f"{base}{ROOT}/Receivables", timeout=10).status_code == 401
    assert session.get(f"{base}{ROOT}/Nothing", timeout=10).status_code == 404
    assert session.get(f"{base}{ROOT}/Receivables?$expand=Firm", timeout=10).status_code == 501


def test_metadata_names_sets_keys_and_types(foreign):
    _, session, base = foreign
    document = etree.fromstring(session.get(f"{base}{ROOT}/$metadata", timeout=10).content)
    assert document.xpath("//*[local-name()='EntitySet']/@Name") == ["Receivables"]
    assert document.xpath("//*[local-name()='Property'][@Name='Total']/@Type") == ["Edm.Decimal"]
