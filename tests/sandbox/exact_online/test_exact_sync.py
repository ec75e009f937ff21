"""Row versions, deletions and the move of a division."""

from __future__ import annotations

from typing import Any

ACCOUNTS = ("sync/CRM/Accounts", "ID,Timestamp,Name")
TERMS = ("sync/Cashflow/PaymentTerms", "ID,Timestamp,LineType,AmountDC,InvoiceNumber,Status")
DELETED = ("sync/Deleted", "Timestamp,EntityType,EntityKey")


def newer(api: Any, endpoint: tuple[str, str], version: int = 1) -> list[dict[str, Any]]:
    return list(api.rows(*endpoint, f"Timestamp gt {version}L"))


def test_the_row_version_grows_with_every_change_and_a_row_comes_once(api: Any) -> None:
    rows = newer(api, ACCOUNTS)
    versions = [row["Timestamp"] for row in rows]
    assert versions == sorted(set(versions))
    api.division.clerk.edit_account("42", Name="Zonnebloem Beheer")
    api.division.clerk.edit_account("42", Name="Zonnebloem Holding")
    (changed,) = newer(api, ACCOUNTS, max(versions))
    assert (changed["Name"], changed["Timestamp"] > max(versions)) == ("Zonnebloem Holding", True)
    assert newer(api, ACCOUNTS, changed["Timestamp"]) == []


def test_a_row_changed_between_pages_comes_again_later(api: Any) -> None:
    for number in range(1100):
        api.division.add_account(str(2000 + number))
    api.division.between_pages.append(lambda: api.division.clerk.edit_account("42", Name="Changed"))
    rows = newer(api, ACCOUNTS)
    assert [row["Name"] for row in rows if row["ID"] == api.customer()] == ["Zonnebloem B.V.", "Changed"]
    assert len({row["ID"] for row in rows}) == 1102


def test_payment_terms_hold_what_we_owe_suppliers_too(api: Any) -> None:
    api.division.add_account("77", "Leverancier", IsSupplier=True)
    api.division.clerk.add_payable("77", 3000)
    terms = newer(api, TERMS)
    assert sorted((row["LineType"], row["AmountDC"]) for row in terms) == [(20, -121), (20, -50), (22, 30)]
    assert len(api.rows("cashflow/Receivables", "ID", "Status eq 20")) == 2
    assert len(api.rows("read/financial/ReceivablesList", "HID")) == 2


def test_a_paid_term_comes_again_with_its_new_status(api: Any) -> None:
    last = max(row["Timestamp"] for row in newer(api, TERMS))
    api.created("financialtransaction/BankEntries", api.receipt())
    assert {(row["InvoiceNumber"], row["Status"]) for row in newer(api, TERMS, last)} == {(26700042, 50)}


def test_deletions_are_told_by_kind_for_two_months(api: Any, pass_time: Any) -> None:
    entry = api.created("financialtransaction/BankEntries", api.receipt())
    lines = api.rows("financialtransaction/TransactionLines", "ID", f"EntryID eq guid'{entry['EntryID']}'")
    api.delete(f"financialtransaction/BankEntries(guid'{entry['EntryID']}')")
    api.delete(f"crm/Accounts(guid'{api.customer('43')}')")
    told = newer(api, DELETED)
    assert sorted(row["EntityType"] for row in told) == [1, 1, 2, 10]
    assert {row["EntityKey"] for row in told if row["EntityType"] == 1} == {line["ID"] for line in lines}
    (account,) = api.rows(*DELETED, "Timestamp gt 1L and EntityType eq 2")
    assert newer(api, DELETED, account["Timestamp"]) == []
    pass_time(62 * 86400 - 36000)
    api.login()
    assert newer(api, DELETED) == []


def test_a_date_becomes_a_version_for_listed_end_points_only(api: Any, pass_time: Any) -> None:
    pass_time(300)
    before = max(row["Timestamp"] for row in api.division.tables["TransactionLines"])
    api.created("financialtransaction/BankEntries", api.receipt())
    path = "read/sync/Sync/SyncTimestamp"
    query = {"modified": "datetime'2026-11-20T11:05:00'", "endPoint": "'TransactionLines'"}
    assert api.get(path, query).json()["d"]["TimeStampAsBigInt"] == before
    api.problem(api.get(path, {**query, "endPoint": "'Accounts'"}), 400)
    api.problem(api.get(path, {"endPoint": "'TransactionLines'"}), 400)


def test_the_move_of_a_division_makes_every_version_new(api: Any) -> None:
    last = max(row["Timestamp"] for row in newer(api, ACCOUNTS))
    assert api.rows("system/Divisions", "DivisionMoveDate")[0]["DivisionMoveDate"] is None
    api.division.clerk.move_division()
    assert newer(api, ACCOUNTS, last) == [], "an old cursor misses everything"
    assert len(newer(api, ACCOUNTS)) == 2
    assert api.rows("system/Divisions", "DivisionMoveDate")[0]["DivisionMoveDate"] is not None


def test_posted_lines_can_be_synchronised(api: Any) -> None:
    rows = newer(api, ("sync/Financial/TransactionLines", "ID,Timestamp,LineNumber,AmountDC"))
    assert sorted((row["LineNumber"], row["AmountDC"]) for row in rows) == [(0, 50), (0, 121), (1, -121), (1, -50)]
