"""Reads: filters, pages and their links, numbers and times on the wire, and what the provider does not do."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime

import pytest
from lxml import etree

ITEMS = "LedgerItemEntity/LedgerItemSet"
CUSTOMERS = "CustomerHandling/CustomerInfoSet"
INVOICES = "InstantInvoiceHandling/InstantInvoiceSet"


def numbers(rows):
    return [row["LedgerItemId"] for row in rows]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("Company eq '10'", ["10001", "10002"]),
        ("Company eq '10' and FullCurrAmount ge 121", ["10001"]),
        ("Company eq '10' and not (FullCurrAmount ge 121)", ["10002"]),
        ("(Company eq '10' or Company eq '20') and Identity eq 'C1'", ["10001", "10001"]),
        ("DueDate le 2026-03-04", ["10001"]),
        ("month(LedgerDate) eq 2 and day(LedgerDate) gt 3", ["10001"]),
        ("contains(LedgerItemId,'02')", ["10002"]),
        ("startswith(tolower(LedgerItemSeriesId),'ci') and Currency eq 'SEK'", ["10001"]),
        ("endswith(LedgerItemId,'2') and length(LedgerItemId) eq 5", ["10002"]),
        ("PartyType eq IfsApp.LedgerItemEntity.PartyType'Customer' and Company eq '20'", ["10001"]),
        ("Objstate ne IfsApp.LedgerItemEntity.LedgerItemState'Unpaid'", []),
        ("InvoiceId eq null", []),
        ("Identity eq 'c1'", []),
    ],
)
def test_filters_find_what_they_say(api, where, found):
    assert numbers(api.rows(ITEMS, where)) == found


@pytest.mark.parametrize(
    ("where", "status"),
    [
        ("PartyType eq 'Customer'", 400),
        ("PartyType eq IfsApp.Other.PartyType'Customer'", 400),
        ("PartyType eq IfsApp.LedgerItemEntity.PartyType'Pirate'", 400),
        ("DueDate le datetime'2026-03-04T00:00:00'", 400),
        ("DueDate le 2026-03-04T00:00:00Z", 400),
        ("FullCurrAmount ge '121'", 400),
        ("Nonsense eq 1", 400),
        ("Company eq", 400),
        ("Company eq '10' and", 400),
        ("Company eq '10' '20'", 400),
        ("'10' eq Company", 400),
        ("Company in ('10','20')", 501),
        ("InvoiceId mod 2 eq 0", 501),
        ("Items/any(i: i/Net gt 5)", 501),
        ("round(FullCurrAmount) eq 1", 501),
    ],
)
def test_filters_that_the_provider_cannot_read_are_refused(api, where, status):
    assert api.get(ITEMS, {"filter": where}).status_code == status


def test_a_category_takes_a_plain_string_where_others_do_not(api, tenant):
    assert len(api.rows(CUSTOMERS, "CustomerCategory eq 'Customer'")) == 2
    assert len(api.rows(CUSTOMERS, "CustomerCategory eq IfsApp.CustomerHandling.CustomerCategory'Customer'")) == 2
    tenant.switches.change({"plain_enum_strings": "accept"})
    assert len(api.rows(ITEMS, "PartyType eq 'Customer'")) == 3


def test_some_tenants_refuse_any_filter_on_the_state(api, tenant):
    where = "Objstate eq IfsApp.InstantInvoiceHandling.InvoiceState'PostedAuth'"
    assert len(api.rows(INVOICES, where)) == 3
    tenant.switches.change({"objstate_filter": "refused"})
    assert api.problem(api.get(INVOICES, {"filter": where}), 400) == "ODP_BAD_REQUEST"


def test_quotes_in_strings_are_doubled(api):
    assert [row["CustomerId"] for row in api.rows(CUSTOMERS, "Name eq 'O''Brien & Co'")] == ["C2"]


@pytest.mark.parametrize("option", ["expand", "apply", "search"])
def test_options_that_are_left_out_answer_501(api, option):
    assert api.problem(api.get(ITEMS, {option: "Company"}), 501) == "ODP_NOT_IMPLEMENTED"


def test_an_unknown_option_or_a_broken_number_is_400(api):
    assert api.get(ITEMS, {"everything": "1"}).status_code == 400
    assert api.get(ITEMS, {"top": "-1"}).status_code == 400
    assert api.get(ITEMS, {"select": "Nonsense"}).status_code == 400
    assert api.get(ITEMS, {"orderby": "Company sideways"}).status_code == 400


def test_select_and_order_shape_the_answer(api):
    rows = api.rows(
        ITEMS, "Company eq '10'", select="LedgerItemId,FullCurrAmount", orderby="FullCurrAmount,LedgerItemId desc"
    )
    shown = [{name: row[name] for name in row if name[0] not in "@lk"} for row in rows]
    assert shown == [
        {"LedgerItemId": "10002", "FullCurrAmount": 50},
        {"LedgerItemId": "10001", "FullCurrAmount": 121},
    ]
    assert rows[0]["keyref"].startswith("COMPANY=10^IDENTITY=C2^PARTY_TYPE=Customer^")


@pytest.fixture
def many(tenant):
    for number in range(70):
        tenant.add_invoice("10", "C1", 100 + number)
    return tenant


def test_a_plain_read_is_cut_at_the_tenants_default_page(api, many):
    body = api.get(ITEMS, {"filter": "Company eq '10'"}).json()
    assert len(body["value"]) == 25
    assert body["@odata.nextLink"].startswith(api.url(ITEMS))
    assert len(api.rows(ITEMS, "Company eq '10'")) == 72


def test_a_tenant_without_links_cuts_silently(api, many):
    many.switches.change({"next_link": "none"})
    body = api.get(ITEMS, {"filter": "Company eq '10'"}).json()
    assert (len(body["value"]), "@odata.nextLink" in body) == (25, False)


@pytest.mark.parametrize(
    ("form", "start"),
    [
        ("absolute", "http://"),
        ("host", "/int/ifsapplications/entity/v1/LedgerItemEntity.svc/"),
        ("service", "LedgerItemSet?"),
    ],
)
def test_next_links_have_the_tenants_form(api, many, form, start):
    many.switches.change({"next_link": form})
    link = api.get(ITEMS, {"filter": "Company eq '10'"}).json()["@odata.nextLink"]
    assert link.startswith(start)


def test_mixed_links_take_every_form_in_one_read(api, many):
    many.switches.change({"next_link": "mixed", "default_page": 10})
    root, address, forms, seen = api.url("LedgerItemEntity/"), api.url(ITEMS), [], []
    while True:
        body = api.get(address).json()
        seen += [row["InvoiceId"] for row in body["value"]]
        link = body.get("@odata.nextLink")
        if link is None:
            break
        forms.append(link.partition("LedgerItem")[0])
        address = link if link.startswith("http") else api.host + link if link.startswith("/") else root + link
    assert len(seen) == len(set(seen)) == 73
    assert len(set(forms)) == 3


def test_the_page_cap_is_smaller_than_a_large_top(api, many):
    many.switches.change({"page_cap": 30})
    first = api.get(ITEMS, {"filter": "Company eq '10'", "top": "40"}).json()
    second = api.get(first["@odata.nextLink"]).json()
    assert (len(first["value"]), len(second["value"]), "@odata.nextLink" in second) == (30, 10, False)


def test_skip_and_top_page_explicitly(api, many):
    pages = [
        api.get(ITEMS, {"filter": "Company eq '10'", "orderby": "InvoiceId", "top": "30", "skip": str(skip)}).json()[
            "value"
        ]
        for skip in (0, 30, 60)
    ]
    assert [len(page) for page in pages] == [30, 30, 12]
    assert len({row["InvoiceId"] for page in pages for row in page}) == 72


def test_a_page_may_be_empty_and_still_have_a_link(api, many):
    many.switches.change({"empty_first_page": True})
    assert api.get(ITEMS).json()["value"] == []
    assert len(api.rows(ITEMS)) == 73


def test_rows_inserted_while_paging_shift_the_pages(api, many):
    many.switches.change({"page_cap": 20})
    body = api.get(ITEMS, {"filter": "Company eq '10'", "orderby": "LedgerItemId", "top": "40"}).json()
    many.add_invoice("10", "C1", 5, invoice_no="00001")
    after = api.get(body["@odata.nextLink"]).json()["value"]
    assert numbers(after)[0] == numbers(body["value"])[-1]


def test_counts_come_when_asked_for_unless_the_tenant_does_not_count(api, tenant):
    assert api.get(ITEMS, {"count": "true", "top": "1"}).json()["@odata.count"] == 3
    assert api.get(f"{ITEMS}/$count").text == "3"
    tenant.switches.change({"counts": False})
    assert "@odata.count" not in api.get(ITEMS, {"count": "true"}).json()


def test_decimals_are_numbers_or_strings_as_asked(api, tenant):
    assert '"FullCurrAmount":121,' in api.get(ITEMS).text
    exact = "application/json;odata.metadata=minimal;IEEE754Compatible=true"
    assert '"FullCurrAmount":"121",' in api.get(ITEMS, Accept=exact).text
    tenant.switches.change({"ieee754_honoured": False})
    assert '"FullCurrAmount":121,' in api.get(ITEMS, Accept=exact).text
    tenant.switches.change({"decimals_as_strings": True})
    assert '"FullCurrAmount":"121",' in api.get(ITEMS).text


def test_amounts_have_no_trailing_zeros(api, tenant):
    tenant.add_invoice("10", "C1", 10010, invoice_no="X1")
    assert '"FullCurrAmount":100.1,' in api.get(ITEMS, {"filter": "LedgerItemId eq 'X1'"}).text


def test_encoded_dollars_are_lost_on_some_gateways(api, tenant):
    address = f"{api.url(ITEMS)}?%24filter=Company%20eq%20'20'"
    assert len(api.get(address).json()["value"]) == 1
    tenant.switches.change({"encoded_dollar": "mangle"})
    assert len(api.get(address).json()["value"]) == 3


def test_select_fails_on_a_projection_that_cannot_limit_attributes(api, tenant):
    tenant.switches.change({"select_fails": ["CustomerHandling/CustomerInfoSet"]})
    assert api.get(CUSTOMERS, {"select": "Name"}).status_code == 400
    assert api.get(CUSTOMERS).status_code == 200


def log_times(api, where="", **headers):
    answer = api.get("HistoryLogHandling/HistoryLogOverviewSet", {"filter": where} if where else {}, **headers)
    return [row["TimeStamp"] for row in answer.json()["value"]]


def test_timestamps_are_local_with_a_z_unless_the_request_is_zone_aware(api, tenant):
    aware = {"X_Ifs_Time_Zone_Aware_Request": "true"}
    assert set(log_times(api)) == {"2026-03-04T11:00:00Z"}
    assert set(log_times(api, **aware)) == {"2026-03-04T10:00:00Z"}
    assert log_times(api, "TimeStamp gt 2026-03-04T10:30:00Z")
    assert log_times(api, "TimeStamp gt 2026-03-04T10:30:00Z", **aware) == []
    tenant.switches.change({"time_zone_aware": False})
    assert set(log_times(api, **aware)) == {"2026-03-04T11:00:00Z"}


def test_local_time_repeats_an_hour_in_autumn(api, tenant):
    tenant.clock.set(datetime(2026, 10, 25, 0, 30, tzinfo=UTC))
    api.login()
    tenant.clerk.change_customer("C1", Name="before")
    tenant.clock.set(datetime(2026, 10, 25, 1, 30, tzinfo=UTC))
    api.login()
    tenant.clerk.change_customer("C1", Name="after")
    assert log_times(api, "TimeStamp ge 2026-10-25T00:00:00Z") == ["2026-10-25T02:30:00Z"] * 2


def test_a_tenant_may_show_when_a_row_was_changed(api, tenant):
    tenant.catalogue.add_field("LedgerItemEntity", "LedgerItemSet", "T", "Cf_Changed_At", "_version")
    tenant.clock.set(datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC))
    api.login()
    tenant.clerk.touch("10", "10001")
    tenant.clock.set(datetime(2026, 3, 29, 1, 0, tzinfo=UTC))
    tenant.clerk.touch("10", "10002")
    found = api.rows(ITEMS, "Company eq '10' and Cf_Changed_At ge 2026-03-29T01:30:00Z", orderby="Cf_Changed_At")
    assert [row["Cf_Changed_At"] for row in found] == ["2026-03-29T01:59:59Z", "2026-03-29T03:00:00Z"]


def test_the_history_log_tells_what_changed_from_what_to_what(api, tenant):
    tenant.clock.set(datetime(2026, 3, 4, 10, 1, tzinfo=UTC))
    tenant.clerk.change_customer("C1", Name="Zonnebloem Europe AB")
    (entry,) = api.rows(
        "HistoryLogHandling/HistoryLogOverviewSet", "LuName eq 'CustomerInfo' and HistoryType eq 'Modify'"
    )
    (change,) = api.rows(f"HistoryLogHandling/HistoryLogDetailsSet(LogId={entry['LogId']})/HistoryLogAttributeArray")
    assert (change["OldValue"], change["NewValue"]) == ("Zonnebloem AB", "Zonnebloem Europe AB")


def test_the_history_of_a_unit_that_is_not_logged_is_empty(api, tenant):
    tenant.switches.change({"history_units": []})
    before = len(log_times(api))
    tenant.clerk.change_customer("C1", Name="x")
    assert len(log_times(api)) == before


def test_every_service_describes_itself(api, tenant):
    for service in tenant.catalogue:
        root = f"{api.host}/{service.layer}/ifsapplications/{service.kind}/v1/{service.name}.svc"
        listed = {each["name"] for each in api.get(f"{root}/").json()["value"]}
        document = etree.fromstring(api.get(f"{root}/$metadata").content)
        assert listed == set(service.sets) == set(document.xpath("//*[local-name()='EntitySet']/@Name"))
        assert api.get(f"{root}/$openapi").json()["openapi"].startswith("3.")


def test_metadata_names_keys_members_enumerations_and_actions(api):
    document = etree.fromstring(api.get("VoucherHandling/$metadata").content)
    keys = document.xpath("//*[local-name()='EntityType'][@Name='VoucherEntry']//*[local-name()='PropertyRef']/@Name")
    assert keys == ["Company", "AccountingYear", "VoucherType", "VoucherNo"]
    kind = document.xpath("//*[local-name()='Property'][@Name='VoucherStatus']/@Type")
    assert kind == ["IfsApp.VoucherHandling.VoucherStatus"]
    assert "VoucherEntry_ReadyToUpdate" in document.xpath("//*[local-name()='Action']/@Name")


def test_keys_come_in_any_order_and_unknown_ones_are_404(api, tenant):
    row = api.rows(INVOICES, "Company eq '10' and InvoiceNo eq '10001'")[0]
    found = api.entity(f"{INVOICES}(InvoiceId={row['InvoiceId']},Company='10')")
    assert found["InvoiceNo"] == "10001"
    assert api.problem(api.get(f"{INVOICES}(InvoiceId=1,Company='10')"), 404) == "ODP_RESOURCE_NOTFOUND"
    assert api.get(f"{INVOICES}(InvoiceId=1)").status_code == 400
    assert api.get(f"{INVOICES}(InvoiceId='1',Company='10')").status_code == 400


def test_children_are_read_by_navigation(api):
    (method,) = api.rows(f"{CUSTOMERS}(CustomerId='C1')/CommunicationMethods")
    assert method["Value"] == "books@zonnebloem.example"
    kinds = api.rows(f"{CUSTOMERS}('C1')/CustomerInfoAddresses(CustomerId='C1',AddressId='01')/AddressTypes")
    assert [each["AddressTypeCode"] for each in kinds] == ["Document", "Pay"]
    assert api.get(f"{CUSTOMERS}('C1')/Nonsense").status_code == 404


def test_a_single_member_can_be_read(api):
    assert api.entity(f"{CUSTOMERS}('C1')/Name")["value"] == "Zonnebloem AB"


def test_thousands_of_items_are_read_fast(api, tenant):
    for number in range(1500):
        tenant.add_invoice("10", "C1", 1000 + number, dated=date(2026, 2, 1))
    started = time.monotonic()
    rows = api.rows(ITEMS, "Company eq '10' and FullCurrAmount gt 0", top="4999", orderby="LedgerItemId")
    assert (len(rows), time.monotonic() - started < 2) == (1502, True)
