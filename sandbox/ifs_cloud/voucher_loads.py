"""External vouchers: lines of a STDVOU file, checked one by one, and vouchers made of those that stand (section 7.6)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from sandbox.ifs_cloud import companies, posting_control, vouchers
from sandbox.ifs_cloud.odata.edm import Row
from sandbox.ifs_cloud.refusals import Business, record_rule

if TYPE_CHECKING:
    from sandbox.ifs_cloud.tenant import Tenant

#: load type: what its vouchers are grouped by.
LOAD_TYPES = {"GC": "LoadGroupItem"}
COLUMNS = 44
#: positions of the columns that are read, counted from 1, by member.
_PLACES = {
    "Account": 3, **{f"Code{part}": 4 + number for number, part in enumerate(posting_control.PARTS)},
    "CurrencyCode": 13,
    "CurrencyDebetAmount": 14, "CurrencyCreditAmount": 15, "CurrencyAmount": 16, "DebetAmount": 17, "CreditAmount": 18,
    "Amount": 19, "OptionalCode": 23, "Text": 25, "PartyTypeId": 26, "ReferenceNumber": 27, "ReferenceSerie": 28,
    "TransactionDate": 32, "LoadGroupItem": 33, "TaxDirection": 34, "TaxAmount": 35, "CurrencyTaxAmount": 36,
    "VoucherType": 37, "CurrencyType": 43,
}  # fmt: skip
_AMOUNTS = tuple(name for name in _PLACES if name.endswith("Amount"))


def check_parameters(settings: Mapping[str, str]) -> None:
    """Raises `Business` when a mandatory parameter is missing or the load type unknown."""
    for name in ("COMPANY", "USER_ID", "LOAD_TYPE"):
        if not settings.get(name):
            raise record_rule("ExtLoad.EXTPARNOTEXIST", f"The parameter {name} is mandatory.")
    if settings["LOAD_TYPE"] not in LOAD_TYPES:
        raise record_rule("ExtLoad.EXTPARNOTEXIST", f"Load type {settings['LOAD_TYPE']} does not exist.")


def read(tenant: Tenant, load: Row) -> tuple[str, str]:
    """The rows of a file as an external voucher load; checked and made into vouchers when the parameters say so."""
    settings, company = load["settings"], load["settings"]["COMPANY"]
    load_id = f"{tenant.next_number('voucher load') + 1000}"
    head = tenant.table("ExtLoadInfo").add(
        {
            "Company": company, "LoadId": load_id, "LoadType": settings["LOAD_TYPE"], "LoadFileId": load["LoadFileId"],
            "LoadDate": tenant.today(), "UserGroup": settings.get("USER_GROUP") or companies.USER_GROUP,
            "State": "Loaded",
            "Userid": settings["USER_ID"],
        }
    )  # fmt: skip
    lines = [line for line in load["content"].decode("utf-8-sig", errors="replace").splitlines() if line.strip()]
    for number, line in enumerate(lines, 1):
        row = {"Company": company, "LoadId": load_id, "RecordNo": number, "RowState": "Loaded", "VoucherNo": None}
        tenant.table("ExternalVoucher").add({**dict.fromkeys(_PLACES), **row, **_parsed(line)})
    if any(row["ErrorMessage"] for row in rows_of(tenant, head)):
        tenant.table("ExtLoadInfo").change(head, State="LoadedWithErrors")
    if settings.get("CHECK_WHEN_LOADED") == "TRUE":
        check(tenant, head)
        if settings.get("CREATE_WHEN_CHECKED") == "TRUE":
            create_vouchers(tenant, head)
    return "Transferred", f"Load {load_id}: {head['State']}"


def check(tenant: Tenant, head: Row) -> Row:
    """`DoCheckTransactions`: mark each row checked or with what is wrong. Raises `Business` when that was done before."""
    if head["State"] in ("Checked", "Created"):
        raise record_rule("ExtCheck.CHECKED_EXIST", f"Load {head['LoadId']} is checked already.")
    rows = rows_of(tenant, head)
    for row in rows:
        if row["RowState"] == "Loaded" and not row["ErrorMessage"]:
            _check_row(tenant, head, row)
    done = sum(row["RowState"] == "Checked" for row in rows)
    state = "Checked" if done == len(rows) else "PartlyChecked" if done else head["State"]
    return tenant.table("ExtLoadInfo").change(head, State=state)


def create_vouchers(tenant: Tenant, head: Row) -> Row:
    """`DoCreateVoucher`: one voucher per group of rows; groups with an error stay. Raises `Business` when all are made."""
    rows = rows_of(tenant, head)
    if head["State"] == "Created":
        raise record_rule("ExtCheck.UPDATED_EXIST", f"Vouchers of load {head['LoadId']} are created already.")
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        if row["RowState"] != "Updated":
            groups.setdefault((row["LoadGroupItem"], row["TransactionDate"], row["VoucherType"]), []).append(row)
    for group in groups.values():
        if all(row["RowState"] == "Checked" for row in group):
            _create(tenant, head, group)
    made = sum(row["RowState"] == "Updated" for row in rows)
    state = "Created" if made == len(rows) else "PartlyCreated" if made else "LoadedWithErrors"
    return tenant.table("ExtLoadInfo").change(head, State=state)


def remove_errors(tenant: Tenant, head: Row) -> Row:
    """`DoRemoveErrorCodes`: rows may be checked again."""
    for row in rows_of(tenant, head):
        if row["ErrorMessage"] and row["RowState"] != "Updated":
            tenant.table("ExternalVoucher").change(row, ErrorMessage=None, RowState="Loaded")
    return tenant.table("ExtLoadInfo").change(
        head, State="Loaded" if head["State"] == "LoadedWithErrors" else head["State"]
    )


def remove(tenant: Tenant, head: Row) -> None:
    """`DoRemoveLoads`: rows that became no voucher are taken away with the load. Raises `Business` once some did."""
    rows = rows_of(tenant, head)
    if any(row["RowState"] == "Updated" for row in rows):
        raise record_rule("ExtCheck.UPDATED_EXIST", f"Vouchers of load {head['LoadId']} are created already.")
    for row in rows:
        tenant.table("ExternalVoucher").remove(row)
    tenant.table("ExtLoadInfo").remove(head)


def rows_of(tenant: Tenant, head: Row) -> list[Row]:
    rows = tenant.table("ExternalVoucher").where("LoadId", head["LoadId"])
    return [row for row in rows if row["Company"] == head["Company"]]


def _parsed(line: str) -> Row:
    fields = line.split(";")
    if len(fields) not in (COLUMNS, COLUMNS + 1):
        return {"ErrorMessage": f"The line has {len(fields)} columns instead of {COLUMNS}."}
    row: Row = {name: fields[place - 1].strip() or None for name, place in _PLACES.items()}
    try:
        for name in _AMOUNTS:
            row[name] = None if row[name] is None else Decimal(row[name])
        row["TransactionDate"] = date.fromisoformat(row["TransactionDate"] or "")
    except (InvalidOperation, ValueError) as problem:
        return {"ErrorMessage": f"The line cannot be read: {problem}"}
    _split(row, "CurrencyAmount", "CurrencyDebetAmount", "CurrencyCreditAmount")
    _split(row, "Amount", "DebetAmount", "CreditAmount")
    return {**row, "ErrorMessage": None}


def _split(row: Row, signed: str, debit: str, credit: str) -> None:
    """A signed amount (debit positive) onto the two sides, when the sides are not given."""
    if row[signed] is not None and row[debit] is None and row[credit] is None:
        row[debit if row[signed] > 0 else credit] = abs(row[signed])


def _check_row(tenant: Tenant, head: Row, row: Row) -> None:
    try:
        posting_control.check_row(tenant, head["Company"], "M", row["TransactionDate"], row)
    except Business as refusal:
        _fail(tenant, row, refusal)
    else:
        tenant.table("ExternalVoucher").change(row, RowState="Checked")


def _create(tenant: Tenant, head: Row, group: list[Row]) -> None:
    first = group[0]
    draft = vouchers.Draft(
        head["Company"],
        first["VoucherType"] or "M",
        first["TransactionDate"],
        head["UserGroup"],
        first["Text"] or first["LoadGroupItem"] or "",
        group,
    )
    try:
        with tenant.transaction():
            voucher = vouchers.create(tenant, draft)
    except Business as refusal:
        for row in group:
            _fail(tenant, row, refusal)
        return
    for row in group:
        tenant.table("ExternalVoucher").change(row, RowState="Updated", VoucherNo=voucher["VoucherNo"])


def _fail(tenant: Tenant, row: Row, refusal: Business) -> None:
    tenant.table("ExternalVoucher").change(row, ErrorMessage=f"{refusal.tag}: {refusal}", RowState="Loaded")
