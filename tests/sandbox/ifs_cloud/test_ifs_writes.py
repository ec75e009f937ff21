"""Writes of plain entities: ETags and preconditions, bodies, companies, tailored projections, and batches."""

from __future__ import annotations

import base64
import json

import pytest

CUSTOMER = "CustomerHandling/CustomerInfoSet(CustomerId='C1')"
WAYS = "PaymentWayPerIdentityEntity/PaymentWayPerIdentitySet"


def way(**changes):
    return {"Company": "10", "Identity": "C2", "PartyType": "Customer", "WayId": "gocardless", **changes}


def test_an_etag_is_base64_of_object_id_and_database_time(api):
    inner = base64.b64decode(api.etag(CUSTOMER).removeprefix('W/"').removesuffix('"')).decode()
    assert inner.startswith('W/"AAACustom')
    assert inner.endswith(':20260304110000"')


def test_the_etag_is_the_same_for_zone_aware_requests(api):
    aware = api.get(CUSTOMER, X_Ifs_Time_Zone_Aware_Request="true").headers["ETag"]
    assert aware == api.etag(CUSTOMER)


def test_a_change_needs_the_present_etag(api):
    etag = api.etag(CUSTOMER)
    assert api.problem(api.send("PATCH", CUSTOMER, {"Name": "A"}), 428) == "ODP_MISSING_PRECONDITION"
    changed = api.send("PATCH", CUSTOMER, {"Name": "A"}, if_match=etag)
    assert (changed.status_code, changed.json()["Name"]) == (200, "A")
    assert changed.json()["@odata.etag"] == changed.headers["ETag"] != etag
    assert api.send("PATCH", CUSTOMER, {"Name": "B"}, if_match=etag).status_code == 412
    assert api.entity(CUSTOMER)["Name"] == "A"


def test_a_clerk_moves_the_etag_between_read_and_write(api, tenant):
    row = api.rows("InstantInvoiceHandling/InstantInvoiceSet", "Company eq '10' and InvoiceNo eq '10001'")[0]
    path = f"InstantInvoiceHandling/InstantInvoiceSet(Company='10',InvoiceId={row['InvoiceId']})"
    tenant.clerk.change_invoice("10", "10001", PayTermId="DD")
    answer = api.send("PATCH", path, {"DueDate": "2026-04-01"}, if_match=row["@odata.etag"])
    assert answer.status_code == 412
    assert (api.entity(path)["PayTermId"], api.entity(path)["DueDate"]) == ("DD", "2026-03-04")


def test_a_star_skips_the_comparison(api):
    assert api.send("PATCH", CUSTOMER, {"Name": "A"}, if_match="*").status_code == 200


def test_etags_may_be_strong(api, tenant):
    tenant.switches.change({"etag_style": "strong"})
    etag = api.etag(CUSTOMER)
    assert etag.startswith('"')
    assert api.send("PATCH", CUSTOMER, {"Name": "A"}, if_match=f"W/{etag}").status_code == 412
    assert api.send("PATCH", CUSTOMER, {"Name": "A"}, if_match=etag).status_code == 200


def test_a_patch_may_answer_204(api, tenant):
    tenant.switches.change({"patch_answer": 204})
    answer = api.send("PATCH", CUSTOMER, {"Name": "A"}, if_match="*")
    assert (answer.status_code, answer.content, "ETag" in answer.headers) == (204, b"", True)


def test_without_a_precondition_an_upsert_overwrites_and_creates(api, tenant):
    tenant.switches.change({"missing_if_match": "upsert"})
    assert api.send("PATCH", CUSTOMER, {"Name": "Lost update"}).status_code == 200
    key = "Company='10',Identity='C2',PartyType=IfsApp.PaymentWayPerIdentityEntity.PartyType'Customer',WayId='GC'"
    answer = api.send("PATCH", f"{WAYS}({key})", way(WayId="GC"))
    assert answer.status_code == 201
    assert len(api.rows(WAYS, "Identity eq 'C2'")) == 1


def test_upper_case_attributes_are_normalised_and_keys_are_unique(api):
    assert api.created(WAYS, way())["WayId"] == "GOCARDLESS"
    assert "ORA-20112: PaymentWayPerIdentity.FND_RECORD_EXIST" in api.problem(api.post(WAYS, way()), 400)


