"""E-mail and address of customers, both ways: read for many with few calls, written on the version that was read."""

from __future__ import annotations

from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from connector_resources.errors import NotSent

BROKEN = ("drop_before", "drop_after", "error_before", "error_after", "html", "truncate")
WAYS = ("sets", "arrays")
MOVED = {
    "changed": "address_line1 city email name postal_code", "name": "Acme Group AB", "email": "new@example.se",
    "address_line1": "Nygatan 2", "city": "Lund", "postal_code": "222 22", "revision": "1",
}  # fmt: skip


def customers(site: Any, since: str | None = None, **changes: Any) -> dict[str, Any]:
    return {each.number: each for each in site.connector(**changes).customers(since)}


def change(given: SimpleNamespace, number: int = 1, **facts: str) -> Any:
    event = f"customer:CU000123:{number}"
    return given.posting(given.kinds.CUSTOMER, "CU000123", event=event, facts=facts or MOVED)


def email(site: Any, customer: str = "C1", comm_id: int = 1) -> str:
    return str(site.tenant.table("CommMethod")[(customer, comm_id)]["Value"])


def address(site: Any, customer: str = "C1", address_id: str = "01") -> dict[str, Any]:
    return dict(site.tenant.table("CustomerInfoAddress")[(customer, address_id)])


def add_method(site: Any, comm_id: int, value: str, method: str = "EMail", **columns: Any) -> None:
    row = {
        "CustomerId": "C1", "PartyType": "Customer", "CommId": comm_id, "MethodId": method, "Value": value,
        "MethodDefault": False, "AddressDefault": False, "AddressId": "01", "Name": "Acme AB", **columns,
    }  # fmt: skip
    site.tenant.table("CommMethod").add(row)


def add_address(site: Any, address_id: str, city: str, *uses: str, **columns: Any) -> None:
    row = {"CustomerId": "C1", "AddressId": address_id, "City": city, "ValidFrom": None, "ValidTo": None, **columns}
    site.tenant.table("CustomerInfoAddress").add(row)
    for use in uses:
        kind = {"CustomerId": "C1", "AddressId": address_id, "AddressTypeCode": use, "DefAddress": False}
        site.tenant.table("CustomerInfoAddressType").add(kind)


def patches(site: Any) -> list[str]:
    return [path for method, path in site.sandbox.faults.requests if method == "PATCH"]


# --- reading -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
def test_customers_come_with_e_mail_and_address(site: Any, way: str) -> None:
    found = customers(site, customer_details=way)
    assert {number: each.email for number, each in found.items()} == {
        "10:C1": "acme@example.se", "20:C1": "acme@example.se", "10:C2": "bolt@example.de",
    }  # fmt: skip
    acme = found["10:C1"]
    assert (acme.address_line1, acme.city, acme.postal_code, acme.country_code) == (
        "Storgatan 1", "Stockholm", "11122", "SE",
    )  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_the_default_e_mail_counts_and_a_telephone_number_is_none(site: Any, way: str) -> None:
    site.tenant.add_customer("C3", "Without", companies=("10",))
    site.tenant.table("CommMethod").change(site.tenant.table("CommMethod")[("C1", 1)], MethodDefault=False)
    add_method(site, 2, "+46 8 123 456", "Phone", MethodDefault=True)
    add_method(site, 3, "accounts@example.se", MethodDefault=True)
    add_method(site, 4, "skype @ office", "Messenger", MethodDefault=True)
    found = customers(site, customer_details=way)
    assert (found["10:C1"].email, found["10:C3"].email) == ("accounts@example.se", "")


@pytest.mark.parametrize("way", WAYS)
def test_the_address_to_pay_counts_among_those_that_are_valid_today(site: Any, way: str) -> None:
    types = site.tenant.table("CustomerInfoAddressType")
    types.remove(types[("C1", "01", "Pay")])
    add_address(site, "02", "Delivered here", "Delivery")
    add_address(site, "03", "Paid here", "Pay")
    add_address(site, "04", "Paid here once", "Pay", ValidTo=date(2026, 3, 3))
    add_address(site, "05", "Paid here next year", "Pay", ValidFrom=date(2027, 1, 1))
    assert customers(site, customer_details=way)["10:C1"].city == "Paid here"
    site.tenant.clerk.change_address("C1", "03", ValidTo=date(2026, 3, 1))
    assert customers(site, customer_details=way)["10:C1"].city == "Stockholm", "the one for documents is next"


def test_a_supplier_of_the_same_number_is_somebody_else(site: Any) -> None:
    site.tenant.table("CommMethod").change(site.tenant.table("CommMethod")[("C2", 1)], PartyType="Supplier")
    assert customers(site)["10:C2"].email == ""


