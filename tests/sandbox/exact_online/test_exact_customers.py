"""Customers, bank accounts, mandates, documents: what may be written and how it is refused."""

from __future__ import annotations

import base64
from typing import Any

import pytest

IBAN = "NL91ABNA0417164300"


def bank_account(api: Any, **changes: Any) -> dict[str, Any]:
    return api.created("crm/BankAccounts", {"Account": api.customer(), "BankAccount": IBAN, **changes})


def mandate(api: Any, **changes: Any) -> dict[str, Any]:
    found = api.rows("crm/BankAccounts", "ID", f"Account eq guid'{api.customer()}'") or [bank_account(api)]
    return {"Account": api.customer(), "BankAccount": found[0]["ID"], "Reference": "GC-MD1", **changes}


def test_a_customer_needs_a_name_only_and_gets_the_next_free_code(api: Any) -> None:
    assert api.problem(api.post("crm/Accounts", {"Email": "x@example.test"}), 500) == "Mandatory: Name"
    row = api.created("crm/Accounts", {"Name": "Nieuw"})
    assert (len(row["Code"]), row["Code"].strip(), row["Status"]) == (18, "1001", None)


def test_messages_follow_the_language_of_the_user(api: Any) -> None:
    api.division.switches.language = "nl"
    answer = api.post("crm/Accounts", {})
    assert api.problem(answer, 500) == "Verplicht: Name"
    assert answer.json()["error"]["message"]["lang"] == "nl-NL"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"Code": "42"}, "Data already exists"),
        ({"Code": "A1"}, "Invalid: Account code"),
        ({"Name": "n" * 51}, "maximum length 50"),
        ({"Status": "X"}, "Invalid: Status"),
    ],
)
def test_a_wrong_customer_is_a_business_refusal(api: Any, changes: dict[str, str], text: str) -> None:
    assert text in api.problem(api.post("crm/Accounts", {"Name": "Nieuw", **changes}), 500)


def test_a_put_changes_what_it_names_and_answers_with_nothing(api: Any) -> None:
    answer = api.put(f"crm/Accounts(guid'{api.customer()}')", {"SearchCode": "CU000123"})
    assert (answer.status_code, answer.content) == (204, b"")
    row = api.one("crm/Accounts", "Name,SearchCode", "SearchCode eq 'CU000123'")
    assert row["Name"] == "Zonnebloem B.V."


def test_a_used_customer_cannot_be_deleted_and_an_unused_one_can(api: Any) -> None:
    assert "in use" in api.problem(api.delete(f"crm/Accounts(guid'{api.customer()}')"), 500)
    assert api.delete(f"crm/Accounts(guid'{api.customer('43')}')").status_code == 204
    api.problem(api.delete(f"crm/Accounts(guid'{api.division.new_id()}')"), 404)


def test_an_unknown_field_is_400_and_a_read_only_one_is_dropped(api: Any) -> None:
    refused = api.post("crm/Accounts", {"Name": "Nieuw", "Nickname": "n"})
    assert "No property 'Nickname' exists" in api.problem(refused, 400)
    row = api.created("crm/Accounts", {"Name": "Nieuw", "IsSales": True})
    assert row["IsSales"] is False
    assert api.division.ignored_fields == {"crm/Accounts: IsSales"}


def test_unknown_fields_can_be_dropped_without_a_word(api: Any) -> None:
    api.division.switches.unknown_fields = "drop"
    api.created("crm/Accounts", {"Name": "Nieuw", "Nickname": "n"})
    assert api.division.ignored_fields == {"crm/Accounts: Nickname"}


@pytest.mark.parametrize(
    ("field", "value"), [("GLAR", "1300"), ("Blocked", "yes"), ("EndDate", "20-11-2026"), ("Name", 5)]
)
def test_a_value_of_another_type_is_400(api: Any, field: str, value: Any) -> None:
    message = api.problem(api.post("crm/Accounts", {"Name": "Nieuw", field: value}), 400)
    assert f"converting the value from request payload for property '{field}' to type" in message


