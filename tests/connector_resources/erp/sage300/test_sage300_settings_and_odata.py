"""Settings that contradict each other are refused; literals, addresses and answers of the OData feed."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from bookkeeping.postings import AccountRole
from connector_resources.erp.sage300 import odata, wire
from connector_resources.errors import ConfigurationError
from connector_resources.transport.messages import Response

EUR = {"bank_account": "1020"}


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"mode": "ar_receipts", "currencies": {"EUR": EUR}}, "bank_code"),
        ({"create_customers": True}, "customer_group"),
        ({"quiet_hours": {"begins": "02:00", "ends": "02:00"}}, "same minute"),
        ({"base_url": "erp.example.com"}, "base_url"),
        ({"base_url": "https://erp.example.com/Sage300WebApi?x=1"}, "base_url"),
        ({"company": "toolong1"}, "company"),
        ({"company": "samltd"}, "company"),
        ({"odata_dialect": "v5"}, "odata_dialect"),
        ({"misspelt": 1}, "misspelt"),
    ],
)
def test_settings_that_cannot_work_are_refused(given: SimpleNamespace, changes: dict[str, Any], names: str) -> None:
    with pytest.raises(ValidationError, match=names):
        given.settings(**changes)


def test_the_promised_defaults(given: SimpleNamespace) -> None:
    section = given.section(currencies={"EUR": EUR})
    del section["mode"]
    settings = type(given.settings()).model_validate(section)

    assert (settings.mode, settings.post_mode, settings.credential_case) == ("payout_gl", "open", "upper")
    assert (settings.page_size, settings.max_entries_per_batch, settings.tenant) == (100, 50, "-")
    assert settings.root == "/v1.0/-/SAMLTD/"


def test_roles_without_an_account_share_that_of_the_fees(given: SimpleNamespace) -> None:
    settings = given.settings()

    assert settings.account(AccountRole.SURCHARGES, "EUR") == settings.account(AccountRole.FEES, "EUR") == "6115"
    assert settings.account(AccountRole.CLEARING, "GBP") == "1098"
    assert settings.account(AccountRole.CLEARING, "USD") is None


@pytest.mark.parametrize(("user", "password"), [("GC:API", "secret"), ("", "secret"), ("GCAPI", "geheimß")])
def test_credentials_that_basic_cannot_carry_are_named(
    site: Any, given: SimpleNamespace, user: str, password: str
) -> None:
    site.store.vault.write(given.CONNECTION, "sage300_username", user or " ")
    site.store.vault.write(given.CONNECTION, "sage300_password", password)

    with pytest.raises(ConfigurationError, match="ASCII"):
        site.connector()


def test_literals_cannot_change_what_is_asked() -> None:
    assert odata.text("O'Neil' or 'a' eq 'a") == "'O''Neil'' or ''a'' eq ''a'"
    assert odata.any_of("DocumentNumber", [odata.text("A"), odata.text("B")]) == (
        "DocumentNumber eq 'A' or DocumentNumber eq 'B'"
    )
    assert odata.moment(date(2025, 1, 15), "v4") == "2025-01-15T00:00:00Z"
    assert odata.moment(date(2025, 1, 15), "v3") == "datetime'2025-01-15T00:00'"


@pytest.mark.parametrize("value", ["A/B", "A\\B", "A?B", "A#B", "100%", "A&B", "A+B", ""])
def test_keys_that_do_not_survive_an_address_are_refused(value: str) -> None:
    with pytest.raises(ValueError, match="address"):
        odata.key(value)


def test_an_address_is_encoded_as_a_whole() -> None:
    made = odata.address("/AR/ARCustomers", skip=100, top=100, select="A,B", filter="Name eq 'Ö & Co'")

    assert made == (
        "/AR/ARCustomers?$select=A%2CB&$filter=Name%20eq%20%27%C3%96%20%26%20Co%27&$count=true&$skip=100&$top=100"
    )


def test_of_a_next_link_only_the_number_is_taken() -> None:
    page = odata.page_of({"value": [1], "@odata.nextLink": "http://sage-srv01.internal/x?$skip=100&$top=100"})

    assert (page.rows, page.skip) == ([1], 100)


@pytest.mark.parametrize(
    "content",
    [{"@odata.count": 625}, {"@odata.count": "625"}, {"odata.count": 625}, {"odata.count": "625"}],
)
def test_all_spellings_of_the_count_are_read(content: dict[str, Any]) -> None:
    assert odata.page_of({"value": [], **content}).count == 625


@pytest.mark.parametrize("content", [[], {"value": {}}, {"value": [], "@odata.nextLink": "http://x/?a=b"}, "text"])
def test_answers_of_another_shape_are_refused(content: Any) -> None:
    with pytest.raises(ValueError, match=r"JSON object|list|skip"):
        odata.page_of(content)


def test_a_single_record_comes_without_a_wrapper() -> None:
    assert odata.page_of({"CustomerNumber": "1200"}).rows == [{"CustomerNumber": "1200"}]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"error":{"code":"RecordNotFound","message":{"lang":"en-US","value":"No."}}}', ("RecordNotFound", "No.")),
        (b'{"error":{"code":"General","message":"Plain."}}', ("General", "Plain.")),
        (b'{"error":{"code":404,"message":"Another system"}}', None),
        (b"<html>IIS</html>", None),
        (b"[]", None),
    ],
)
def test_errors_are_sages_own_only_with_its_codes(body: bytes, expected: Any) -> None:
    assert odata.envelope(Response(404, {}, body)) == expected


@pytest.mark.parametrize("written", ["2010-08-18T00:00:00", "2010-08-18T00:00:00Z", "2010-08-18"])
def test_days_are_read_through_no_time_zone(written: str) -> None:
    assert odata.day_of(written) == date(2010, 8, 18)
    assert odata.day_of(None) is None


def test_blanks_are_stripped_and_numbers_of_both_kinds_are_read() -> None:
    row = wire.ReceiptBatch.model_validate(
        {"BatchNumber": 75, "Description": "GC RCPT   ", "NumberOfEntries": "2", "BatchStatus": "Open", "ETag": None}
    )
    padded = wire.JournalBatch.model_validate({"BatchNumber": "000490", "Status": "Posted"})

    assert (row.number, row.description, row.number_of_entries) == ("75", "GC RCPT", 2)
    assert (padded.number, padded.batch_status) == ("000490", "Posted")
    assert wire.ReceiptBatch.model_validate({"BatchNumber": "75.000"}).number == "75"
