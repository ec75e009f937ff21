"""Feeds and records: pages and next links, counts, selections, filters in both dialects, keys, dates, numbers."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import pytest

CUSTOMERS = "AR/ARCustomers"
DOCUMENTS = "AR/ARPostedDocuments"
EDM = "{http://docs.oasis-open.org/odata/ns/edm}"


@pytest.fixture
def many(api: Any) -> Any:
    """Two hundred and fifty further customers, C000 to C249."""
    for number in range(250):
        api.company.add_customer(f"C{number:03d}", f"Customer {number}")
    return api


def numbers(rows: list[dict[str, Any]]) -> list[str]:
    return [row["CustomerNumber"] for row in rows]


def test_a_feed_comes_in_pages_whose_links_name_a_host_nobody_knows(many: Any) -> None:
    body = many.get(CUSTOMERS, select="CustomerNumber", count="true").json()
    assert (len(body["value"]), body["@odata.count"]) == (100, 251)
    link = urlsplit(body["@odata.nextLink"])
    assert link.netloc == "sage-srv01.corp.internal"
    assert parse_qs(link.query) == {"$select": ["CustomerNumber"], "$count": ["true"], "$skip": ["100"]}


def test_skipping_by_the_link_reads_everything_once_in_key_order(many: Any) -> None:
    seen: list[str] = []
    skip = 0
    while True:
        body = many.get(CUSTOMERS, select="CustomerNumber", skip=str(skip)).json()
        seen += numbers(body["value"])
        if "@odata.nextLink" not in body:
            break
        skip = int(parse_qs(urlsplit(body["@odata.nextLink"]).query)["$skip"][0])
    assert seen == ["1200", *(f"C{number:03d}" for number in range(250))]


def test_a_top_above_the_page_size_is_cut_without_a_word_or_with_a_link(many: Any) -> None:
    body = many.get(CUSTOMERS, top="150", skip="50").json()
    assert (len(body["value"]), "@odata.nextLink" in body) == (100, False)
    many.company.switches.change({"top_over_page": "next_link"})
    link = many.get(CUSTOMERS, top="150", skip="50").json()["@odata.nextLink"]
    assert parse_qs(urlsplit(link).query) == {"$skip": ["150"], "$top": ["50"]}


def test_the_page_size_is_a_setting_of_the_server(many: Any) -> None:
    many.company.switches.change({"page_size": 1000})
    assert len(many.rows(CUSTOMERS, select="CustomerNumber")) == 251


def test_rows_that_arrive_between_pages_move_the_rest(many: Any) -> None:
    many.company.between_pages.append(lambda: many.company.add_customer("B000", "In between"))
    first = numbers(many.rows(CUSTOMERS, select="CustomerNumber"))
    second = numbers(many.rows(CUSTOMERS, select="CustomerNumber", skip="100"))
    assert first[-1] == second[0], "the last row of the first page is read again"


def test_keyset_reading_continues_after_a_key(many: Any) -> None:
    rows = many.rows(CUSTOMERS, select="CustomerNumber", filter="CustomerNumber gt 'C246'", top="2")
    assert numbers(rows) == ["C247", "C248"]


def test_the_count_can_be_spelled_as_it_was_in_v3(api: Any) -> None:
    api.company.switches.change({"odata_prefix": "", "count_as_text": True})
    assert api.get(CUSTOMERS, count="true").json()["odata.count"] == "1"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("FullyPaid eq 'No' and DocumentType eq 'Invoice'", ["IN1", "IN2"]),
        ("FullyPaid eq '0' and DocumentType eq '1'", ["IN1", "IN2"]),
        ("DocumentType ne 'Invoice'", ["CN1"]),
        ("CustomerCurrencyAmountDue gt 100", ["IN2"]),
        ("CustomerCurrencyAmountDue ge 100.00 and CustomerCurrencyAmountDue le 100.00", ["IN1"]),
        ("CustomerCurrencyAmountDue lt 0", ["CN1"]),
        ("DocumentDate ge 2026-11-05T00:00:00Z", ["CN1", "IN2"]),
        ("DocumentDate gt 2026-11-05T12:00:00Z", ["CN1"]),
        ("DocumentDate eq 2026-11-05T00:00:00Z", ["IN2"]),
        ("DocumentDate eq 2026-11-05T01:00:00Z", []),
        ("DatePaid eq null", ["CN1", "IN1", "IN2"]),
        ("startswith(DocumentNumber,'IN') and not (DocumentNumber eq 'IN1')", ["IN2"]),
        ("contains(PONumber,'O''B')", ["IN2"]),
        ("DocumentNumber eq 'IN1' or DocumentNumber eq 'CN1'", ["CN1", "IN1"]),
        ("PONumber eq 'o''brien'", []),
        ("PostingSequenceNumber gt 2", ["IN2", "CN1"]),
    ],
)
def test_filters_find_what_they_say(api: Any, text: str, found: list[str]) -> None:
    company = api.company
    company.tables[DOCUMENTS[3:]].remove("1200", "IN0000123")
    company.add_invoice("1200", "IN1", 10000, dated=date(2026, 11, 1))
    company.add_invoice("1200", "IN2", 20000, dated=date(2026, 11, 5), PONumber="O'BRIEN")
    company.add_invoice("1200", "CN1", 5000, dated=date(2026, 11, 6), DocumentType="CreditNote")
    rows = api.rows(DOCUMENTS, select="DocumentNumber", filter=text)
    assert sorted(row["DocumentNumber"] for row in rows) == sorted(found)


@pytest.mark.parametrize(
    "text",
    [
        "Nothing eq 'x'",
        "DocumentDate ge datetime'2026-11-05T00:00'",
        "DocumentDate ge 2026-11-05",
        "DocumentDate ge '2026-11-05'",
        "CustomerCurrencyAmountDue gt 99.99m",
        "CustomerCurrencyAmountDue gt '99'",
        "DocumentNumber eq 5",
        "FullyPaid eq 'Maybe'",
        "FullyPaid gt 'No'",
        "FullyPaid eq No",
        "substringof('IN',DocumentNumber)",
        "DocumentNumber eq 'IN1' and",
        "DocumentNumber like 'IN%'",
        "(DocumentNumber eq 'IN1'",
    ],
)
def test_filters_that_do_not_fit_are_invalid_parameters(api: Any, text: str) -> None:
    api.problem(api.get(DOCUMENTS, filter=text), 400, "InvalidParameters")


def test_the_old_dialect_takes_its_own_literals_only(api: Any) -> None:
    api.company.switches.change({"dialect": "v3"})
    old = "DocumentDate ge datetime'2026-11-01T00:00' and CustomerCurrencyAmountDue gt 99.99m"
    assert len(api.rows(DOCUMENTS, filter=old)) == 1
    assert len(api.rows(DOCUMENTS, filter="substringof('000',DocumentNumber)")) == 1
    assert len(api.rows(DOCUMENTS, filter="endswith(DocumentNumber,'123')")) == 1
    api.problem(api.get(DOCUMENTS, filter="DocumentDate ge 2026-11-01T00:00:00Z"), 400, "InvalidParameters")
    api.problem(api.get(DOCUMENTS, filter="contains(DocumentNumber,'000')"), 400, "InvalidParameters")


@pytest.mark.parametrize(("words", "good", "bad"), [("name", "No", "0"), ("number", "0", "No")])
def test_a_release_may_take_only_names_or_only_numbers_of_members(api: Any, words: str, good: str, bad: str) -> None:
    api.company.switches.change({"filter_enums": words})
    assert len(api.rows(DOCUMENTS, filter=f"FullyPaid eq '{good}'")) == 1
    api.problem(api.get(DOCUMENTS, filter=f"FullyPaid eq '{bad}'"), 400, "InvalidParameters")


def test_an_unknown_property_is_named_with_its_type(api: Any) -> None:
    told = api.problem(api.get(CUSTOMERS, select="CustomerNumber,Nothing"), 400, "InvalidParameters")
    assert told.startswith("Could not find a property named 'Nothing' on type '")
    told = api.problem(api.get(CUSTOMERS, filter="CustomerOptionalFieldValues eq 'x'"), 400, "InvalidParameters")
    assert "CustomerOptionalFieldValues" in told, "details cannot be filtered"


@pytest.mark.parametrize("query", [{"orderby": "CustomerName"}, {"expand": "x"}, {"top": "-1"}, {"count": "yes"}])
def test_other_options_are_refused(api: Any, query: dict[str, str]) -> None:
    api.problem(api.get(CUSTOMERS, **query), 400, "InvalidParameters")


def test_one_record_comes_without_the_feed_around_it(api: Any) -> None:
    record = api.record(f"{CUSTOMERS}('1200')")
    assert (record["CustomerNumber"], "value" in record) == ("1200", False)
    shown = api.get(f"{CUSTOMERS}('1200')", select="Email").json()
    assert {name for name in shown if not name.startswith("@")} == {"Email"}
    assert api.get(f"{DOCUMENTS}('1200','IN0000123')").status_code == 200, "unnamed parts go in metadata order"
    api.problem(api.get(f"{CUSTOMERS}('9')"), 404, "RecordNotFound")


@pytest.mark.parametrize(
    "key",
    [
        f"{CUSTOMERS}(1200)",
        f"{DOCUMENTS}('1200')",
        f"{DOCUMENTS}(CustomerNumber='1200',Number='x')",
        "AR/ARInvoiceBatches('1')",
        "AR/ARInvoiceBatches()",
    ],
)
def test_malformed_keys_are_told_apart_from_missing_records(api: Any, key: str) -> None:
    api.problem(api.get(key), 400, "InvalidEntityKey")


def test_quotes_in_keys_are_doubled(api: Any) -> None:
    api.company.add_customer("O'BRIEN", "O'Brien")
    assert api.record(f"{CUSTOMERS}('O''BRIEN')")["CustomerName"] == "O'Brien"


def test_verbs_a_resource_does_not_have_are_refused(api: Any) -> None:
    for method, path in (
        ("PUT", "AR/ARInvoiceBatches(1)"),
        ("DELETE", "AR/ARInvoiceBatches(1)"),
        ("PATCH", "BK/BKBankEntries(1)"),
        ("POST", DOCUMENTS),
        ("GET", "AR/ARPostInvoices('$process')"),
    ):
        api.problem(api.send(method, path, {}), 405, "MethodNotAllowed")
    api.problem(api.post(f"{CUSTOMERS}('1200')", {}), 400, "InvalidAction")
    api.problem(api.post("AR/ARPostInvoices($process)", {}), 400, "InvalidAction")


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({}, '"CustomerCurrencyAmountDue":125,'),
        ({"number_style": "scale3"}, '"CustomerCurrencyAmountDue":125.000,'),
        ({"number_style": "one_place"}, '"CustomerCurrencyAmountDue":125.0,'),
        ({}, '"DueDate":"2026-11-30T00:00:00Z"'),
        ({"date_style": "plain"}, '"DueDate":"2026-11-30T00:00:00"'),
        ({"padded_text": True}, '"CustomerNumber":"1200        "'),
        ({"model_leftovers": True}, '"ETag":null'),
        ({"batch_numbers_with_decimals": True}, '"BatchNumber":1.0,'),
        ({"renamed_members": {"Invoice": "INVOICE"}}, '"DocumentType":"INVOICE"'),
    ],
)
def test_numbers_dates_and_members_are_printed_as_the_release_does(api: Any, changes: Any, shown: str) -> None:
    api.company.switches.change(changes)
    assert shown in api.get(DOCUMENTS).text


def test_metadata_lists_keys_properties_members_and_sets_of_a_module(api: Any) -> None:
    root = ElementTree.fromstring(api.get("AR/$metadata").content)  # noqa: S314 - our own server
    types = {each.get("Name"): each for each in root.iter(f"{EDM}EntityType")}
    keys = [ref.get("Name") for ref in types["ReceiptAndAdjustmentBatch"].iter(f"{EDM}PropertyRef")]
    assert keys == ["BatchRecordType", "BatchNumber"]
    names = {each.get("Name"): each.get("Type") for each in types["Customer"].iter(f"{EDM}Property")}
    assert names["DateLastMaintained"] == "Edm.DateTimeOffset"
    assert names["CustomerOptionalFieldValues"].startswith("Collection(")
    sets = {each.get("Name") for each in root.iter(f"{EDM}EntitySet")}
    assert {"ARCustomers", "ARPostInvoices"} <= sets
    assert not {name for name in sets if not str(name).startswith("AR")}
    assert api.get("AP/$metadata").status_code == 404


def test_metadata_spells_members_as_this_release_does(api: Any) -> None:
    api.company.switches.change({"renamed_members": {"UnappliedCash": "Unappliedcash"}})
    text = api.get("AR/$metadata").text
    assert 'Name="Unappliedcash" Value="3"' in text
    assert 'Name="UnappliedCash"' not in text


def test_templates_show_the_parameters_of_a_process_and_the_defaults_of_a_record(api: Any) -> None:
    given = api.post("GL/GLPostJournal('$template')", {}).json()
    assert {"PostAllBatches", "FromBatchNumber", "ToBatchNumber"} <= set(given)
    api.company.switches.change({"gl_post_from": "BatchFrom", "gl_post_to": "BatchTo"})
    assert "BatchFrom" in api.post("GL/GLPostJournal('$template')", {}).json()
    assert api.post(f"{CUSTOMERS}('$template')", {}).json()["OnHold"] == "No"


def test_the_profile_shows_the_option_for_locked_periods(api: Any) -> None:
    assert api.rows("CS/CSCompanyProfile")[0]["LockedFiscalPeriod"] == "Error"
    api.company.switches.change({"locked_period": "none"})
    assert api.rows("CS/CSCompanyProfile")[0]["LockedFiscalPeriod"] == "None"


def test_date_last_maintained_is_a_day_without_a_time(api: Any) -> None:
    api.company.clock.advance(timedelta(days=2, hours=5))
    api.patch(f"{CUSTOMERS}('1200')", {"Email": "new@nordlys.example"})
    assert api.record(f"{CUSTOMERS}('1200')")["DateLastMaintained"] == "2026-11-22T00:00:00Z"
    late = "DateLastMaintained ge 2026-11-22T00:00:00Z"
    assert numbers(api.rows(CUSTOMERS, filter=late)) == ["1200"]
    assert api.rows(CUSTOMERS, filter="DateLastMaintained ge 2026-11-22T00:00:01Z") == []


def test_thousands_of_open_documents_are_entered_posted_and_read_at_once(api: Any) -> None:
    company = api.company
    company.switches.change({"page_size": 1000})
    for number in range(25):
        entries = [api.invoice(f"B{number:02d}{count:03d}", "10.00") for count in range(100)]
        made = api.created("AR/ARInvoiceBatches", api.invoices(*entries))
        company.clerk.post("ARInvoiceBatches", int(made["BatchNumber"]))
    rows = api.get(
        DOCUMENTS, filter="FullyPaid eq 'No'", count="true", select="DocumentNumber,CustomerCurrencyAmountDue"
    )
    assert json.loads(rows.content)["@odata.count"] == 2501
    assert company.books.receivable("1200", "EUR") == 2500 * 1000 + 12500
    assert api.record(f"{CUSTOMERS}('1200')")["BalanceDueInCustomerCurrency"] == Decimal(25125)
