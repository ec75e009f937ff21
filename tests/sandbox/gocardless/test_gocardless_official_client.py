"""GoCardless's own Python client can work with the sandbox."""

from __future__ import annotations

from typing import Any

import gocardless_pro
import pytest
from gocardless_pro import errors

from sandbox.gocardless.load import load_confirmed_payments
from sandbox.gocardless.world import READ_ONLY_TOKEN, READ_WRITE_TOKEN


@pytest.fixture
def client(api: Any) -> Any:
    return gocardless_pro.Client(access_token=READ_WRITE_TOKEN, base_url=api.base, raise_on_idempotency_conflict=True)


def test_it_creates_what_a_collection_needs_and_reads_it_back(client: Any) -> None:
    customer = client.customers.create({"given_name": "Päivi", "family_name": "Mäkelä", "email": "p@example.fi"})
    account = client.customer_bank_accounts.create(
        {"iban": "DE89370400440532013000", "account_holder_name": "P", "links": {"customer": customer.id}}
    )
    mandate = client.mandates.create({"links": {"customer_bank_account": account.id}})
    payment = client.payments.create({"amount": 1234, "currency": "EUR", "links": {"mandate": mandate.id}})
    assert client.payments.get(payment.id).attributes == payment.attributes
    assert client.payments.cancel(payment.id).status == "cancelled"
    assert client.customers.update(customer.id, {"city": "Jyväskylä"}).city == "Jyväskylä"
    assert [event.action for event in client.events.all(params={"payment": payment.id})] == ["cancelled", "created"]


def test_it_iterates_over_every_page(client: Any, api: Any) -> None:
    loaded = load_confirmed_payments(api.world, 130, customers=3, at=api.world.now())
    assert [payment.id for payment in client.payments.all(params={"limit": 50})] == list(reversed(loaded.payments))


def test_it_raises_on_a_key_that_was_used(client: Any) -> None:
    fields = {"company_name": "X", "email": "x@example.de"}
    first = client.customers.create(fields, headers={"Idempotency-Key": "k"})
    with pytest.raises(errors.IdempotentCreationConflictError) as caught:
        client.customers.create(fields, headers={"Idempotency-Key": "k"})
    assert caught.value.conflicting_resource_id == first.id


def test_without_raising_it_returns_the_first_resource(api: Any) -> None:
    client = gocardless_pro.Client(access_token=READ_WRITE_TOKEN, base_url=api.base)
    headers = {"Idempotency-Key": "k"}
    first = client.customers.create({"company_name": "X", "email": "x@example.de"}, headers=headers)
    assert client.customers.create({"company_name": "Y", "email": "y@example.de"}, headers=headers).id == first.id


def test_its_error_classes_fit(client: Any, api: Any) -> None:
    with pytest.raises(errors.ValidationFailedError, match="email can't be blank"):
        client.customers.create({"company_name": "X"})
    with pytest.raises(errors.InvalidApiUsageError):
        client.payments.get("PM404")
    reader = gocardless_pro.Client(access_token=READ_ONLY_TOKEN, base_url=api.base)
    with pytest.raises(errors.PermissionsError):
        reader.customers.create({"company_name": "X", "email": "x@example.de"})
    with pytest.raises(errors.AuthenticationError):
        gocardless_pro.Client(access_token="nobody", base_url=api.base).creditors.list()
    api.control("settings", {"rate_limit": 1})
    with pytest.raises(errors.RateLimitError):
        client.creditors.list()


def test_it_reads_the_rate_limit_and_runs_simulators(client: Any, api: Any) -> None:
    payment = api.payment()
    client.scenario_simulators.run("payment_paid_out", {"links": {"resource": payment["id"]}})
    payout = client.payments.get(payment["id"]).links.payout
    assert [item.type for item in client.payout_items.all(params={"payout": payout})] == [
        "payment_paid_out",
        "gocardless_fee",
    ]
    assert client.rate_limit["ratelimit-limit"] == 1_000_000


def test_removing_a_customer_works_with_either_answer(client: Any, api: Any) -> None:
    assert client.customers.remove(api.customer()["id"]).id.startswith("CU")
