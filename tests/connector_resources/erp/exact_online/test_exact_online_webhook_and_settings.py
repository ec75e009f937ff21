"""Whom a notification is believed, which connection files are accepted, and how the API's forms are written and read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import pytest
import requests
import yaml
from hypothesis import given as generated
from hypothesis import strategies as st
from pydantic import ValidationError

from connector_resources.connections.model import Connection
from connector_resources.connections.template import connection_template
from connector_resources.erp.exact_online import odata, webhook, wire
from connector_resources.errors import MissingCredential
from connector_resources.store.marks import ERP_NOTIFIED
from sandbox.serve import running
from sensors.receiver import create_receiver

SECRET = "exact-webhook-secret"
CONTENT = (
    '{"Topic":"SalesInvoices","ClientId":"{3f0c1c5e-8a51-4a3a-9f0e-0a4d0f5b7a11}","Division":4001234,"Action":"Update",'
    '"Key":"7c1de3b2-5a0f-4f3b-9c0e-2b6f8a1d9e55","ExactOnlineEndpoint":"https://start.exactonline.co.uk/api/v1/4001234/'
    'salesinvoice/SalesInvoices(guid\'7c1de3b2-5a0f-4f3b-9c0e-2b6f8a1d9e55\')","EventCreatedOn":'
    '"2026-11-20T09:15:02.113"}'
)
HASH = "3E9947BB27EB9B6A166E405E12CDB3FEBC50BBA126996169D1B1BD20EB75C1CC"
TRICKY = '{"Topic":"Documents","Action":"Update","Label":"Café }{ \\"x\\" €1,50"}'
TRICKY_HASH = "054744AD5ABBAF96159B1D3EA62368A02BBBB775528F0057E717E62671787AC5"


def believed(given: SimpleNamespace, body: str, *secrets: str, **settings: Any) -> bool:
    return webhook.verify(given.settings(**settings), body.encode(), {}, secrets or (SECRET,))


@pytest.mark.parametrize(
    "body",
    [
        f'{{"Content":{CONTENT},"HashCode":"{HASH}"}}',
        f'{{"HashCode" : "{HASH.lower()}",\n "Sent": 12, "Content" : {CONTENT} , "More": [1, {{}}]}}',
        f'{{"Content":{TRICKY},"HashCode":"{TRICKY_HASH}"}}',
    ],
)
def test_the_raw_bytes_of_the_content_are_what_is_signed(body: str, given: SimpleNamespace) -> None:
    assert believed(given, body)
    assert believed(given, body, "old-secret", SECRET)
    assert not believed(given, body, "another-secret")


@pytest.mark.parametrize(
    "body",
    [
        f'{{"Content":{CONTENT.replace("Update", "Delete")},"HashCode":"{HASH}"}}',
        f'{{"Content":{CONTENT.replace(",", ", ")},"HashCode":"{HASH}"}}',
        f'{{"Content":{CONTENT}}}',
        f'{{"HashCode":"{HASH}"}}',
        f'[{{"Content":{CONTENT},"HashCode":"{HASH}"}}]',
        f'{{"Inner":{{"Content":{CONTENT},"HashCode":"{HASH}"}}}}',
        "{}", "null", '"', "{" * 1000, '{"Content":"text","HashCode":"x"}',
    ],
)  # fmt: skip
def test_what_is_not_signed_is_not_believed(body: str, given: SimpleNamespace) -> None:
    assert not believed(given, body)


def test_a_notification_of_another_division_is_not_ours(given: SimpleNamespace) -> None:
    body = f'{{"Content":{CONTENT},"HashCode":"{HASH}"}}'
    assert believed(given, body, division=4001234)
    assert not believed(given, body, division=4009999)


def test_the_empty_post_that_validates_a_subscription_needs_no_signature(given: SimpleNamespace) -> None:
    assert webhook.verify(given.settings(), b"", {}, [SECRET])
    assert webhook.identity(b"", {}) == webhook.identity(b"", {})


@pytest.mark.parametrize("secrets", [[], [""], [SECRET, ""]])
def test_an_empty_secret_is_never_a_check(secrets: list[str], given: SimpleNamespace) -> None:
    with pytest.raises(MissingCredential):
        webhook.verify(given.settings(), f'{{"Content":{CONTENT},"HashCode":"{HASH}"}}'.encode(), {}, secrets)


def test_two_deliveries_of_one_notification_are_one(given: SimpleNamespace) -> None:
    first = f'{{"Content":{CONTENT},"HashCode":"{HASH}"}}'.encode()
    second = f'{{ "HashCode":"{HASH}", "Content":{CONTENT} }}'.encode()
    assert webhook.identity(first, {}) == webhook.identity(second, {})
    assert webhook.identity(first, {}) != webhook.identity(b"{}", {})


def test_what_the_stand_in_sends_is_believed(site: Any, given: SimpleNamespace) -> None:
    app = next(iter(site.division.tokens.apps.values()))
    content = CONTENT.encode()
    signed = webhook.signature(app.webhook_secret, content)
    assert signed.decode() == HASH


@pytest.fixture
def receiver(site: Any, given: SimpleNamespace) -> Iterator[str]:
    """The webhook receiver with this connection, served."""
    text = connection_template("exact_online", given.CONNECTION, cut_over=date(2026, 1, 1))
    document = yaml.safe_load(text)
    document["erp"]["division"] = 4001234
    connection = Connection.model_validate(document)
    site.store.vault.write(given.CONNECTION, webhook.SECRET_NAMES[0], SECRET)
    with running(create_receiver(site.store, {given.CONNECTION: connection})) as address:
        yield f"{address}/webhooks/erp/{given.CONNECTION}"


def test_the_receiver_answers_as_exact_wants_it_and_notes_what_is_signed(
    receiver: str, site: Any, given: SimpleNamespace
) -> None:
    def noted() -> str | None:
        found: str | None = site.store.marks.get(given.CONNECTION, ERP_NOTIFIED)
        return found

    signed = f'{{"Content":{CONTENT},"HashCode":"{HASH}"}}'
    assert requests.post(receiver, data=b"", timeout=10).status_code == 200
    empty = noted()
    assert requests.post(receiver, data=signed.replace("Update", "Delete").encode(), timeout=10).status_code == 401
    assert noted() == empty
    assert requests.post(receiver, data=signed.encode(), timeout=10).status_code == 200
    assert noted() not in (None, empty)


def test_without_a_secret_in_the_vault_nothing_is_believed(receiver: str, site: Any, given: SimpleNamespace) -> None:
    site.store.vault.remove(given.CONNECTION, webhook.SECRET_NAMES[0])
    signed = f'{{"Content":{CONTENT},"HashCode":"{HASH}"}}'
    assert requests.post(receiver, data=signed.encode(), timeout=10).status_code == 503


@generated(st.binary(max_size=200))
def test_no_bytes_break_the_check(body: bytes) -> None:
    from connector_resources.erp.exact_online.settings import ExactOnlineSettings

    settings = ExactOnlineSettings.model_validate(
        {"kind": "exact_online", "currencies": {"EUR": {"bank_journal": "23", "transit_account": "2000"}},
         "sales_journal": "70"}
    )  # fmt: skip
    assert webhook.verify(settings, body, {}, [SECRET]) is (body == b"")


# --- settings ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"base_url": "https://evil.example"}, "no site of Exact Online"),
        ({"booking_document": "general_journal", "general_journal": None}, "general_journal"),
        ({"fee_vat_mode": "vat_code"}, "vat_codes"),
        ({"sales_journal": None}, "sales_journal"),
        ({"refund_vat_percent": "21"}, "refund_vat_code"),
        ({"currencies": {"EUR": {"transit_account": "2000"}}, "general_journal": None}, "bank_journal"),
        ({"currencies": {"EUR": {"transit_account": "2000"}}}, "clearing_account"),
        ({"currencies": {}}, "currencies"),
        ({"region": "SE"}, "region"),
        ({"misspelt": 1}, "misspelt"),
        ({"errors_per_hour": 10}, "errors_per_hour"),
    ],
)
def test_a_file_that_cannot_work_is_refused(changes: dict[str, Any], complaint: str, given: SimpleNamespace) -> None:
    with pytest.raises(ValidationError, match=complaint):
        given.settings(**changes)


def test_the_region_gives_the_addresses(given: SimpleNamespace) -> None:
    assert given.settings(region="UK").site == "https://start.exactonline.co.uk"
    assert given.settings(region="US").token_address == "https://start.exactonline.com/api/oauth2/token"
    assert given.settings(base_url="http://127.0.0.1:8080/").site == "http://127.0.0.1:8080"


def test_every_setting_says_what_it_is_for(given: SimpleNamespace) -> None:
    from connector_resources.erp.exact_online.settings import CurrencyAccounts, ExactOnlineSettings

    for model in (ExactOnlineSettings, CurrencyAccounts):
        assert not [name for name, field in model.model_fields.items() if not field.description]


# --- the API's forms -----------------------------------------------------------------------------------------------------


def test_literals_are_typed_quoted_and_cannot_be_broken_out_of() -> None:
    assert odata.equal("Name", [odata.text("D'Arcy"), odata.text("x")]) == "(Name eq 'D''Arcy' or Name eq 'x')"
    assert odata.account_code("42") == "'                42'"
    assert odata.long(12) == "12L"
    assert odata.moment(date(2026, 11, 20)) == "datetime'2026-11-20'"
    guid = "7C1DE3B2-5A0F-4F3B-9C0E-2B6F8A1D9E55"
    assert odata.guid(guid) == f"guid'{guid.lower()}'"
    for wrong in ("", "x' or 1 eq 1", guid + "'", guid[:-1]):
        with pytest.raises(ValueError, match="GUID"):
            odata.guid(wrong)
    assert odata.address("/a", select="A,B", filter="A eq 'x y'", top=1) == (
        "/a?$select=A%2CB&$filter=A%20eq%20%27x%20y%27&$top=1"
    )


def test_all_shapes_of_an_answer_are_read() -> None:
    row = {"ID": "1"}
    assert odata.page_of({"d": {"results": [row], "__next": "https://x/y z"}}) == odata.Page([row], "https://x/y%20z")
    assert odata.page_of({"d": [row]}) == odata.Page([row])
    assert odata.page_of({"d": row}) == odata.Page([row])
    for strange in ({}, [], None, {"d": 1}, {"d": None}, "text"):
        with pytest.raises(ValueError, match="d"):
            odata.page_of(strange)


def test_dates_are_taken_as_utc_midnight_whatever_is_appended() -> None:
    assert odata.day_of("/Date(1351209600000)/") == date(2012, 10, 26)
    assert odata.day_of("/Date(-86400000+0100)/") == date(1969, 12, 31)
    assert odata.moment_of("2026-11-20T13:45:00") == datetime(2026, 11, 20, 13, 45, tzinfo=UTC)
    assert odata.day_of(None) is None
    assert odata.day_of("soon") is None


def test_padded_codes_and_unknown_properties_are_read() -> None:
    row = wire.Account.model_validate(
        {"ID": "7C1DE3B2-5A0F-4F3B-9C0E-2B6F8A1D9E55", "Code": "                42", "SearchCode": "RENTE    ",
         "Email": None, "Newer": {"x": 1}}
    )  # fmt: skip
    assert (row.id[:8], row.code, row.search_code, row.email) == ("7c1de3b2", "42", "RENTE", "")


def test_a_list_that_leads_to_another_host_is_not_followed(site: Any) -> None:
    from connector_resources.errors import NotSent

    site.sandbox.faults.add(
        site.fault(
            "error_before", method="GET", path="sync/CRM", status=200,
            body='{"d": {"results": [], "__next": "https://evil.example/api?$skiptoken=1"}}',
        )
    )  # fmt: skip
    with pytest.raises(NotSent, match=r"evil\.example"):
        list(site.connector().customers())


def test_a_list_that_leads_to_itself_ends(site: Any) -> None:
    from connector_resources.errors import BadAnswer

    link = f"{site.address}/api/v1/4001234/sync/CRM/Accounts?again=1"
    body = f'{{"d": {{"results": [], "__next": "{link}"}}}}'
    site.sandbox.faults.add(site.fault("error_before", method="GET", path="sync/CRM", status=200, times=9, body=body))
    with pytest.raises(BadAnswer, match="does not end"):
        list(site.connector().customers())
