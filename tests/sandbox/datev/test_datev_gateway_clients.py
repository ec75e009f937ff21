"""The gateway in front of every API, and the list of companies (datev.md 1.6, 1.7, 2.1 and 10)."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from sandbox.faults import Fault


def code_of(answer: requests.Response) -> str:
    """The help code of a problem answer."""
    return str(answer.json()["type"]).rsplit("/", 1)[1]


def test_no_bearer_and_an_expired_one_are_401_in_the_gateways_json_with_a_text_status(datev: Any) -> None:
    for headers in ({"Authorization": None}, {"Authorization": "Bearer nonsense"}):
        answer = datev.clients(headers=headers)
        assert answer.status_code == 401
        assert (answer.json()["status"], answer.json()["httpCode"]) == ("401", "401")
    datev.advance(900)
    assert datev.clients().status_code == 401


def test_401_can_come_without_a_body(datev: Any) -> None:
    datev.centre.behaviour.empty_401 = True
    answer = datev.clients(headers={"Authorization": None})
    assert (answer.status_code, answer.content) == (401, b"")


def test_the_application_id_header_is_required_and_must_fit_the_token(datev: Any) -> None:
    assert datev.clients(headers={"X-DATEV-Client-Id": None}).status_code == 401
    assert datev.clients(headers={"X-DATEV-Client-Id": "sandbox-confidential"}).status_code == 401
    assert datev.clients(headers={"X-DATEV-Client-Id": None, "x-datev-client-id": "sandbox-public"}).status_code == 200


def test_a_missing_scope_is_403_with_the_dialect_of_the_service(stranger: Any) -> None:
    stranger.login(scope="openid")
    answer = stranger.clients()
    assert (answer.status_code, code_of(answer)) == (403, "1008829")
    assert answer.json()["title"] == "Missing required scope"
    assert "datev:accounting:clients" in answer.json()["detail"]
    assert code_of(stranger.jobs()) == "1008829"
    other = stranger.call("GET", "accounting-documents", "/clients/455148-1")
    assert (other.status_code, other.json()["error"]) == (403, "#DCO01005")


def test_an_offline_token_bound_to_one_client_is_refused_for_another(stranger: Any) -> None:
    stranger.login(scope="openid offline_access datev:accounting:clients datev:iam:client:455148-2")
    assert stranger.clients("/clients/455148-2").status_code == 200
    refused = stranger.clients("/clients/455148-1")
    assert refused.status_code == 401
    assert "not authorised for this client" in refused.json()["detail"]
    assert [client["id"] for client in stranger.clients().json()] == ["455148-2"]


def test_every_answer_carries_the_ids_that_datev_wants_logged(datev: Any) -> None:
    first, second = datev.clients(), datev.clients("/clients/455148-9")
    for header in ("X-Global-Transaction-ID", "V-Cap-Request-ID"):
        assert first.headers[header] != second.headers[header]


def test_406_and_405_and_404_are_problem_json(datev: Any) -> None:
    assert datev.clients(headers={"Accept": "text/html"}).status_code == 406
    assert datev.clients(headers={"Accept": "application/json;charset=utf-8"}).status_code == 200
    for answer in (datev.call("PUT", "accounting-clients", "/clients"), datev.clients("/nothing")):
        assert answer.json()["status"] == answer.status_code
        assert answer.json()["request_id"]


@pytest.mark.parametrize(
    ("fault", "status"),
    [(Fault("html", status=502), 502), (Fault("rate_limit", headers={"Retry-After": "7"}), 429)],
)
def test_the_gateway_can_answer_html_502_or_429(datev: Any, fault: Fault, status: int) -> None:
    datev.app.faults.add(fault)
    answer = datev.clients()
    assert answer.status_code == status
    assert answer.headers.get("retry-after") == fault.headers.get("Retry-After")
    assert datev.clients().status_code == 200


def test_latency_and_dropped_connections_on_demand(datev: Any) -> None:
    datev.app.faults.add(Fault("delay", delay_s=0.05))
    assert datev.clients().elapsed.total_seconds() >= 0.05
    datev.app.faults.add(Fault("drop_before", path="accounting-clients"))
    with pytest.raises(requests.ConnectionError):
        datev.clients()


def test_more_than_a_hundred_clients_come_in_pages_with_headers(datev: Any) -> None:
    datev.centre.add_many_companies(244)
    first = datev.clients()
    assert first.headers["total-items"] == "248"
    assert first.headers["link"] == '<?skip=100&top=100>;rel="next"'
    assert len(first.json()) == 100
    middle = datev.clients(params={"skip": 100})
    assert middle.headers["link"] == '<?skip=0&top=100>;rel="prev", <?skip=200&top=100>;rel="next"'
    last = datev.clients(params={"skip": 200, "top": 500})
    assert (len(last.json()), last.headers["link"]) == (48, '<?skip=100&top=100>;rel="prev"')
    assert len({client["id"] for page in (first, middle, last) for client in page.json()}) == 248


@pytest.mark.parametrize(
    "query",
    [
        {"skip": "-1"},
        {"top": "0"},
        {"top": "ten"},
        {"filter": "name eq 1"},
        {"filter": "client_number gt 1"},
        {"filter": "client_number eq 0"},
        {"filter": "client_number eq 1 or client_number eq 2"},
        {"filter": "client_number eq 1 and client_number eq 2"},
    ],
)
def test_a_bad_query_is_1008828(datev: Any, query: dict[str, str]) -> None:
    answer = datev.clients(params=query)
    assert (answer.status_code, code_of(answer)) == (400, "1008828")


def test_the_filter_finds_by_consultant_and_client_number(datev: Any) -> None:
    datev.centre.add_many_companies(3)
    both = datev.clients(params={"filter": "consultant_number eq 455148 and client_number eq 2"}).json()
    assert [client["id"] for client in both] == ["455148-2"]
    one = datev.clients(params={"filter": "client_number eq 2"}).json()
    assert [client["id"] for client in one] == ["455148-2", "455149-2"]


def test_one_client_tells_its_services_and_an_unknown_one_is_404(datev: Any) -> None:
    client = datev.clients("/clients/455148-1").json()
    services = {service["name"]: service["scopes"] for service in client["services"]}
    assert services["Buchungsdatenservice"] == ["datev:accounting:extf-files-import"]
    assert (client["client_number"], client["consultant_number"], client["id"]) == (1, 455148, "455148-1")
    without = datev.clients("/clients/455148-3").json()
    assert "Buchungsdatenservice" not in [service["name"] for service in without["services"]]
    assert datev.clients("/clients/455148-99").status_code == 404
    malformed = datev.clients("/clients/0-1")
    assert (malformed.status_code, code_of(malformed)) == (400, "1008835")