def test_nothing_is_asked_for_where_details_are_off(site: Any) -> None:
    assert customers(site, customer_details="off")["10:C1"].email == ""
    asked = " ".join(path for _, path in site.sandbox.faults.requests)
    assert "CommMethod" not in asked
    assert "Address" not in asked


def test_an_entity_service_that_is_not_activated_is_named_and_can_be_done_without(
    site: Any, given: SimpleNamespace
) -> None:
    site.tenant.catalogue.activate("CommMethodEntity", False)
    with pytest.raises(NotSent) as stopped:
        customers(site)
    assert f"connector ping {given.CONNECTION}" in stopped.value.next_step
    line = next(line for line in site.connector().ping().lines if line.what == "projection customer_emails")
    assert not line.ok
    assert "Activate the Entity Service" in line.next_step
    assert customers(site, customer_details="arrays")["10:C2"].email == "bolt@example.de"


@pytest.mark.parametrize("form", ["none", "mixed"])
def test_two_thousand_customers_with_their_contacts_cost_few_calls(site: Any, form: str) -> None:
    site.tenant.switches.change({"next_link": form})
    with site.tenant.lock:
        for number in range(2_000):
            site.tenant.add_customer(
                f"M{number:04}", f"Member {number}", companies=("10",), email=f"m{number}@example.se"
            )
    seen = site.calls()
    found = customers(site, page_size=1000)
    assert len(found) == 2_003
    assert {found[f"10:M{number:04}"].email for number in range(2_000)} == {f"m{n}@example.se" for n in range(2_000)}
    assert site.calls() - seen <= 20


@pytest.mark.parametrize("way", ["history_log", "modified_field"])
def test_a_change_of_e_mail_or_address_alone_is_found(site: Any, way: str) -> None:
    entries = {
        "customers": ("CustomerHandling", "CustomerInfoSet"),
        "customer_emails": ("CommMethodEntity", "CommMethodSet"),
        "customer_addresses": ("CustomerInfoAddressEntity", "CustomerInfoAddressSet"),
    }
    for place in entries.values():
        site.tenant.catalogue.add_field(*place, "T", "Cf_Changed_At", "_version")
    site.changes = {
        "customer_changes": way,
        "map": {name: {"modified_field": "Cf_Changed_At"} for name in entries},
    }
    site.tenant.clock.advance(timedelta(hours=2))
    first = site.connector()
    list(first.customers())
    site.tenant.clock.advance(timedelta(hours=2))
    site.tenant.clerk.change_email("C2", "new@example.de")
    site.tenant.clock.advance(timedelta(hours=2))
    second = site.connector()
    assert {each.number: each.email for each in second.customers(first.customers_mark())} == {"10:C2": "new@example.de"}
    site.tenant.clock.advance(timedelta(hours=2))
    site.tenant.clerk.change_address("C1", City="Malmö")
    third = customers(site, second.customers_mark())
    assert {number: each.city for number, each in third.items()} == {"10:C1": "Malmö", "20:C1": "Malmö"}


@pytest.mark.parametrize("way", WAYS)
def test_ping_names_what_of_the_contacts_a_tenant_lacks(site: Any, way: str) -> None:
    lines = {line.what: line for line in site.connector(customer_details=way).ping().lines}
    name = "customer_emails" if way == "sets" else "customer_email_array"
    assert lines[f"projection {name}"].ok, lines[f"projection {name}"].detail
    service = "CommMethodEntity" if way == "sets" else "CustomerHandling"
    entities = "CommMethodSet" if way == "sets" else "CommunicationMethods"
    site.tenant.catalogue.remove_member(service, entities, "MethodDefault")
    lines = {line.what: line for line in site.connector(customer_details=way).ping().lines}
    assert lines[f"projection {name}"].detail == f"{entities} has no member MethodDefault (for default)"


# --- writing -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
def test_what_changed_in_gocardless_is_taken_over_row_by_row(site: Any, given: SimpleNamespace, way: str) -> None:
    moved = change(given)
    site.post(moved, customer_details=way)
    assert site.state(moved) == "posted", site.reasons()
    assert site.tenant.table("CustomerInfo")[("C1",)]["Name"] == "Acme Group AB"
    assert email(site) == "new@example.se"
    row = address(site)
    assert (row["Address1"], row["City"], row["ZipCode"]) == ("Nygatan 2", "Lund", "222 22")
    assert len(patches(site)) == 3
    found = customers(site, customer_details=way)["10:C1"]
    assert (found.name, found.email, found.city) == ("Acme Group AB", "new@example.se", "Lund")


