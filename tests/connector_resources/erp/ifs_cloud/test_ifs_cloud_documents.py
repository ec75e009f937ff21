"""The bytes of requests as the sheet's examples and an accountant have them; and what holds for every voucher and file."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given as generated
from hypothesis import settings as limits
from hypothesis import strategies as st
from lxml import etree

from bookkeeping.money import Money
from bookkeeping.postings import AccountRole, Line, Posting, PostingKind, Side
from connector_resources.erp.contract import Complete, Hold, PlannedSubmission, PostingWork
from connector_resources.erp.ifs_cloud import camt, wire
from connector_resources.erp.ifs_cloud.invoices import claims
from connector_resources.erp.ifs_cloud.lines import RowWriter
from connector_resources.erp.ifs_cloud.planning import Planner
from connector_resources.erp.ifs_cloud.rates import RateTable
from connector_resources.erp.ifs_cloud.recipes import BUILT_IN, Recipe
from connector_resources.erp.ifs_cloud.rendering import BadRecipe, Run, fill, fill_body, render
from connector_resources.erp.ifs_cloud.settings import IfsCloudSettings
from connector_resources.erp.ifs_cloud.snapshot import FileDefaults, Snapshot
from connector_resources.erp.refusal import CannotBook

RATES = RateTable.of(
    "EUR",
    [
        wire.Rate(company="10", currency="GBP", valid_from="2026-01-01", rate=Decimal("1.16"), factor=Decimal(1)),
        wire.Rate(company="10", currency="GBP", valid_from="2026-03-05", rate=Decimal("1.20"), factor=Decimal(1)),
        wire.Rate(company="10", currency="SEK", valid_from="2026-01-01", rate=Decimal("8.75"), factor=Decimal(100)),
    ],
)


def snapshot(**changes: Any) -> Snapshot:
    made = Snapshot(currencies={"10": "EUR", "20": "SEK"}, rates={"10": RATES})
    made.file_defaults = {"10": FileDefaults("1", "MXP_CAMT", "COMPANY=10^")}
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def item(number: str, full: str, **changes: Any) -> wire.OpenItem:
    fields: dict[str, Any] = {
        "company": "10", "customer": "C1", "series": "CI", "number": number, "version": "1", "full": Decimal(full),
        "currency": "EUR", "state": "Unpaid", "due": "2026-04-01", "party": "Customer",
    }  # fmt: skip
    return wire.OpenItem(**{**fields, **changes})


def plan(settings: IfsCloudSettings, known: Snapshot, *postings: Posting, **more: Any) -> list[Any]:
    return Planner(settings).plan([PostingWork(each) for each in postings], known, **more)


def one(settings: IfsCloudSettings, known: Snapshot, *postings: Posting) -> PlannedSubmission:
    (answer,) = plan(settings, known, *postings)
    assert isinstance(answer, PlannedSubmission), answer
    return answer


def calls(planned: PlannedSubmission) -> list[dict[str, Any]]:
    return list(json.loads(planned.body, parse_float=str)["calls"])


def test_a_payout_is_the_sheets_voucher(given: SimpleNamespace) -> None:
    planned = one(given.settings(), snapshot(), given.payout())
    period, head, *rows, create = calls(planned)
    service = "/main/ifsapplications/projection/v1/VoucherEntryAssistantHandling.svc/"
    assert period["method"] == "GET"
    assert period["path"] == f"{service}AccYearPeriodInfo(Company='10',VoucherDate=2026-03-04,UserGroup='AC')"
    assert head["path"] == f"{service}VoucherSet"
    assert head["body"] == {
        "OpennedFrom": "NEW_VOUCHER", "Company": "10", "VoucherDate": "2026-03-04", "UserGroup": "AC", "VoucherType": "M",
        "AccountingYear": "{saved.year}", "AccountingPeriod": "{saved.period}", "VoucherNo": 0, "VoucherStatus": "Approved",
        "AmountMethod": "NetAmountEntry", "UseCorrectionRows": False, "MultiCompanyMode": False,
        "VoucherText2": "GCEV00005 GoCardless payout PO000123",
    }  # fmt: skip
    assert rows[1]["path"] == f"{service}VoucherSet(Objkey={{saved.objkey|key}})/VoucherPostingArray"
    assert rows[1]["body"] == {
        "Account": "6570", "CurrencyCode": "EUR", "CurrencyDebetAmount": "2.64", "DebetAmount": "2.64",
        "TaxDirection": "NoTax", "Text": "GCEV00005 PO000123 fees", "ReferenceSerie": "GC",
        "ReferenceNumber": "GCEV00005", "Correction": False,
    }  # fmt: skip
    assert [
        (row["body"]["Account"], row["body"].get("CurrencyDebetAmount"), row["body"].get("CurrencyCreditAmount"))
        for row in rows
    ] == [("1930", "236.80", None), ("6570", "2.64", None), ("2641", "0.56", None), ("1940", None, "240.00")]
    assert create["path"].endswith("/IfsApp.VoucherEntryAssistantHandling.VoucherEntry_CreateVoucher")
    assert (create["if_match"], create["effect"], create["save"]) == ("*", True, {"voucher_no": "value"})
    assert planned.reference == "EV00005:payout/voucher"


def test_the_same_work_gives_the_same_bytes(given: SimpleNamespace) -> None:
    postings = [given.receipt(f"PM{n}", 100 + n, event=f"EV{n}") for n in range(5)]
    for settlement in ("mixed_payment", "camt_file", "suspense"):
        settings = given.settings(settlement=settlement)
        first, second = one(settings, snapshot(), *postings), one(settings, snapshot(), *postings)
        assert (first.body, first.reference, first.sha256) == (second.body, second.reference, second.sha256)


def test_receipts_share_a_payment_by_company_currency_and_day(given: SimpleNamespace) -> None:
    answers = plan(
        given.settings(), snapshot(),
        given.receipt("PM1", event="EV1"), given.receipt("PM2", event="EV2"),
        given.receipt("PM3", event="EV3", booking_date=date(2026, 3, 5)),
        given.receipt("PM4", event="EV4", currency="GBP"),
        given.receipt("PM5", event="EV5", currency="SEK", customer="20:C1", creditor="CR20"),
    )  # fmt: skip
    assert [each.posting_keys for each in answers] == [
        ("EV1:receipt", "EV2:receipt"), ("EV3:receipt",), ("EV4:receipt",), ("EV5:receipt",),
    ]  # fmt: skip
    alone = plan(
        given.settings(), snapshot(), given.receipt("PM1", event="EV1"), given.receipt("PM2", event="EV2"),
        alone={"EV1:receipt": "was refused"},
    )  # fmt: skip
    assert [each.posting_keys for each in alone] == [("EV2:receipt",), ("EV1:receipt",)]


def test_a_receipt_is_matched_with_the_item_it_names_and_no_item_is_promised_twice(given: SimpleNamespace) -> None:
    known = snapshot()
    known.take_claims(claims([item("10001", "121.00")], given.settings()))
    planned = one(
        given.settings(), known, given.receipt("PM1", event="EV1", invoice="CI10001"),
        given.receipt("PM2", event="EV2", invoice="CI10001"),
    )  # fmt: skip
    _, first, second, _ = calls(planned)
    assert first["body"] | {"Text": ""} == {
        "LumpSumTransDate": "2026-03-04", "Identity": "C1", "PartyType": "Customer", "Currency": "EUR",
        "CurrAmount": "121.00", "Text": "", "LedgerItemSeriesId": "CI", "LedgerItemId": "10001",
    }  # fmt: skip
    assert first["body"]["Text"].startswith("GCEV1 PM1 ")
    assert "LedgerItemId" not in second["body"]


def test_a_payment_for_several_invoices_has_a_line_for_each_and_one_for_the_rest(given: SimpleNamespace) -> None:
    known = snapshot()
    known.take_claims(claims([item("1", "50.00"), item("2", "30.00")], given.settings()))
    shares = (given.share("10:CI-1", 5_000), given.share("10:CI-2", 3_000))
    planned = one(given.settings(), known, given.receipt(minor=9_000, allocations=shares))
    lines = [(call["body"]["Text"].split()[0], call["body"]["CurrAmount"]) for call in calls(planned)[1:-1]]
    assert lines == [("GCEV00001/1", "50.00"), ("GCEV00001/2", "30.00"), ("GCEV00001/3", "10.00")]
    assert json.loads(planned.body)["facts"]["lines"] == dict(lines)


# --- vouchers --------------------------------------------------------------------------------------------------------


def test_a_converted_payout_has_rows_in_both_currencies_and_its_exchange_difference(given: SimpleNamespace) -> None:
    rows = RowWriter(given.settings(), "10", RATES).rows(given.converted_payout(), date(2026, 3, 4))
    assert [(row.account, row.side.value, str(row.amount), str(row.base)) for row in rows] == [
        ("1930", "debit", "115.83 EUR", "115.83 EUR"),
        ("6570", "debit", "1.00 GBP", "1.16 EUR"),
        ("1941", "credit", "100.00 GBP", "116.00 EUR"),
        ("3960", "credit", "0.99 EUR", "0.99 EUR"),
    ]
    later = RowWriter(given.settings(), "10", RATES).rows(given.converted_payout(), date(2026, 3, 6))
    assert (later[-1].side, later[-1].base) == (Side.DEBIT, Money(297, "EUR"))


def test_a_rate_that_is_missing_holds_the_posting(given: SimpleNamespace) -> None:
    (answer,) = plan(given.settings(), snapshot(rates={}), given.converted_payout())
    assert isinstance(answer, Hold)
    assert answer.code == "exchange_rate_missing"


@pytest.mark.parametrize(
    ("base", "currency", "inverted", "rate", "factor", "amount", "expected"),
    [
        ("EUR", "SEK", (), "8.75", 100, 10_000, 875),
        ("EUR", "JPY", (), "0.62", 100, 1_000, 620),
        ("EUR", "KWD", (), "3.05", 1, 1_000, 305),
        ("GBP", "EUR", ("GBP",), "1.25", 1, 12_500, 10_000),
    ],
)
def test_rates_are_by_factor_and_inverted_where_the_currency_is(
    base: str, currency: str, inverted: tuple[str, ...], rate: str, factor: int, amount: int, expected: int
) -> None:
    row = wire.Rate(company="10", currency=currency, valid_from="2026-01-01", rate=rate, factor=factor)
    table = RateTable.of(base, [row], inverted)
    assert table.in_base(Money(amount, currency), date(2026, 2, 1)) == Money(expected, base)
    with pytest.raises(CannotBook, match="exchange_rate_missing"):
        table.in_base(Money(amount, currency), date(2025, 12, 31))


_MINOR = st.integers(min_value=1, max_value=10**9)


@limits(max_examples=200, deadline=None)
@generated(
    gross=_MINOR, fee=st.integers(0, 10**6), vat=st.integers(0, 10**5), received=_MINOR, converted=st.booleans(),
    mode=st.sampled_from(["plain_line", "none", "tax_code"]),
)  # fmt: skip
def test_every_voucher_balances_in_the_accounting_currency(
    given: SimpleNamespace, gross: int, fee: int, vat: int, received: int, converted: bool, mode: str
) -> None:
    collected, bank = Money(gross + fee + vat, "GBP"), Money(received, "EUR") if converted else Money(gross, "GBP")
    lines = [Line(AccountRole.BANK, Side.DEBIT, bank, "PO1")]
    if fee:
        lines.append(Line(AccountRole.FEES, Side.DEBIT, Money(fee, "GBP"), "fee", tax_rate="SE_VAT_1"))
    if vat:
        lines.append(Line(AccountRole.INPUT_VAT, Side.DEBIT, Money(vat, "GBP"), "VAT", tax_rate="SE_VAT_1"))
    if converted:
        lines.append(Line(AccountRole.FX_TRANSIT, Side.CREDIT, bank, "PO1"))
        lines.append(Line(AccountRole.FX_TRANSIT, Side.DEBIT, Money(gross, "GBP"), "PO1"))
    lines.append(Line(AccountRole.CLEARING, Side.CREDIT, collected, "PO1"))
    posting = replace(given.posting(PostingKind.PAYOUT, "PO1"), lines=tuple(lines), party=None)
    settings = given.settings(fee_vat_mode=mode, tax_codes={"SE_VAT_1": "25"})
    rows = RowWriter(settings, "10", RATES).rows(posting, date(2026, 3, 4))
    assert sum(row.signed_base for row in rows) == 0
    assert all(row.amount.minor > 0 and row.base.minor >= 0 for row in rows)


# --- payment files -----------------------------------------------------------------------------------------------------


def notification(version: str = "camt.054.001.02") -> camt.Notification:
    euro = "EUR"
    return camt.Notification(
        "GC-EUR-ABC", version, datetime(2026, 3, 4, 12, tzinfo=UTC), date(2026, 3, 4), "GCEUR", False, euro,
        [
            camt.Transaction("GCEV1", Money(12_100, euro), "PM1", "C1", "Müller & Söhne <GmbH>", "MD1",
                             [camt.Share("CI10001", Money(12_100, euro))]),
            camt.Transaction("GCEV2", Money(-900, euro), "PM2", "C2", text="GCEV2 PM2", cause="refer_to_payer"),
        ],
    )  # fmt: skip


@pytest.mark.parametrize("version", ["camt.054.001.02", "camt.054.001.04", "camt.054.001.08"])
def test_a_file_names_account_amount_side_references_invoice_and_reason(version: str) -> None:
    root = etree.fromstring(camt.write(notification(version)).encode())
    space = {"c": f"urn:iso:std:iso:20022:tech:xsd:{version}"}

    def texts(path: str) -> list[str]:
        return [str(each.text) for each in root.iterfind(path.replace("/", "/c:"), space)]

    assert texts("./BkToCstmrDbtCdtNtfctn/Ntfctn/Acct/Id/Othr/Id") == ["GCEUR"]
    entry = "./BkToCstmrDbtCdtNtfctn/Ntfctn/Ntry"
    assert texts(f"{entry}/Amt") == ["121.00", "9.00"]
    assert texts(f"{entry}/CdtDbtInd") == ["CRDT", "DBIT"]
    details = f"{entry}/NtryDtls/TxDtls"
    assert texts(f"{details}/Refs/EndToEndId") == ["GCEV1", "GCEV2"]
    assert texts(f"{details}/Refs/MndtId") == ["MD1"]
    assert texts(f"{details}/RmtInf/Strd/RfrdDocInf/Nb") == ["CI10001"]
    assert texts(f"{details}/RtrInf/Rsn/Cd") == ["MS02"]
    party = "/Pty" if version.endswith("08") else ""
    assert texts(f"{details}/RltdPties/Dbtr{party}/Nm") == ["Müller & Söhne <GmbH>", "C2"]
    sums = texts("./BkToCstmrDbtCdtNtfctn/Ntfctn/TxsSummry/TtlCdtNtries/Sum")
    assert sums == ["121.00"]


def test_a_files_name_tells_company_day_and_content(given: SimpleNamespace) -> None:
    settings = given.settings(settlement="camt_file")
    planned = one(settings, snapshot(), given.receipt())
    begin, upload, load = calls(planned)
    assert begin["body"]["FileName"].startswith("GC_10_2026-03-04_")
    assert begin["body"]["FileTemplate"] == "MXP_CAMT"
    assert upload["content"].startswith("<?xml")
    assert load["path"].endswith("/IfsApp.ExternalFileAssistantHandling.TaskVirtual_ImportFile")
    other = one(settings, snapshot(), given.receipt(minor=12_200))
    assert calls(other)[0]["body"]["FileName"] != begin["body"]["FileName"]


# --- recipes -------------------------------------------------------------------------------------------------------------


def recipe(**step: Any) -> Recipe:
    return Recipe.model_validate({"number": "{n}", "steps": [{"name": "it", "path": "/x", **step}]})


def test_keys_are_literals_and_members_keep_their_type() -> None:
    made = recipe(
        path="/Set(Company={company|key},Day={day|key},No={saved.no|number})",
        body={"Amount": "{amount}", "Text": "of {company}", "Empty": "{nothing}", "Kept": False, "Id": "{saved.no}"},
    )
    values = {"n": "1", "company": "A'B/C", "day": date(2026, 3, 4), "amount": Decimal("1.10"), "nothing": None}
    run = Run.from_bytes(render("members", made, {}, values).to_bytes())
    (call,) = run.calls
    assert fill(call.path, {"no": "17"}) == "/Set(Company='A''B%2FC',Day=2026-03-04,No=17)"
    assert call.body is not None
    assert fill_body(call.body, {"no": 17}) == {
        "Amount": Decimal("1.10"), "Text": "of A'B/C", "Kept": False, "Id": 17,
    }  # fmt: skip


@limits(max_examples=100, deadline=None)
@generated(text=st.text(max_size=30))
def test_no_text_of_ours_poses_as_a_placeholder(text: str) -> None:
    made = recipe(body={"Whole": "{text}", "Part": "x {text} y"})
    for given_text in (text, f"{{saved.secret}} {text}", f"{{{text}}}"):
        run = Run.from_bytes(render("members", made, {}, {"n": "1", "text": given_text}).to_bytes())
        body = run.calls[0].body
        assert body is not None
        filled = fill_body(body, {"secret": "LEAKED"})
        assert filled.get("Whole", "") == given_text
        assert filled["Part"] == f"x {given_text} y"


def test_what_nothing_fills_is_named() -> None:
    with pytest.raises(BadRecipe, match="unheard_of"):
        render("members", recipe(path="/{unheard_of}"), {}, {"n": "1"})
    with pytest.raises(BadRecipe, match="'no'"):
        fill("/x({saved.no})", {})


def test_every_built_in_recipe_has_one_effect_and_it_comes_last() -> None:
    for name, each in BUILT_IN.items():
        assert [step.effect for step in each.steps].count(True) == 1, name
        assert each.steps[-1].effect, name


def test_a_body_that_is_no_recipe_is_refused() -> None:
    for body in (b"{}", b"[]", b'{"recipe": "x"}'):
        with pytest.raises(ValueError, match="no recipe"):
            Run.from_bytes(body)


# --- decided without a request -------------------------------------------------------------------------------------------


def test_refunds_and_unmatched_receipts_are_held_where_wished(given: SimpleNamespace) -> None:
    settings = given.settings(refund_mode="hold", unmatched_receipts="hold")
    answers = plan(settings, snapshot(), given.refund(), given.receipt(invoice="CI1"))
    assert [answer.code for answer in answers] == ["refund_by_hand", "invoice_unmatched"]


def test_money_that_goes_to_the_bank_directly_is_held(given: SimpleNamespace) -> None:
    lines = ((AccountRole.BANK, Side.DEBIT, 500), (AccountRole.RECEIVABLE, Side.CREDIT, 500))
    (answer,) = plan(given.settings(), snapshot(), given.posting(PostingKind.RECEIPT, "PM1", lines))
    assert (answer.code, "hand" in answer.next_step) == ("settled_directly", True)


def test_a_take_back_of_what_ifs_does_not_have_is_held(given: SimpleNamespace) -> None:
    (answer,) = plan(given.settings(), snapshot(), given.reversal(given.receipt()))
    assert answer.code == "document_unknown"


def test_a_posting_without_lines_is_complete(given: SimpleNamespace) -> None:
    assert plan(given.settings(), snapshot(), given.posting(PostingKind.PAYOUT, "PO1")) == [
        Complete("EV00001:payout", "The posting has no amount.")
    ]


def test_items_with_more_decimals_than_their_currency_are_held_back(given: SimpleNamespace) -> None:
    items = [
        item("1", "10.005"),
        item("2", "1000", currency="JPY"),
        item("3", "1.005", currency="KWD"),
        item("4", "1.5", currency=""),
    ]
    found = claims(items, given.settings())
    assert [(each.number, str(each.invoice.open_amount), each.invoice.on_hold) for each in found] == [
        ("1", "10.00 EUR", True), ("2", "1000 JPY", False), ("3", "1.005 KWD", False),
    ]  # fmt: skip
