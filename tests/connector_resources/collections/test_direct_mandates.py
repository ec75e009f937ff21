"""Mandates made from the account that Exact holds: only where that may be, once, and with the account number in no record."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector_resources.errors import BrokenConnectionFile
from sandbox.exact_online.division import Division
from sandbox.faults import Fault

IBAN, BRITISH = "NL91ABNA0417164300", "GB29NWBK60161331926819"
DIRECT = {"enabled": True, "mandate_setup": {"mode": "direct"}}


def account(polder: Any, iban: str = IBAN, *, customer: int = 1, **details: Any) -> str:
    division = polder.division
    row = {"ID": division.new_id(), "Account": division.account(str(10_000 + customer))["ID"], "BankAccount": iban}
    with division.lock:
        division.tables["BankAccounts"].add({**row, "Main": True, "Blocked": False, **details})
    return str(row["ID"])


def signed(polder: Any, bank_account: str, **details: Any) -> None:
    division = polder.division
    row = {
        "ID": division.new_id(), "Account": division.account("10001")["ID"], "BankAccount": bank_account,
        "Reference": "POLDER-1", "Description": "Incasso", "Type": 0, "PaymentType": 1, "Main": 1,
        "SignatureDate": division.at_midnight(date(2025, 5, 1)),
    }  # fmt: skip
    with division.lock:
        division.tables["DirectDebitMandates"].add({**row, **details})


def mandates(polder: Any) -> list[Any]:
    with polder.merchant.world.lock:
        return list(polder.merchant.world.mandates.ordered)


def set_ups(polder: Any) -> dict[str, str]:
    return {row.reference: row.state.value for row in polder.runtime.store.mandate_setups.all("polder")}


def gocardless_writes(polder: Any) -> list[str]:
    return [path for method, path in polder.gocardless.faults.requests if method == "POST"]


@pytest.fixture
def direct(open_polder: Any) -> Any:
    with open_polder(collections=DIRECT) as polder:
        polder.due(20260001)
        yield polder


def test_a_customer_with_an_account_gets_a_mandate_and_is_collected_from(direct: Any) -> None:
    account(direct, "nl91 abna 0417 1643 00", BankAccountHolderName="Load Customer BV")
    report = direct.run()

    assert (report.held, report.stopped_because) == ([], "")
    (mandate,) = mandates(direct)
    assert mandate.body["scheme"] == "sepa_core"
    assert set_ups(direct) == {"10001/EUR#1": "fulfilled"}
    with direct.merchant.world.lock:
        (bank_account,) = direct.merchant.world.customer_bank_accounts.ordered
        (customer,) = direct.merchant.world.customers.ordered
    assert bank_account.hidden["identity"] == IBAN
    assert bank_account.body["account_holder_name"].casefold() == "load customer bv"
    assert customer.body["metadata"]["erp_customer"] == "10001"
    assert customer.body["email"] == "load1@example.com"

    direct.run()
    assert direct.payments()["20260001#1"].links["mandate"] == mandate.id
    links = direct.runtime.store.customers.by_erp("polder", ["10001"])["10001"]
    assert [(link.gocardless_customer, link.method) for link in links] == [(customer.id, "mandate_setup")]


def test_a_further_run_makes_no_second_mandate(direct: Any) -> None:
    account(direct)
    direct.run()
    direct.run()
    before = gocardless_writes(direct)
    direct.run()
    assert gocardless_writes(direct) == before
    assert len(mandates(direct)) == 1


def test_the_account_number_is_in_no_record(direct: Any, tmp_path: Path) -> None:
    account(direct)
    direct.gocardless.faults.add(Fault("error_before", method="POST", path="/mandates$", status=503, times=9))
    direct.run()
    store = direct.runtime.store
    sealed = [info.name for info in store.vault.names("polder") if info.name.startswith("bank_details_")]
    assert len(sealed) == 1, "sealed while the mandate is not made"
    direct.gocardless.faults.clear()
    direct.run()

    assert set_ups(direct) == {"10001/EUR#1": "fulfilled"}
    assert [info.name for info in store.vault.names("polder") if info.name.startswith("bank_details_")] == []
    texts = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert texts
    assert not any(IBAN.encode() in text or b"ABNA0417" in text for text in texts)


def test_a_payer_that_gocardless_knows_gets_the_mandate_on_the_same_customer(direct: Any) -> None:
    account(direct)
    world = direct.merchant.world
    with world.lock:
        fields = {"company_name": "Load Customer 1", "email": "load1@example.com", "country_code": "NL"}
        known = world.builder.customer(fields, {"customer_number": "10001"})
    direct.run()
    (mandate,) = mandates(direct)
    with world.lock:
        (bank_account,) = world.customer_bank_accounts.ordered
    assert bank_account.links["customer"] == known.id
    assert mandate.links["customer_bank_account"] == bank_account.id


def test_an_account_that_gocardless_has_already_is_used(direct: Any) -> None:
    account(direct)
    world = direct.merchant.world
    with world.lock:
        fields = {"company_name": "Load Customer 1", "email": "load1@example.com", "country_code": "NL"}
        known = world.builder.customer(fields, {"customer_number": "10001"})
        entered = world.builder.bank_account(
            known.id, "Load Customer 1", IBAN, country_code="NL", currency="EUR", ending="00"
        )
    report = direct.run()
    assert report.held == []
    (mandate,) = mandates(direct)
    assert mandate.links["customer_bank_account"] == entered.id


def test_a_signed_mandate_names_the_account_and_is_noted(direct: Any) -> None:
    other = account(direct, "DE89370400440532013000", Main=False)
    account(direct)
    signed(direct, other)
    direct.run()
    (mandate,) = mandates(direct)
    assert mandate.body["metadata"]["erp_mandate"] == "POLDER-1"
    with direct.merchant.world.lock:
        (bank_account,) = direct.merchant.world.customer_bank_accounts.ordered
    assert bank_account.hidden["identity"] == "DE89370400440532013000"


@pytest.mark.parametrize(
    "mandate",
    [{"CancellationDate": Division.at_midnight(date(2026, 1, 1))}, {"SignatureDate": None}, {"Type": 1}],
    ids=["cancelled", "unsigned", "business"],
)
def test_a_mandate_in_exact_that_is_no_authority_leads_to_the_hosted_page(direct: Any, mandate: Any) -> None:
    signed(direct, account(direct), **mandate)
    direct.run()
    assert mandates(direct) == []
    assert set_ups(direct) == {"10001/EUR#1": "waiting"}


@pytest.mark.parametrize(
    "details",
    [
        {"iban": "NL91ABNA0417164301"},
        {"iban": "417164300"},
        {"iban": BRITISH},
        {"Blocked": True},
    ],
    ids=["wrong check digits", "no IBAN", "another currency", "blocked"],
)
def test_an_account_that_cannot_be_debited_leads_to_the_hosted_page(direct: Any, details: dict[str, Any]) -> None:
    account(direct, **details)
    direct.run()
    assert mandates(direct) == []
    assert set_ups(direct) == {"10001/EUR#1": "waiting"}


def test_of_several_accounts_without_a_main_one_none_is_taken(direct: Any) -> None:
    account(direct, Main=False)
    account(direct, "DE89370400440532013000", Main=False)
    direct.run()
    assert (mandates(direct), set_ups(direct)) == ([], {"10001/EUR#1": "waiting"})


def test_a_payer_who_cancelled_is_asked_and_not_debited_again(direct: Any) -> None:
    account(direct)
    direct.run()
    with direct.merchant.world.lock:
        (mandate,) = direct.merchant.world.mandates.ordered
    direct.merchant.cancel_mandate(mandate)
    direct.run()
    assert len(mandates(direct)) == 1
    assert set_ups(direct) == {"10001/EUR#1": "fulfilled", "10001/EUR#2": "waiting"}


def test_the_connection_may_ask_for_a_signed_mandate(open_polder: Any) -> None:
    strict = {"enabled": True, "mandate_setup": {"mode": "direct", "direct_needs_signed_mandate": True}}
    with open_polder(collections=strict) as polder:
        polder.due(20260001)
        polder.due(20260002, customer=2)
        signed(polder, account(polder))
        account(polder, "DE89370400440532013000", customer=2)
        polder.run()
        assert len(mandates(polder)) == 1
        assert set_ups(polder) == {"10001/EUR#1": "fulfilled", "10002/EUR#1": "waiting"}


@pytest.mark.parametrize("mode", ["off", "link"])
def test_other_modes_never_read_an_account_number(open_polder: Any, mode: str) -> None:
    with open_polder(collections={"enabled": True, "mandate_setup": {"mode": mode}}) as polder:
        polder.due(20260001)
        account(polder)
        polder.run()
        assert mandates(polder) == []
        assert not any(path.endswith("crm/BankAccounts") for _, path in polder.sandbox.faults.requests)


@pytest.mark.parametrize("path", ["/customers$", "/customer_bank_accounts$", "/mandates$"])
@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "error_after"])
def test_an_unanswered_step_is_made_once(direct: Any, path: str, kind: str) -> None:
    account(direct)
    direct.gocardless.faults.add(Fault(kind, method="POST", path=path, status=502))
    direct.run()
    direct.run()
    world = direct.merchant.world
    with world.lock:
        made = [len(each.ordered) for each in (world.customers, world.customer_bank_accounts, world.mandates)]
    assert made == [1, 1, 1]
    assert set_ups(direct) == {"10001/EUR#1": "fulfilled"}
    assert list(direct.runtime.store.ledger.held("polder")) == []


def test_gocardless_has_not_approved_it(direct: Any) -> None:
    """The merchant is told what to do, and the set-up goes on when it is done."""
    account(direct)
    world = direct.merchant.world
    world.settings.restricted_creates = True
    report = direct.run()
    assert [hold.code for hold in report.held] == ["forbidden"]
    assert "Ask GoCardless to enable it" in report.held[0].next_step

    world.settings.restricted_creates = False
    keys = [row.posting.key for row in direct.runtime.store.ledger.held("polder")]
    direct.runtime.store.ledger.release("polder", keys, by="Ada", note="approved")
    direct.run()
    assert set_ups(direct) == {"10001/EUR#1": "fulfilled"}


def test_an_account_that_is_gone_from_the_vault_is_held_and_withdrawn_it_is_read_again(direct: Any) -> None:
    """`bank_details_missing`: somebody removes the value between two runs; nothing was sent with it yet."""
    account(direct)
    direct.merchant.world.settings.restricted_creates = True
    direct.run()
    store = direct.runtime.store
    for info in store.vault.names("polder"):
        if info.name.startswith("bank_details_"):
            store.vault.remove("polder", info.name)
    direct.merchant.world.settings.restricted_creates = False
    keys = [row.posting.key for row in store.ledger.held("polder")]
    store.ledger.release("polder", keys, by="Ada", note="approved")

    report = direct.run()

    assert [hold.code for hold in report.held] == ["bank_details_missing"]
    assert mandates(direct) == []
    store.ledger.withdraw("polder", keys, by="Ada", note="as the page says")
    direct.run()
    direct.merchant.tick(timedelta(minutes=1))
    direct.run()
    assert set_ups(direct) == {"10001/EUR#1": "cancelled", "10001/EUR#2": "waiting"}


def test_a_withdrawn_set_up_forgets_the_account_and_the_payer_is_asked(direct: Any) -> None:
    account(direct)
    direct.merchant.world.settings.restricted_creates = True
    direct.run()
    store = direct.runtime.store
    keys = [row.posting.key for row in store.ledger.held("polder")]
    store.ledger.withdraw("polder", keys, by="Ada", note="not this way")
    direct.merchant.world.settings.restricted_creates = False
    direct.run()
    direct.merchant.tick(timedelta(minutes=1))
    direct.run()
    assert set_ups(direct) == {"10001/EUR#1": "cancelled", "10001/EUR#2": "waiting"}
    assert not any(info.name.startswith("bank_details_") for info in store.vault.names("polder"))


def test_the_new_mandate_is_kept_in_exact(direct: Any) -> None:
    account(direct)
    direct.run()
    direct.run()
    (mandate,) = mandates(direct)
    rows = direct.division.tables["DirectDebitMandates"].where("Reference", mandate.id)
    assert [(row["Main"], row["Description"].split()[0]) for row in rows] == [(0, "GoCardless")]


def test_only_ledgers_that_tell_account_numbers_can_do_it(open_desk: Any) -> None:
    with (
        pytest.raises(BrokenConnectionFile, match="tells no account numbers"),
        open_desk(mandate_setup={"mode": "direct"}),
    ):
        pass


def test_a_customer_without_an_email_is_asked_on_the_page(direct: Any) -> None:
    account(direct)
    direct.division.clerk.edit_account("10001", Email="")
    direct.run()
    assert (mandates(direct), set_ups(direct)) == ([], {"10001/EUR#1": "waiting"})