def test_what_ifs_says_already_is_not_written_and_a_line_can_be_cleared(site: Any, given: SimpleNamespace) -> None:
    site.tenant.clerk.change_address("C1", Address2="Door 3")
    same = change(given, 1, changed="city email", city="Stockholm", email="acme@example.se")
    cleared = change(given, 2, changed="address_line2")
    site.post(same)
    assert (site.state(same), patches(site)) == ("posted", [])
    site.post(cleared)
    assert site.state(cleared) == "posted", site.reasons()
    assert not address(site)["Address2"]
    assert address(site)["City"] == "Stockholm"


@pytest.mark.parametrize("way", WAYS)
def test_a_version_that_moved_is_read_again_and_nothing_of_others_is_lost(
    site: Any, given: SimpleNamespace, way: str
) -> None:
    site.tenant.switches.change({"missing_if_match": "upsert"})
    place = "CustomerInfoAddress"
    meddling = given.with_meddling(
        site, place, lambda: site.tenant.clerk.change_address("C1", State="Skåne"), customer_details=way
    )
    site.reuse(meddling)
    moved = change(given)
    site.post(moved)
    assert site.state(moved) == "posted", site.reasons()
    assert (address(site)["City"], address(site)["State"]) == ("Lund", "Skåne")
    assert len(patches(site)) == 4, "the refused one was sent again, on the new version"


def test_a_member_that_somebody_else_changed_is_not_overwritten(site: Any, given: SimpleNamespace) -> None:
    site.reuse(given.with_meddling(site, "CommMethod", lambda: site.tenant.clerk.change_email("C1", "by@hand.se")))
    moved = change(given)
    site.post(moved)
    assert site.held() == {"CU000123": "changed_meanwhile"}
    assert "somebody else changed Value" in site.reasons()
    assert (email(site), address(site)["City"]) == ("by@hand.se", "Lund")
    site.tenant.clerk.change_email("C1", "new@example.se")
    site.release()
    site.post()
    assert site.state(moved) == "posted", site.reasons()
    assert len(patches(site)) == 3, "name, address and the e-mail that was refused: none was sent twice"


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("place", ["CustomerInfoSet", "CustomerInfoAddressSet", "CommMethodSet"])
def test_every_row_is_written_whatever_breaks(site: Any, given: SimpleNamespace, kind: str, place: str) -> None:
    site.break_next(kind, place, method="PATCH")
    moved = change(given)
    site.post(moved)
    site.post()
    assert site.state(moved) == "posted", site.reasons()
    assert (site.tenant.table("CustomerInfo")[("C1",)]["Name"], email(site), address(site)["City"]) == (
        "Acme Group AB", "new@example.se", "Lund",
    )  # fmt: skip


def test_a_customer_without_a_row_for_it_is_held_until_somebody_has_made_one(site: Any, given: SimpleNamespace) -> None:
    site.tenant.table("CommMethod").remove(site.tenant.table("CommMethod")[("C1", 1)])
    moved = change(given)
    site.post(moved)
    assert site.held() == {"CU000123": "email_missing"}
    assert "no e-mail in IFS Cloud" in site.reasons()
    assert address(site)["City"] == "Lund"
    add_method(site, 1, "new@example.se", MethodDefault=True)
    site.release()
    site.post()
    assert site.state(moved) == "posted", site.reasons()


def test_a_customer_without_an_address_is_held_until_somebody_has_made_one(site: Any, given: SimpleNamespace) -> None:
    """`address_missing`: what the page asks for is done by hand, and the posting then finds nothing left to change."""
    addresses = site.tenant.table("CustomerInfoAddress")
    addresses.remove(addresses[("C1", "01")])
    moved = change(given)
    site.post(moved)
    assert site.held() == {"CU000123": "address_missing"}
    assert "has no address in IFS Cloud" in site.reasons()
    add_address(site, "02", "Lund", "Pay", Address1="Nygatan 2", ZipCode="222 22")
    site.release()
    site.post()
    assert site.state(moved) == "posted", site.reasons()
    assert (address(site, address_id="02")["City"], email(site)) == ("Lund", "new@example.se")


def test_an_e_mail_that_a_custom_field_holds_is_written_there(site: Any, given: SimpleNamespace) -> None:
    site.tenant.catalogue.add_field("CustomerHandling", "CustomerInfoSet", "S200 U", "Cf_Email")
    site.changes = {"map": {"customers": {"fields": {"email": "Cf_Email"}}}}
    moved = change(given, 1, changed="email", email="new@example.se")
    site.post(moved)
    assert site.state(moved) == "posted", site.reasons()
    assert site.tenant.table("CustomerInfo")[("C1",)]["Cf_Email"] == "new@example.se"
    assert (email(site), customers(site)["10:C1"].email) == ("acme@example.se", "new@example.se")
