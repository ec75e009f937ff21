"""E-mails and addresses of customers: below each of them, and as Entity Services of all, on the same rows."""

from __future__ import annotations

import pytest

CUSTOMERS = "CustomerHandling/CustomerInfoSet"
METHODS = "CommMethodEntity/CommMethodSet"
ADDRESSES = "CustomerInfoAddressEntity/CustomerInfoAddressSet"
PARTY = "IfsApp.CommMethodEntity.PartyType'Customer'"


def test_an_entity_service_shows_the_rows_of_all_customers(api, tenant):
    tenant.add_customer("C8", "Eight", email="eight@zonnebloem.example")
    rows = api.rows(METHODS, f"PartyType eq {PARTY} and contains(Value,'@')", orderby="PartyType,Identity,CommId")
    assert {row["Identity"]: row["Value"] for row in rows}["C8"] == "eight@zonnebloem.example"
    assert "CustomerId" not in rows[0]
    (address,) = api.rows(ADDRESSES, "CustomerId eq 'C8'")
    assert (address["AddressId"], address["City"]) == ("01", "Stockholm")
    kinds = api.rows("CustomerInfoAddressTypeEntity/CustomerInfoAddressTypeSet", "CustomerId eq 'C8'")
    assert [each["AddressTypeCode"] for each in kinds] == ["Document", "Pay"]


@pytest.mark.parametrize(
    "path",
    [f"{METHODS}(PartyType={PARTY},Identity='C1',CommId=1)", f"{CUSTOMERS}('C1')/CommunicationMethods(CommId=1)"],
)
def test_a_change_needs_the_version_and_is_seen_on_both_ways(api, tenant, path):
    etag = api.entity(path)["@odata.etag"]
    assert api.send("PATCH", path, {"Value": "new@zonnebloem.example"}).status_code == 428
    tenant.clerk.change_email("C1", "clerk@zonnebloem.example")
    assert api.send("PATCH", path, {"Value": "new@zonnebloem.example"}, If_Match=etag).status_code == 412
    fresh = api.entity(path)["@odata.etag"]
    assert api.send("PATCH", path, {"Value": "new@zonnebloem.example"}, If_Match=fresh).status_code == 200
    (below,) = api.rows(f"{CUSTOMERS}('C1')/CommunicationMethods")
    (beside,) = api.rows(METHODS, "Identity eq 'C1'")
    assert below["Value"] == beside["Value"] == "new@zonnebloem.example"


def test_changes_of_contacts_are_logged(api, tenant):
    tenant.clerk.change_email("C1", "clerk@zonnebloem.example")
    tenant.clerk.change_address("C1", City="Lund")
    rows = api.rows("HistoryLogHandling/HistoryLogOverviewSet", "HistoryType eq 'Modify'")
    assert {(row["LuName"], row["Keys"]) for row in rows} >= {
        ("CommMethod", "CustomerId=C1^CommId=1^"), ("CustomerInfoAddress", "CustomerId=C1^AddressId=01^"),
    }  # fmt: skip


@pytest.mark.parametrize(("way", "answered"), [("any", 200), ("body", 200), ("basic", 401)])
def test_a_realm_may_take_clients_by_one_way_only(api, tenant, way, answered):
    tenant.switches.change({"client_auth": way})
    assert api.token().status_code == answered