def test_a_guid_of_another_division_is_dropped_without_a_word(api: Any) -> None:
    row = api.created("crm/Accounts", {"Name": "Nieuw", "GLAR": api.division.foreign_id()})
    assert row["GLAR"] is None


def test_without_prefer_most_properties_come_back_null(api: Any) -> None:
    answer = api.post("crm/Accounts", {"Name": "Nieuw"}, full=False)
    assert answer.status_code == 201
    entity = answer.json()["d"]
    assert (entity["Name"], entity["Code"]) == (None, None)
    assert answer.headers["Location"] == f"{api.base}/crm/Accounts(guid'{entity['ID']}')"


@pytest.mark.parametrize("number", ["NL00ABNA0417164300", "12", "NL91 ABNA 0417 1643 99"])
def test_an_account_number_must_pass_its_check(api: Any, number: str) -> None:
    refused = api.post("crm/BankAccounts", {"Account": api.customer(), "BankAccount": number})
    assert "Invalid: Bank account" in api.problem(refused, 500)


def test_the_first_bank_account_becomes_the_main_one(api: Any) -> None:
    assert bank_account(api)["Main"] is True
    assert bank_account(api, BankAccount="1234567")["Main"] is False
    assert "already exists" in api.problem(
        api.post("crm/BankAccounts", {"Account": api.customer(), "BankAccount": IBAN}), 500
    )


def test_a_mandate_is_created_cancelled_and_found_by_reference(api: Any) -> None:
    row = api.created("cashflow/DirectDebitMandates", mandate(api, Attachment="AAAA", AttachmentFileName="m.pdf"))
    assert (row["Main"], row["Type"]) == (0, 0)
    assert "Attachment" not in row
    path = f"cashflow/DirectDebitMandates(guid'{row['ID']}')"
    assert api.put(path, {"CancellationDate": "2026-11-20T00:00:00"}).status_code == 204
    found = api.one("cashflow/DirectDebitMandates", "CancellationDate", "Reference eq 'GC-MD1'")
    assert found["CancellationDate"] == "/Date(1795132800000)/"
    assert api.delete(path).status_code == 204


def test_a_mandate_is_refused_for_its_reference_account_or_second_main(api: Any) -> None:
    path = "cashflow/DirectDebitMandates"
    api.created(path, mandate(api, Main=1))
    assert "maximum length 35" in api.problem(api.post(path, mandate(api, Reference="x" * 36)), 500)
    assert "already exists" in api.problem(api.post(path, mandate(api)), 500)
    assert "Main mandate" in api.problem(api.post(path, mandate(api, Reference="other", Main=1)), 500)
    foreign = mandate(api, Reference="third", Account=api.customer("43"))
    assert "Invalid reference: Bank account" in api.problem(api.post(path, foreign), 500)
    assert "Bottomline" in api.problem(api.post(path, mandate(api, Reference="fourth", Type=2)), 500)


def test_evidence_can_be_tied_to_a_posted_entry(api: Any) -> None:
    entry = api.created("financialtransaction/BankEntries", api.receipt())
    body = {"Subject": "payout", "Type": 55, "FinancialTransactionEntryID": entry["EntryID"]}
    document = api.created("documents/Documents", body)
    content = base64.b64encode(b"report").decode()
    attachment = {"Document": document["ID"], "FileName": "payout.txt", "Attachment": content}
    assert api.created("documents/DocumentAttachments", attachment)["FileSize"] == 6
    api.problem(api.post("documents/DocumentAttachments", {**attachment, "Attachment": "%%%"}), 400)
    assert api.delete(f"documents/Documents(guid'{document['ID']}')").status_code == 204
    assert api.rows("documents/DocumentAttachments", "ID") == []


def test_methods_an_endpoint_does_not_have_are_405(api: Any) -> None:
    entry = api.created("financialtransaction/BankEntries", api.receipt())
    assert api.put(f"financialtransaction/BankEntries(guid'{entry['EntryID']}')", {}).status_code == 405
    assert api.post("financial/Journals", {}).status_code == 405
    assert api.delete("crm/Accounts").status_code == 405
