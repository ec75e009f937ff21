"""What GoCardless refuses to accept, field by field (checklist 10.1.8 and 10.1.9)."""

from __future__ import annotations

from typing import Any

import pytest


def attempt(api: Any, mandate: dict[str, Any], **changes: Any) -> Any:
    currency = "GBP" if mandate["scheme"] == "bacs" else "EUR"
    fields = {"amount": 1000, "currency": currency, "links": {"mandate": mandate["id"]}, **changes}
    return api.post("/payments", {"payments": {name: value for name, value in fields.items() if value is not None}})


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"amount": None}, "amount"),
        ({"amount": 0}, "amount"),
        ({"amount": -1}, "amount"),
        ({"amount": 10.5}, "amount"),
        ({"amount": "1000"}, "amount"),
        ({"currency": None}, "currency"),
        ({"currency": "GBP"}, "currency"),
        ({"currency": "XXX"}, "currency"),
        ({"charge_date": "2026-06-03"}, "charge_date"),
        ({"charge_date": "soon"}, "charge_date"),
        ({"reference": "x" * 141}, "reference"),
        ({"reference": "x"}, "reference"),
        ({"reference": "aaaa"}, "reference"),
        ({"reference": " lead"}, "reference"),
        ({"reference": "a*b"}, "reference"),
        ({"metadata": {"a": "1", "b": "2", "c": "3", "d": "4"}}, "metadata"),
        ({"metadata": {"k" * 51: "1"}}, "metadata"),
        ({"metadata": {"k": "v" * 501}}, "metadata"),
        ({"metadata": {"k": 7}}, "metadata"),
        ({"app_fee": 10}, "app_fee"),
        ({"amuont": 10}, "amuont"),
    ],
)
def test_a_payment_with_a_bad_field_is_refused_by_name(api: Any, changes: dict[str, Any], field: str) -> None:
    assert api.bad_fields(attempt(api, api.mandate(), **changes)) == {field}


def test_the_limits_themselves_are_accepted(api: Any) -> None:
    metadata = {"k" * 50: "v" * 500, "b": "", "c": "ü"}
    answer = attempt(api, api.mandate(), metadata=metadata, reference="ab" * 70, charge_date="2026-06-04")
    assert answer.status_code == 201
    assert answer.json()["payments"]["metadata"] == metadata


def test_a_bacs_reference_holds_ten_characters(api: Any) -> None:
    mandate = api.mandate("bacs")
    assert attempt(api, mandate, reference="INVOICE-10").status_code == 201
    assert api.bad_fields(attempt(api, mandate, reference="INVOICE-101")) == {"reference"}


def test_amount_limits_are_enforced_when_the_account_has_them(api: Any) -> None:
    api.world.settings.enforce_amount_limits = True
    mandate = api.mandate()
    assert api.bad_fields(attempt(api, mandate, amount=99)) == {"amount"}
    assert api.bad_fields(attempt(api, mandate, amount=500_001)) == {"amount"}
    assert attempt(api, mandate, amount=500_000).status_code == 201


def test_a_missing_mandate_is_called_incorrectly_typed(api: Any) -> None:
    answer = api.post("/payments", {"payments": {"amount": 1, "currency": "EUR"}})
    assert api.reason(answer) == (400, "invalid_api_usage", "invalid_type")
    assert "incorrectly typed" in answer.json()["error"]["message"]


def test_an_unknown_mandate_is_not_found(api: Any) -> None:
    answer = api.post("/payments", {"payments": {"amount": 1, "currency": "EUR", "links": {"mandate": "MD404"}}})
    assert api.reason(answer) == (404, "invalid_api_usage", "link_not_found")


def test_nothing_is_collected_from_an_inactive_mandate(api: Any) -> None:
    mandate = api.mandate()
    api.post(f"/mandates/{mandate['id']}/actions/cancel")
    assert api.reason(attempt(api, mandate)) == (422, "invalid_state", "mandate_is_inactive")


def test_a_replaced_mandate_names_its_successor(api: Any) -> None:
    mandate = api.mandate()
    new = api.world.mandate_states.replace(api.world.mandates.get(mandate["id"]))
    answer = attempt(api, mandate)
    assert api.reason(answer) == (422, "invalid_state", "mandate_replaced")
    assert answer.json()["error"]["errors"][0]["links"] == {"new_mandate": new.id}
    old = api.one("mandates", mandate["id"])
    assert (old["status"], old["links"]["new_mandate"]) == ("cancelled", new.id)
    assert attempt(api, {**mandate, "id": new.id}).status_code == 201