def test_an_entity_is_deleted_with_its_etag(api):
    api.created(WAYS, way())
    (row,) = api.rows(WAYS, "Identity eq 'C2'")
    key = (
        "Company='10',Identity='C2',PartyType=IfsApp.PaymentWayPerIdentityEntity.PartyType'Customer',WayId='GOCARDLESS'"
    )
    assert api.send("DELETE", f"{WAYS}({key})").status_code == 428
    assert api.send("DELETE", f"{WAYS}({key})", if_match=row["@odata.etag"]).status_code == 204
    assert api.rows(WAYS, "Identity eq 'C2'") == []


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"Nonsense": 1}, "ODP_DESERIALIZATION_ERROR"),
        ({"Name": 5}, "ODP_DESERIALIZATION_ERROR"),
        ({"PartyType": "Pirate"}, "ODP_DESERIALIZATION_ERROR"),
        ({"Name": "x" * 101}, "ORA-20124: CustomerInfo.FND_ITEM_FORMAT"),
        ({"Name": ""}, "ORA-20124: CustomerInfo.FND_ITEM_FORMAT"),
    ],
)
def test_bodies_that_do_not_fit_are_refused(api, body, problem):
    whole = {
        "Name": "New", "CreationDate": "2026-03-04", "Country": "Sweden", "CountryCode": "SE",
        "DefaultLanguage": "English",
        "PartyType": "Customer", "DefaultDomain": True,
    }  # fmt: skip
    assert problem in api.problem(api.post("CustomerHandling/CustomerInfoSet", {**whole, **body}), 400)
    created = api.created("CustomerHandling/CustomerInfoSet", whole)
    assert api.entity(f"CustomerHandling/CustomerInfoSet('{created['CustomerId']}')")["Name"] == "New"


def test_members_that_may_not_change_are_told_by_their_column(api):
    answer = api.send("PATCH", CUSTOMER, {"CreationDate": "2026-01-01"}, if_match="*")
    assert "ORA-20122: CustomerInfo.FND_ITEM_UPDATE: Field [CREATIONDATE]" in api.problem(answer, 400)


def test_a_required_value_cannot_be_taken_away(api):
    answer = api.send("PATCH", CUSTOMER, {"Name": None}, if_match="*")
    assert "Field [NAME] is mandatory" in api.problem(answer, 400)
    assert api.send("PUT", CUSTOMER, {"Name": "A"}, if_match="*").status_code == 405


def test_another_content_type_is_not_read(api):
    answer = api.send("POST", WAYS, way(), content_type="text/plain")
    assert api.problem(answer, 400) == "ODP_DESERIALIZATION_ERROR"


def test_verbs_that_a_set_does_not_have_are_405(api):
    assert api.post("AccountsHandling/AccountSet").status_code == 405
    assert api.send("DELETE", CUSTOMER, if_match="*").status_code == 405
    assert api.get("VoucherEntryAssistantHandling/AccYearPeriodInfo(Company='10')").status_code == 400


# -- companies ------------------------------------------------------------------------------------------------------


def test_a_read_without_a_company_gives_those_of_all(api):
    assert {row["Company"] for row in api.rows("LedgerItemEntity/LedgerItemSet")} == {"10", "20"}


def test_a_company_the_user_is_not_in_does_not_exist_for_it(api, tenant):
    tenant.members["gc_connector"] = frozenset({"10"})
    assert {row["Company"] for row in api.rows("LedgerItemEntity/LedgerItemSet")} == {"10"}
    assert [row["Company"] for row in api.rows("UserRelatedData/CompanyFinances")] == ["10"]
    assert "ORA-20111" in api.problem(api.post(WAYS, way(Company="20")), 400)


def test_the_leak_mixes_foreign_rows_into_filtered_reads(api, tenant):
    tenant.switches.change({"leaked_rows": 1})
    assert [row["Company"] for row in api.rows("LedgerItemEntity/LedgerItemSet", "Company eq '10'")] == [
        "10",
        "10",
        "20",
    ]


# -- tailored tenants -----------------------------------------------------------------------------------------------


def test_renamed_services_sets_and_members_are_found_under_their_new_names(api, tenant):
    tenant.catalogue.rename_service("InstantInvoiceHandling", "AcmeInvoices")
    tenant.catalogue.rename_set("AcmeInvoices", "InstantInvoiceSet", "Bills")
    tenant.catalogue.rename_member("AcmeInvoices", "Bills", "InvoiceNo", "BillNumber")
    assert api.get("InstantInvoiceHandling/InstantInvoiceSet").status_code == 404
    where = "BillNumber eq '10002' and Objstate eq IfsApp.AcmeInvoices.InvoiceState'PostedAuth'"
    assert [row["Identity"] for row in api.rows("AcmeInvoices/Bills", where)] == ["C2"]
    assert 'Name="BillNumber"' in api.get("AcmeInvoices/$metadata").text


def test_a_missing_member_is_in_neither_metadata_nor_rows(api, tenant):
    tenant.catalogue.remove_member("LedgerItemEntity", "LedgerItemSet", "DueDate")
    assert "DueDate" not in api.get("LedgerItemEntity/$metadata").text
    assert "DueDate" not in api.rows("LedgerItemEntity/LedgerItemSet")[0]
    assert api.get("LedgerItemEntity/LedgerItemSet", {"filter": "DueDate le 2026-03-04"}).status_code == 400


