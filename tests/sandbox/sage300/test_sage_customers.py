"""Customers: what must be there, what a group brings, property order, PUT and PATCH, optional fields."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

CUSTOMERS = "AR/ARCustomers"
NORDLYS = f"{CUSTOMERS}('1200')"


def fresh(**changes: Any) -> dict[str, Any]:
    body = {"CustomerNumber": "GC00000042", "GroupCode": "RTL", "ShortName": "NORDLYS", "TaxGroup": "NOTAX"}
    return {**body, **changes}


def values(record: dict[str, Any]) -> dict[str, str]:
    return {each["OptionalField"]: each["Value"] for each in record["CustomerOptionalFieldValues"]}


def test_the_minimal_body_takes_the_rest_from_the_group(api: Any) -> None:
    made = api.created(CUSTOMERS, fresh(CustomerName="Nordlys Studio BV"))
    assert (made["AccountSet"], made["Terms"], made["CurrencyCode"], made["Status"], made["OnHold"]) == (
        ("EUR", "N30", "EUR", "Active", "No")
    )
    assert made["StartDate"] == made["DateLastMaintained"] == "2026-11-20T00:00:00Z"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"CustomerNumber": "1200"}, "RecordDuplicate"),
        ({"CustomerNumber": ""}, "RecordInvalid"),
        ({"GroupCode": "NONE"}, "FieldInvalid"),
        ({"TaxGroup": "NONE"}, "FieldInvalid"),
        ({"Terms": "NONE"}, "FieldInvalid"),
        ({"CustomerNumber": "1234567890123"}, "FieldInvalid"),
        ({"CurrencyCode": "GBP"}, "FieldInvalid"),
    ],
)
def test_business_rules_refuse_with_409_and_a_code(api: Any, changes: dict[str, str], code: str) -> None:
    api.problem(api.post(CUSTOMERS, fresh(**changes)), 409, code)
    assert len(api.company.tables["ARCustomers"]) == 1


@pytest.mark.parametrize(
    "body",
    [
        fresh(Nothing="x"),
        fresh(CustomerName=5),
        fresh(OnHold="Perhaps"),
        fresh(StartDate="20 November"),
        fresh(CustomerOptionalFieldValues={}),
        fresh(CustomerOptionalFieldValues=[{"OptionalField": "GCCUST", "Value": 1}]),
        fresh(UpdateOperation="Perhaps"),
        [],
    ],
)
def test_bodies_that_do_not_fit_the_model_are_invalid_payloads(api: Any, body: Any) -> None:
    api.problem(api.post(CUSTOMERS, body), 400, "InvalidPayload")


def test_a_body_that_is_no_json_is_an_invalid_payload(api: Any) -> None:
    answer = api.session.post(f"{api.root}/{CUSTOMERS}", data=b"{'x'", timeout=10)
    api.problem(answer, 400, "InvalidPayload")


def test_properties_take_effect_in_the_order_they_are_sent(api: Any) -> None:
    after = api.created(CUSTOMERS, fresh(Terms="COD"))
    assert after["Terms"] == "COD"
    before = {"CustomerNumber": "X2", "Terms": "COD", "TaxGroup": "EUVAT", "GroupCode": "RTL"}
    made = api.created(CUSTOMERS, before)
    assert (made["Terms"], made["TaxGroup"]) == ("N30", "NOTAX"), "the group came last and reset them"


def test_text_that_is_too_long_is_refused_or_cut_by_switch(api: Any) -> None:
    long = fresh(CustomerName="x" * 61)
    assert "60" in api.problem(api.post(CUSTOMERS, long), 409, "FieldInvalid")
    api.company.switches.change({"over_long": "truncate"})
    assert api.created(CUSTOMERS, long)["CustomerName"] == "x" * 60


def test_members_may_be_sent_by_name_or_number(api: Any) -> None:
    for value in ("Yes", "1", 1, 1.0):
        api.company.clerk.hold_customer("1200", held=False)
        assert api.patch(NORDLYS, {"OnHold": value}).status_code == 204
        assert api.record(NORDLYS)["OnHold"] == "Yes"


def test_a_patch_answers_nothing_and_leaves_the_rest(api: Any) -> None:
    answer = api.patch(NORDLYS, {"CustomerNumber": "1200", "City": "Utrecht"})
    assert (answer.status_code, answer.content) == (204, b"")
    record = api.record(NORDLYS)
    assert (record["City"], record["Email"], record["CustomerNumber"]) == ("Utrecht", "ap@nordlys.example", "1200")
    api.problem(api.patch(f"{CUSTOMERS}('9')", {"City": "x"}), 404, "RecordNotFound")


def test_a_refused_patch_changes_nothing(api: Any) -> None:
    body = {"City": "Utrecht", "CustomerOptionalFieldValues": [{"OptionalField": "NONE", "Value": "x"}]}
    api.problem(api.patch(NORDLYS, body), 409, "FieldInvalid")
    assert api.record(NORDLYS)["City"] == ""


def test_a_patch_adds_optional_fields_and_a_put_purges_those_it_does_not_list(api: Any) -> None:
    for code, value in (("GCMANDATE", "MD1"), ("GCMDSTATUS", "ACTIVE"), ("GCMANDATE", "MD2")):
        body = {"CustomerOptionalFieldValues": [{"OptionalField": code, "Value": value}]}
        assert api.patch(NORDLYS, body).status_code == 204
    assert values(api.record(NORDLYS)) == {"GCMANDATE": "MD2", "GCMDSTATUS": "ACTIVE"}
    put = {
        "GroupCode": "RTL",
        "CustomerName": "Nordlys",
        "CustomerOptionalFieldValues": [{"OptionalField": "GCMANDATE", "Value": "MD3"}],
    }
    assert api.send("PUT", NORDLYS, put).status_code == 204
    record = api.record(NORDLYS)
    assert values(record) == {"GCMANDATE": "MD3"}
    assert record["Email"] == "", "PUT resets what it does not name"


def test_explicit_operations_on_details_must_fit_what_is_there(api: Any) -> None:
    def operate(operation: str) -> Any:
        detail = {"OptionalField": "GCCUST", "Value": "CU1", "UpdateOperation": operation}
        return api.patch(NORDLYS, {"CustomerOptionalFieldValues": [detail]})

    api.problem(operate("Update"), 409, "General")
    api.problem(operate("Delete"), 409, "General")
    assert operate("Insert").status_code == 204
    api.problem(operate("Insert"), 409, "General")
    assert operate("Update").status_code == 204
    assert operate("Delete").status_code == 204
    assert values(api.record(NORDLYS)) == {}


@pytest.mark.parametrize(
    ("kind", "details", "value", "good"),
    [
        ("Text", {"length": 4}, "1234", True),
        ("Text", {"length": 4}, "12345", False),
        ("Date", {}, "20250115", True),
        ("Date", {}, "2025-01-15", False),
        ("YesNo", {}, "1", True),
        ("YesNo", {}, "Yes", False),
        ("Integer", {}, "12", True),
        ("Integer", {}, "1.2", False),
        ("Amount", {}, "12.50", True),
        ("Number", {}, "twelve", False),
        ("Text", {"values": ["ACTIVE", "NONE"]}, "ACTIVE", True),
        ("Text", {"values": ["ACTIVE", "NONE"]}, "active", False),
        ("Text", {"AllowBlank": False}, "", False),
    ],
)
def test_values_of_optional_fields_fit_their_type(api: Any, kind: str, details: Any, value: str, good: bool) -> None:
    api.company.add_optional_field("FIELD", kind, **details)
    answer = api.patch(NORDLYS, {"CustomerOptionalFieldValues": [{"OptionalField": "FIELD", "Value": value}]})
    assert (answer.status_code == 204) == good, answer.text
    if not good:
        assert answer.json()["error"]["code"] == "FieldInvalid"


def test_an_optional_field_shows_its_type_and_typed_value(api: Any) -> None:
    api.patch(NORDLYS, {"CustomerOptionalFieldValues": [{"OptionalField": "GCMDDATE", "Value": "20250115"}]})
    (shown,) = api.record(NORDLYS)["CustomerOptionalFieldValues"]
    assert (shown["CustomerOptionalFieldValueType"], shown["DateValue"]) == ("Date", "2025-01-15T00:00:00Z")
    assert shown["CustomerNumber"] == "1200"


def test_optional_fields_of_other_records_or_without_a_licence_are_refused(api: Any) -> None:
    api.company.add_optional_field("ELSEWHERE", places=("ARInvoices",))
    for code in ("ELSEWHERE", "GCCUST"):
        body = {"CustomerOptionalFieldValues": [{"OptionalField": code, "Value": "x"}]}
        if code == "GCCUST":
            api.company.switches.change({"optional_fields_licensed": False})
        api.problem(api.patch(NORDLYS, body), 409, "FieldInvalid")


def test_a_z_midnight_becomes_the_day_before_where_the_server_shifts(api: Any) -> None:
    api.company.switches.change({"zone_shifts_dates": True})
    api.patch(NORDLYS, {"StartDate": "2026-11-20T00:00:00Z"})
    assert api.record(NORDLYS)["StartDate"] == "2026-11-19T00:00:00Z"
    api.patch(NORDLYS, {"StartDate": "2026-11-20"})
    assert api.record(NORDLYS)["StartDate"] == "2026-11-20T00:00:00Z"


def test_statistics_follow_the_documents_and_cannot_be_written(api: Any) -> None:
    api.company.add_invoice("1200", "IN2", 5000)
    api.patch(NORDLYS, {"BalanceDueInCustomerCurrency": 1})
    record = api.record(NORDLYS)
    assert (record["BalanceDueInCustomerCurrency"], record["NumberOfOpenDocuments"]) == (Decimal(175), 2)
    api.company.clerk.receive("1200", "IN2", 5000)
    record = api.record(NORDLYS)
    assert (record["BalanceDueInCustomerCurrency"], record["NumberOfOpenDocuments"]) == (Decimal(125), 1)


def test_a_renumbered_customer_keeps_its_documents(api: Any) -> None:
    api.company.clerk.renumber_customer("1200", "1201")
    assert api.get(NORDLYS).status_code == 404
    assert api.document("IN0000123", "1201")["CustomerCurrencyAmountDue"] == Decimal(125)


def test_a_customer_without_documents_can_be_deleted(api: Any) -> None:
    api.problem(api.send("DELETE", NORDLYS), 409, "RecordInvalid")
    api.created(CUSTOMERS, fresh())
    assert api.send("DELETE", f"{CUSTOMERS}('GC00000042')").status_code == 204
    assert api.get(f"{CUSTOMERS}('GC00000042')").status_code == 404


def test_codes_can_be_maintained_like_records(api: Any) -> None:
    made = api.created("GL/GLSourceCodes", {"SourceLedger": "GL", "SourceType": "GO", "Description": "GoCardless"})
    assert made["SourceType"] == "GO"
    assert api.get("GL/GLSourceCodes('GL','GO')").status_code == 200
    account = api.created("GL/GLAccounts", {"UnformattedAccount": "9991", "Description": "9991", "Status": "Active"})
    assert account["AccountNumber"] == "9991"