def test_payments_take_only_metadata_and_retry_wish_as_updates(api: Any) -> None:
    payment = api.payment(metadata={"a": "1"})
    path = f"/payments/{payment['id']}"
    assert api.bad_fields(api.put(path, {"payments": {"amount": 5}})) == {"amount"}
    changed = api.put(path, {"payments": {"metadata": {"b": "2"}, "retry_if_possible": True}}).json()["payments"]
    # The whole object is replaced, not merged.
    assert (changed["metadata"], changed["retry_if_possible"]) == ({"b": "2"}, True)


@pytest.mark.parametrize(
    ("fields", "bad"),
    [
        ({"company_name": "X"}, {"email"}),
        ({"email": "a@b.de"}, {"given_name"}),
        ({"email": "a@b.de", "given_name": "A"}, {"given_name"}),
        ({"email": "nonsense", "company_name": "X"}, {"email"}),
        ({"email": "a@b.de", "company_name": "X", "country_code": "Germany"}, {"country_code"}),
        ({"email": "a@b.de", "company_name": "X", "language": "xx"}, {"language"}),
    ],
)
def test_a_customer_needs_a_name_and_an_address_for_letters(api: Any, fields: dict[str, Any], bad: set[str]) -> None:
    assert api.bad_fields(api.post("/customers", {"customers": fields})) == bad


@pytest.mark.parametrize(
    ("details", "bad"),
    [
        ({"iban": "DE89370400440532013001"}, {"iban"}),
        ({"country_code": "GB", "branch_code": "2000", "account_number": "55779911"}, {"branch_code"}),
        ({"country_code": "GB", "branch_code": "200000"}, {"account_number"}),
        ({"account_number": "55779911"}, {"country_code"}),
        ({"iban": "DE89370400440532013000", "currency": "GBP"}, {"currency"}),
        ({"country_code": "XX", "account_number": "1"}, {"country_code"}),
    ],
)
def test_bank_details_are_checked(api: Any, details: dict[str, Any], bad: set[str]) -> None:
    fields = {"account_holder_name": "Anna", "links": {"customer": api.customer()["id"]}, **details}
    assert api.bad_fields(api.post("/customer_bank_accounts", {"customer_bank_accounts": fields})) == bad


def test_the_same_bank_account_twice_is_a_conflict_that_names_the_first(api: Any) -> None:
    customer = api.customer()
    fields = {"account_holder_name": "A", "iban": "DE89 3704 0044 0532 0130 00", "links": {"customer": customer["id"]}}
    first = api.made("customer_bank_accounts", **fields)
    answer = api.post(
        "/customer_bank_accounts", {"customer_bank_accounts": {**fields, "iban": "DE89370400440532013000"}}
    )
    assert api.reason(answer) == (409, "validation_failed", "bank_account_exists")
    assert answer.json()["error"]["errors"][0]["links"] == {"customer_bank_account": first["id"]}


def test_a_bank_account_shows_only_the_end_of_its_number(api: Any) -> None:
    fields = {"account_holder_name": "Änne Groß", "iban": "DE89370400440532013000"}
    account = api.made("customer_bank_accounts", **fields, links={"customer": api.customer()["id"]})
    assert (account["account_number_ending"], account["account_holder_name"]) == ("00", "ÄNNE GROSS")
    assert "DE89370400440532013000" not in api.get(f"/customer_bank_accounts/{account['id']}").text


def test_bank_details_can_be_looked_up_without_being_kept(api: Any) -> None:
    answer = api.post("/bank_details_lookups", {"bank_details_lookups": {"iban": "FR1420041010050500013M02606"}})
    assert answer.json()["bank_details_lookups"]["available_debit_schemes"] == ["sepa_core"]
    assert len(api.world.customer_bank_accounts) == 0


def test_disabling_an_account_cancels_what_hangs_on_it(api: Any) -> None:
    mandate = api.mandate()
    payment = api.payment(mandate)
    path = f"/customer_bank_accounts/{mandate['links']['customer_bank_account']}/actions/disable"
    assert api.post(path).json()["customer_bank_accounts"]["enabled"] is False
    assert api.one("mandates", mandate["id"])["status"] == "cancelled"
    assert api.one("payments", payment["id"])["status"] == "cancelled"
    assert api.reason(api.post(path)) == (422, "invalid_state", "disable_failed")


def test_a_removed_customer_is_gone_and_takes_its_mandates_along(api: Any) -> None:
    mandate = api.mandate()
    customer = mandate["links"]["customer"]
    fields = {"amount": 100, "currency": "EUR", "interval_unit": "monthly", "links": {"mandate": mandate["id"]}}
    api.made("subscriptions", **fields)
    api.session.delete(f"{api.base}/customers/{customer}", timeout=10)
    assert api.get(f"/customers/{customer}").status_code == 404
    assert api.get("/customers").json()["customers"] == []
    assert api.get("/subscriptions").json()["subscriptions"] == []
    assert api.one("mandates", mandate["id"])["status"] == "cancelled"
    account = {"account_holder_name": "A", "iban": "FR1420041010050500013M02606", "links": {"customer": customer}}
    answer = api.post("/customer_bank_accounts", {"customer_bank_accounts": account})
    assert api.reason(answer) == (422, "invalid_state", "customer_data_removed")