def test_custom_fields_are_read_filtered_and_written(api, tenant):
    tenant.catalogue.add_field("InstantInvoiceHandling", "InstantInvoiceSet", "B U", "Cf_Gc_Collect")
    tenant.catalogue.add_field("CustomerHandling", "CustomerInfoSet", "S50 U", "Cf_Gc_Mandate")
    tenant.add_invoice("10", "C1", 100, invoice_no="C1", Cf_Gc_Collect=True)
    found = api.rows("InstantInvoiceHandling/InstantInvoiceSet", "Company eq '10' and Cf_Gc_Collect eq true")
    assert [row["InvoiceNo"] for row in found] == ["C1"]
    assert api.send("PATCH", CUSTOMER, {"Cf_Gc_Mandate": "MD1"}, if_match="*").json()["Cf_Gc_Mandate"] == "MD1"


def test_layers_grants_and_activation_decide_who_is_there(api, tenant):
    assert api.get(api.url("CustomerHandling/").replace("/main/", "/int/")).status_code == 404
    tenant.catalogue.move("CustomerHandling", "int")
    assert api.get("CustomerHandling/CustomerInfoSet").status_code == 404
    tenant.catalogue.activate("LedgerItemEntity", False)
    assert api.get("LedgerItemEntity/LedgerItemSet").status_code == 404
    tenant.catalogue.grant("AccountsHandling", False)
    assert api.problem(api.get("AccountsHandling/AccountSet"), 403) == "ODP_FORBIDDEN"


def test_the_list_of_services_has_categories(api):
    rows = api.rows("AllProjections/Projections", "Categories eq 'Premium'")
    assert [row["ProjectionName"] for row in rows] == ["CustomerHandling"]


# -- batches --------------------------------------------------------------------------------------------------------


def part(method, target, body=None, content_id="", **headers):
    lines = [f"{method} {target} HTTP/1.1", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    if body is not None:
        lines += ["Content-Type: application/json", "", json.dumps(body)]
    else:
        lines += ["", ""]
    identity = [f"Content-ID: {content_id}"] if content_id else []
    return "\r\n".join(["Content-Type: application/http", "Content-Transfer-Encoding: binary", *identity, "", *lines])


def multipart(boundary, *parts):
    return "".join(f"--{boundary}\r\n{each}\r\n" for each in parts) + f"--{boundary}--\r\n"


def change_set(*parts):
    return f"Content-Type: multipart/mixed;boundary=cs\r\n\r\n{multipart('cs', *parts)}"


def batch(api, service, *parts, **headers):
    kind = {"Content-Type": "multipart/mixed;boundary=b1", **{name.replace("_", "-"): v for name, v in headers.items()}}
    return api.session.post(
        api.url(f"{service}/$batch"), data=multipart("b1", *parts).encode(), headers=kind, timeout=10
    )


def statuses(answer):
    assert answer.status_code == 200, answer.text
    return [int(line.split()[1]) for line in answer.text.splitlines() if line.startswith("HTTP/1.1 ")]


def test_a_batch_is_worked_off_in_order_and_stops_at_a_failure(api):
    service = "PaymentWayPerIdentityEntity"
    gets = [part("GET", "PaymentWayPerIdentitySet"), part("GET", "Nonsense"), part("GET", "PaymentWayPerIdentitySet")]
    assert statuses(batch(api, service, *gets)) == [200, 404]
    assert statuses(batch(api, service, *gets, Prefer="odata.continue-on-error")) == [200, 404, 200]


def test_a_change_set_is_one_transaction(api):
    good = part("POST", "PaymentWayPerIdentitySet", way(), "1")
    bad = part("POST", "PaymentWayPerIdentitySet", way(Identity="C9"), "2")
    answer = batch(api, "PaymentWayPerIdentityEntity", change_set(good, bad))
    assert statuses(answer) == [400]
    assert "ORA-20111" in answer.text
    assert api.rows(WAYS, "Identity eq 'C2'") == []
    assert statuses(batch(api, "PaymentWayPerIdentityEntity", change_set(good))) == [201]
    assert len(api.rows(WAYS, "Identity eq 'C2'")) == 1


def test_a_content_id_stands_for_what_was_created_and_for_its_etag(api):
    head = {"Company": "10", "MixedPaymentDate": "2026-03-04", "ShortName": "GCEUR"}
    made = part("POST", "MixedPaymentSet", head, "1")
    changed = part("PATCH", "$1", {"VoucherText": "GC"}, "2", If_Match="$1")
    assert statuses(batch(api, "MixedPaymentHandling", change_set(made, changed))) == [201, 200]
    assert [row["VoucherText"] for row in api.rows("MixedPaymentHandling/MixedPaymentSet")] == ["GC"]


def test_a_change_set_takes_no_reads_and_a_batch_no_json(api):
    assert statuses(batch(api, "PaymentWayPerIdentityEntity", change_set(part("GET", "PaymentWayPerIdentitySet")))) == [
        400
    ]
    assert api.post("PaymentWayPerIdentityEntity/$batch", {"requests": []}).status_code == 400
