"""The checklist, and tenants whose projections are called otherwise: what is missing is named, and the map puts it right."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from connector_resources.erp.ifs_cloud import metadata
from connector_resources.erp.ifs_cloud.projections import projection_map


def failed(site: Any, **changes: Any) -> dict[str, str]:
    """What is not ok -> detail; every such line says what to do."""
    report = site.connector(**changes).ping()
    wrong = [line for line in report.lines if not line.ok]
    assert all(line.next_step for line in wrong), wrong
    return {line.what: line.detail for line in wrong}


def test_an_untouched_tenant_passes_every_check(site: Any) -> None:
    report = site.connector().ping()
    assert report.ok, [line for line in report.lines if not line.ok]
    what = [line.what for line in report.lines]
    assert {
        "token and companies",
        "projection open_items",
        "company 10 account fees",
        "company 20 currency SEK",
    } <= set(what)
    writes = [method for method, path in site.sandbox.faults.requests if method != "GET" and "/token" not in path]
    assert writes == []


def test_a_wrong_secret_is_said_and_nothing_else_is_asked(site: Any, given: SimpleNamespace) -> None:
    site.store.vault.write(given.CONNECTION, "ifs_client_secret", "wrong")
    (line,) = site.connector().ping().lines
    assert not line.ok
    assert "wrong" not in line.detail


def test_a_missing_company_account_currency_and_authority_are_named(site: Any, given: SimpleNamespace) -> None:
    companies = given.section()["companies"]
    companies["30"] = {**companies["20"], "creditor": "CR30"}
    companies["10"]["accounts"] = {**companies["10"]["accounts"], "fees": "9999", "suspense": "1510"}
    site.tenant.clerk.set_authority("20", "ApproveOnly")
    row = site.tenant.table("CurrencyCode")[("10", "GBP")]
    site.tenant.table("CurrencyCode").change(row, CurrencyRounding=3)
    assert failed(site, companies=companies) == {
        "company 10 account fees": "9999 does not exist",
        "company 10 account suspense": "1510 is a ledger account, which takes no vouchers",
        "company 10 currency GBP": "3 decimals",
        "company 20 voucher type M": "user group AC: ApproveOnly",
        "company 30": "the user does not see it",
    }


def test_a_closed_period_of_today_is_told(site: Any) -> None:
    site.tenant.clerk.close_period("10", 2026, 3)
    assert list(failed(site)) == ["company 10 voucher type"]


def test_every_name_that_the_tenant_lacks_is_told(site: Any) -> None:
    catalogue = site.tenant.catalogue
    catalogue.remove_member("LedgerItemEntity", "LedgerItemSet", "DueDate")
    catalogue.rename_set("VoucherRowsAnalysis", "VoucherRowSet", "VoucherLineSet")
    catalogue.remove_service("MixedPaymentHandling")
    catalogue.activate("GenLedVoucherRowEntity", False)
    wrong = failed(site)
    assert wrong["projection open_items"] == "LedgerItemSet has no member DueDate (for due)"
    assert wrong["projection hold_rows"] == "VoucherRowsAnalysis.svc has no set VoucherRowSet (it has VoucherLineSet)"
    assert "404" in wrong["projection mixed_payments"]
    assert "404" in wrong["projection gl_rows"]


def test_an_action_that_the_recipe_calls_is_looked_for(site: Any) -> None:
    actions = site.tenant.catalogue.set("MixedPaymentHandling", "MixedPaymentSet").actions
    actions["MixedPayment_Authorise"] = actions.pop("MixedPayment_Approve")
    assert failed(site) == {"projection mixed_payments": "no action MixedPayment_Approve"}


def renamed(site: Any) -> dict[str, Any]:
    """A tenant of its own: other services, sets, members and layers; gives the map that names them."""
    catalogue = site.tenant.catalogue
    catalogue.rename_service("LedgerItemEntity", "AcmeOpenItems")
    catalogue.rename_set("AcmeOpenItems", "LedgerItemSet", "OpenItems")
    catalogue.rename_member("AcmeOpenItems", "OpenItems", "FullCurrAmount", "Gross")
    catalogue.rename_service("MixedPaymentHandling", "AcmePayments")
    catalogue.rename_member("AcmePayments", "MixedPaymentLumpSumSet", "Text", "Remark")
    catalogue.rename_member("AcmePayments", "MixedPaymentLumpSumArray", "Text", "Remark")
    catalogue.move("AcmePayments", "int")
    payments = {"layer": "int", "service": "AcmePayments"}
    return {
        "open_items": {"service": "AcmeOpenItems", "set": "OpenItems", "fields": {"full": "Gross"}},
        "mixed_payments": payments,
        "payment_matches": payments,
        "payment_lines": {**payments, "fields": {"text": "Remark"}},
    }


def with_remark(recipe: Any) -> dict[str, Any]:
    """The built-in recipe with another name for one member: what a connection file would hold."""
    content = recipe.model_dump(mode="json")
    for step in content["steps"]:
        if "Text" in (step["body"] or {}):
            step["body"]["Remark"] = step["body"].pop("Text")
            step["existing"]["match"] = {"Remark": step["existing"]["match"].pop("Text")}
        if step["check"]:
            step["check"]["marker"] = "Remark"
    return dict(content)


@pytest.mark.parametrize("call", ["", "MixedPaymentLumpSumArray"])
def test_a_tenant_with_names_of_its_own_is_served_by_map_and_recipe(
    site: Any, given: SimpleNamespace, call: str
) -> None:
    site.tenant.add_invoice("10", "C1", 12_100, invoice_no="10001")
    own = renamed(site)
    assert set(failed(site)) >= {"projection open_items", "projection mixed_payments"}
    changes = {"map": own, "recipes": {"mixed_payment": with_remark(given.settings().recipe("mixed_payment"))}}
    assert failed(site, **changes) == {}
    if call:
        site.break_next("drop_after", call)
    paid = given.receipt(invoice="10:CI-10001")
    site.post(paid, **changes)
    assert site.state(paid) == "posted", site.reasons()
    assert site.owed("10", "10001").minor == 0
    site.post(given.reversal(paid), **changes)
    assert site.owed("10", "10001").minor == 12_100, site.reasons()


def test_a_recipe_that_names_what_nobody_knows_stops_before_anything_is_sent(site: Any, given: SimpleNamespace) -> None:
    recipe = given.settings().recipe("mixed_payment").model_dump(mode="json")
    recipe["steps"][0]["body"]["Project"] = "{project_of_the_month}"
    with pytest.raises(ValueError, match="project_of_the_month"):
        site.post(given.receipt(), recipes={"mixed_payment": recipe})
    assert len(site.tenant.table("MixedPayment")) == 0


def test_metadata_is_read_with_base_types_arrays_and_operations(site: Any) -> None:
    edmx = b"""<edmx:Edmx xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx" Version="4.0"><edmx:DataServices>
      <Schema xmlns="http://docs.oasis-open.org/odata/ns/edm" Namespace="IfsApp.X">
      <EntityType Name="Base"><Property Name="Company" Type="Edm.String"/></EntityType>
      <EntityType Name="Item" BaseType="IfsApp.X.Base"><Property Name="Amount" Type="Edm.Decimal"/>
        <NavigationProperty Name="LineArray" Type="Collection(IfsApp.X.Base)"/></EntityType>
      <Action Name="Item_Approve" IsBound="true"/>
      <EntityContainer Name="C"><EntitySet Name="Items" EntityType="IfsApp.X.Item"/></EntityContainer>
      </Schema></edmx:DataServices></edmx:Edmx>"""
    model = metadata.parse(edmx)
    assert model.members == {"Items": frozenset({"Company", "Amount"})}
    assert (model.arrays["Items"], model.operations) == (frozenset({"LineArray"}), frozenset({"Item_Approve"}))
    entry = projection_map(
        {"mine": {"service": "X", "set": "Items", "array": "Rows", "fields": {"total": "Sum"}, "orderby": ["Id"]}}
    )["mine"]
    assert metadata.missing(entry, model) == [
        "Items has no member Sum (for total)", "Items has no member Id (to order by)", "Items has no array Rows",
    ]  # fmt: skip


@pytest.mark.parametrize("content", [b"<html/>", b"not xml", b""])
def test_a_page_that_is_no_metadata_is_not_taken_for_one(content: bytes) -> None:
    with pytest.raises(ValueError, match="metadata"):
        metadata.parse(content)
