"""Journals, general ledger lines, cash transactions and attachments."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest


def create(api: Any, body: dict[str, Any]) -> str:
    return str(api.number_of(api.post("/v2/journaltransaction", body)))


def release(api: Any, number: str) -> Any:
    return api.post(f"/v2/journaltransaction/{number}/action/release", {})


def test_a_payout_journal_is_booked_on_release_only(api: Any) -> None:
    number = create(api, api.payout(controlTotalInCurrency=240))
    assert api.get(f"/v2/journaltransaction/{number}").json()["status"] == "Balanced"
    assert api.company.books.balance("1920", "EUR") == 0
    assert release(api, number).json()["actionResult"] == "Done"
    assert api.get(f"/v2/journaltransaction/{number}").json()["status"] == "Posted"
    assert api.company.books.text(["Journal"]) == (
        "2026-03-05 Journal 000001 PO00XYZ789\n"
        "  1920           23680 EUR\n"
        "  7770             320 EUR\n"
        "  1985          -24000 EUR"
    )  # fmt: skip


def test_a_journal_stays_unposted_until_somebody_posts_it(api: Any) -> None:
    api.company.switches.auto_post = False
    number = create(api, api.payout())
    release(api, number)
    assert api.get(f"/v2/journaltransaction/{number}").json()["status"] == "Unposted"
    assert "already released" in api.message(release(api, number))
    api.company.clerk.post_journal(number)
    assert (
        api.rows("/v2/journaltransaction", periodId="202603", status="Posted", module="GL")[0]["batchNumber"] == number
    )


@pytest.mark.parametrize(
    ("lines", "changes", "text"),
    [
        ([("1920", "1", ""), ("1985", "", "2")], {}, "out of balance"),
        ([], {}, "out of balance"),
        ([("1920", "1", ""), ("1985", "", "1")], {"controlTotalInCurrency": 2}, "control total"),
        ([("1920", "1", ""), ("7700", "", "1")], {}, "Account '7700' is inactive"),
        ([("1920", "1", ""), ("1500", "", "1")], {}, "control account"),
        ([("1920", "1", ""), ("4711", "", "1")], {}, "Account '4711' cannot be found"),
        ([("1930", "1", ""), ("1985", "", "1")], {}, "denominated in GBP"),
        ([("1920", "-1", ""), ("1985", "", "-1")], {}, "positive debit or a positive credit"),
        ([("1920", "1", "1")], {}, "positive debit or a positive credit"),
        ([("1920", "1", ""), ("1985", "", "1")], {"ledger": "9"}, "Ledger '9'"),
        ([("1920", "1", ""), ("1985", "", "1")], {"currencyId": "XXX"}, "Currency 'XXX'"),
        ([("1920", "1", ""), ("1985", "", "1")], {"description": "x" * 61}, "maximum length of 60"),
        ([("1920", "1", ""), ("1985", "", "1")], {"financialPeriod": "202701"}, "FinPeriodID '202701'"),
    ],
)
def test_a_journal_that_cannot_be_booked_is_refused(
    api: Any, lines: list[tuple[str, str, str]], changes: dict[str, Any], text: str
) -> None:
    assert text in api.message(api.post("/v2/journaltransaction", api.journal(*lines, **changes)))
    assert api.company.batches.keys() == {("AR", f"{i:06d}") for i in range(1, 5)}, "only the invoices' own batches"


def test_a_line_on_a_cash_accounts_ledger_account_must_have_its_currency(api: Any) -> None:
    api.company.accounts["1985"].currency = ""
    body = api.journal(("1930", "1", ""), ("1985", "", "1"), currencyId="GBP")
    assert "cash account of another currency" in api.message(api.post("/v2/journaltransaction", body))


def test_an_unbalanced_journal_can_wait_on_hold_but_not_leave_it(api: Any) -> None:
    number = create(api, api.journal(("1920", "1", ""), hold=True))
    path = f"/v2/journaltransaction/{number}"
    assert "On Hold" in api.message(release(api, number))
    assert "out of balance" in api.message(api.put(path, api.wrap(hold=False)))
    rest = api.journal(("1985", "", "1"))["journalTransactionLines"]
    assert api.put(path, {"journalTransactionLines": rest, **api.wrap(hold=False)}).status_code == 204
    assert release(api, number).status_code == 200


@pytest.mark.parametrize("module", ["GL"])
def test_a_closed_or_inactive_period_refuses_a_journal_and_its_release(api: Any, module: str) -> None:
    number = create(api, api.payout())
    api.company.close_period("202603", (module,))
    assert "closed in module GL" in api.message(api.post("/v2/journaltransaction", api.payout()))
    assert "closed in module GL" in api.message(release(api, number))
    api.company.reopen_period("202603")
    api.company.periods["202603"].active = False
    assert "is inactive" in api.message(api.post("/v2/journaltransaction", api.payout()))


def test_a_period_closed_for_customers_only_still_takes_journals(api: Any) -> None:
    api.company.close_period("202603", ("AR", "CA"))
    create(api, api.payout())
    assert "closed in module AR" in api.message(api.post("/v1/customerPayment", api.payment()))


def test_a_subaccount_is_needed_where_subaccounts_are_active(api: Any) -> None:
    body = api.journal(("9100", "1", ""), ("1985", "", "1"))
    create(api, body)
    api.company.switches.subaccounts_active = True
    assert "'Subaccount' cannot be empty" in api.message(api.post("/v2/journaltransaction", body))
    line = body["journalTransactionLines"][0]
    for segment, status in (("1", 201), ("9", 400), ("7", 400)):
        line["subaccount"] = [{"segmentId": 1, "segmentValue": segment}]
        assert api.post("/v2/journaltransaction", body).status_code == status


def test_vat_lines_need_the_feature_the_flag_and_three_lines(api: Any) -> None:
    body = api.journal(("1920", "100", ""), ("2710", "25", ""), ("1985", "", "125"))
    body["journalTransactionLines"][1].update(api.wrap(vatId="1", vatCodeId="INPUT"))
    assert "not enabled" in api.message(api.post("/v2/journaltransaction", body))
    api.company.switches.vat_entry_in_general_ledger = True
    assert "Create VAT transactions" in api.message(api.post("/v2/journaltransaction", body))
    body |= api.wrap(createVatTransaction=True)
    assert api.post("/v2/journaltransaction", body).status_code == 201
    wrong = api.wrap(vatId="1", vatCodeId="STANDARD")
    body["journalTransactionLines"][1].update(wrong)
    assert "TaxCategoryID 'STANDARD'" in api.message(api.post("/v2/journaltransaction", body))
    short = api.journal(("2710", "25", ""), ("1985", "", "25"), createVatTransaction=True)
    assert "at least 3 lines" in api.message(api.post("/v2/journaltransaction", short))


def test_journal_amounts_swap_their_names_between_write_and_read(api: Any) -> None:
    number = create(api, api.journal(("1930", "100", ""), ("1986", "", "100"), currencyId="GBP"))
    (row,) = api.rows("/v2/journaltransaction", periodId="202603", module="GL")
    line = row["journalTransactionLines"][0]
    assert (row["batchNumber"], line["debitAmount"], line["debitAmountInCurrency"]) == (number, 100, Decimal("117.25"))


def test_released_documents_show_as_batches_of_their_module(api: Any) -> None:
    api.received("125.00", api.line("000224", "125.00"))
    modules = {row["module"] for row in api.rows("/v2/journaltransaction", periodId="202603")}
    assert modules == {"AR"}
    assert api.rows("/v2/journaltransaction", periodId="202603", module="GL") == []


def test_ledger_lines_are_found_by_account_and_dates_and_need_a_ledger(api: Any) -> None:
    number = create(api, api.payout())
    path = "/v1/GeneralLedgerTransactions"
    assert "Ledger must be specified" in api.message(api.get(path))
    query = {"ledger": "1", "account": "1985", "fromDate": "2026-03-01", "toDate": "2026-03-31"}
    assert api.rows(path, **query) == []
    (draft,) = api.rows(path, **query, includeUnreleased="true")
    assert (draft["refNumber"], draft["currCreditAmount"], draft["batchNumber"]) == ("PO00XYZ789", 240, number)
    api.company.switches.auto_post = False
    release(api, number)
    assert api.rows(path, **query) == []
    assert len(api.rows(path, **query, includeUnposted="true")) == 1


def test_a_clerk_can_delete_an_unreleased_journal_only(api: Any) -> None:
    number = create(api, api.payout())
    api.company.clerk.delete_journal(number)
    assert api.get(f"/v2/journaltransaction/{number}").status_code == 404
    released = create(api, api.payout())
    release(api, released)
    with pytest.raises(ValueError, match="is Posted"):
        api.company.clerk.delete_journal(released)


def cash(api: Any, amount: float = 3.2, **changes: Any) -> dict[str, Any]:
    fields = {
        "cashAccount": "1985",
        "entryType": "GCFEE",
        "tranDate": "2026-03-05T00:00:00",
        "documentRef": "PO00XYZ789",
        "cashTransactionDetails": [{"operation": "Insert", **api.wrap(amount=amount)}],
    }
    return dict(api.wrap(**{**fields, **changes}))


def test_a_cash_transaction_is_released_and_reversed(api: Any) -> None:
    number = api.number_of(api.post("/v1/cashTransaction", cash(api)))
    path = f"/v1/cashTransaction/{number}"
    assert api.post(f"{path}/action/release").json()["actionResult"] == "Done"
    row = api.get(path).json()
    assert (row["status"], row["disbReceipt"], row["cashAccount"]["number"]) == ("Released", "Disbursement", "1985")
    assert [api.company.books.balance(account, "EUR") for account in ("1985", "7770")] == [-320, 320]
    answer = api.post(f"{path}/action/reverse", {"returnCashTransaction": True}).json()
    assert answer["cashTransaction"]["status"] == "Balanced"
    api.post(f"/v1/cashTransaction/{answer['referenceNbr']}/action/release")
    assert api.company.books.balance("7770", "EUR") == 0
    assert "already released" in api.message(api.put(path, api.wrap(description="x")))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"cashAccount": "4711"}, "Cash account '4711'"),
        ({"entryType": "NOPE"}, "Entry type 'NOPE'"),
        ({"controlTotal": 5}, "control total"),
        ({"amount": 0}, "greater than 0"),
    ],
)
def test_a_cash_transaction_that_cannot_be_booked_is_refused(api: Any, changes: dict[str, Any], text: str) -> None:
    assert text in api.message(api.post("/v1/cashTransaction", cash(api, **changes)))


def test_cash_transactions_have_no_reference_filter_and_follow_their_own_module(api: Any) -> None:
    for reference in ("PO1", "PO2"):
        api.post("/v1/cashTransaction", cash(api, documentRef=reference))
    assert len(api.rows("/v1/cashTransaction", documentRef="PO1")) == 2
    api.company.close_period("202603", ("CA",))
    assert "closed in module CA" in api.message(api.post("/v1/cashTransaction", cash(api)))
    assert api.post("/v2/journaltransaction", api.payout()).status_code == 201


def test_a_file_is_attached_to_a_journal_and_read_back(api: Any) -> None:
    number = create(api, api.payout())
    path = f"/v2/journaltransaction/module/GL/{number}/attachment"
    for content in (b"a;b", b"a;b;c"):
        assert api.session.post(api.base + path, files={"file": ("payout.csv", content)}, timeout=10).status_code == 201
    (attached,) = api.get(f"/v2/journaltransaction/{number}").json()["attachments"]
    assert attached["name"] == "payout.csv"
    assert api.get(f"/v1/attachment/{attached['id']}").content == b"a;b;c"
    assert api.session.post(api.base + path, files={"file": ("noextension", b"x")}, timeout=10).status_code == 400
    missing = path.replace(number, "999999")
    assert api.session.post(api.base + missing, files={"file": ("a.csv", b"x")}, timeout=10).status_code == 404


def test_payments_take_no_attachments_but_invoices_do(api: Any) -> None:
    number = api.create_payment()
    for path, status in ((f"customerPayment/{number}", 404), ("customerinvoice/000224", 201)):
        answer = api.session.post(f"{api.base}/v1/{path}/attachment", files={"file": ("a.txt", b"x")}, timeout=10)
        assert answer.status_code == status