def test_a_mandate_needs_its_creditor_named_when_there_are_several(api: Any) -> None:
    second = api.world.builder.creditor("Second", "DE", accounts=("EUR",))
    account = {
        "account_holder_name": "A",
        "iban": "DE89370400440532013000",
        "links": {"customer": api.customer()["id"]},
    }
    links = {"customer_bank_account": api.made("customer_bank_accounts", **account)["id"]}
    assert api.bad_fields(api.post("/mandates", {"mandates": {"links": links}})) == {"creditor"}
    assert api.made("mandates", links={**links, "creditor": second.id})["links"]["creditor"] == second.id


@pytest.mark.parametrize("reference", ["ABC", "DDIC-123456"])
def test_a_mandate_reference_of_our_own_has_rules(api: Any, reference: str) -> None:
    account = {
        "account_holder_name": "A",
        "iban": "DE89370400440532013000",
        "links": {"customer": api.customer()["id"]},
    }
    links = {"customer_bank_account": api.made("customer_bank_accounts", **account)["id"]}
    assert api.bad_fields(api.post("/mandates", {"mandates": {"links": links, "reference": reference}})) == {
        "reference"
    }


def paid(api: Any) -> dict[str, Any]:
    payment: dict[str, Any] = api.payment()
    api.simulated("payment_confirmed", payment["id"])
    return payment


def refund(api: Any, payment: dict[str, Any], amount: int, total: int) -> Any:
    links = {"payment": payment["id"]}
    fields = {"amount": amount, "total_amount_confirmation": total, "links": links}
    return api.post("/refunds", {"refunds": fields})


def test_a_refund_must_confirm_the_total_so_far(api: Any) -> None:
    payment = paid(api)
    assert refund(api, payment, 100, 100).status_code == 201
    answer = refund(api, payment, 100, 100)
    assert api.reason(answer) == (422, "invalid_state", "total_amount_confirmation_invalid")
    assert refund(api, payment, 100, 200).status_code == 201
    assert api.one("payments", payment["id"])["amount_refunded"] == 200


def test_a_refund_needs_balance_and_a_collected_payment(api: Any) -> None:
    payment = paid(api)
    assert api.reason(refund(api, payment, 10_000, 10_000))[2] == "available_refund_amount_insufficient"
    assert api.reason(refund(api, api.payment(), 100, 100))[2] == "refund_payment_invalid_state"
    assert "total_amount_confirmation" in api.bad_fields(
        api.post("/refunds", {"refunds": {"amount": 1, "links": {"payment": payment["id"]}}})
    )


def test_a_payment_can_be_refunded_five_times(api: Any) -> None:
    payment = paid(api)
    for number in range(1, 6):
        assert refund(api, payment, 10, 10 * number).status_code == 201
    assert api.reason(refund(api, payment, 10, 60))[2] == "number_of_refunds_exceeded"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"interval_unit": "daily"}, "interval_unit"),
        ({"interval_unit": "yearly", "month": "may"}, "month"),
        ({"interval_unit": "monthly", "month": "may"}, "month"),
        ({"interval_unit": "weekly", "day_of_month": 3}, "day_of_month"),
        ({"day_of_month": 29}, "day_of_month"),
        ({"start_date": "2026-06-02"}, "start_date"),
        ({"count": 2, "end_date": "2027-01-01"}, "end_date"),
    ],
)
def test_a_subscription_obeys_the_recurrence_rules(api: Any, changes: dict[str, Any], field: str) -> None:
    links = {"mandate": api.mandate()["id"]}
    fields = {"amount": 100, "currency": "EUR", "interval_unit": "monthly", "links": links, **changes}
    assert api.bad_fields(api.post("/subscriptions", {"subscriptions": fields})) == {field}


def test_instalments_must_sum_to_their_total(api: Any) -> None:
    links = {"mandate": api.mandate()["id"]}
    parts = [{"amount": 300, "charge_date": "2026-07-01"}, {"amount": 700, "charge_date": "2026-08-03"}]
    fields = {"name": "Invoice 7", "currency": "EUR", "total_amount": 999, "instalments": parts, "links": links}
    answer = api.post("/instalment_schedules", {"instalment_schedules": fields})
    assert api.bad_fields(answer) == {"total_amount"}
