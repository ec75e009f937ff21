"""Projections of vouchers: the entry assistant, approval, hold table, general ledger rows (sections 7.1, 7.5, 7.9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.ifs_cloud import voucher_entry, vouchers
from sandbox.ifs_cloud.building import below, entity_service, projection, rows
from sandbox.ifs_cloud.odata.edm import EntityType, Row, entity
from sandbox.ifs_cloud.odata.service import Action, Call, EntitySet, Function, Service
from sandbox.ifs_cloud.posting_control import PARTS

if TYPE_CHECKING:
    from sandbox.ifs_cloud.tenant import Tenant

_CODES = " ".join(f"Code{part}" for part in PARTS)
_KEY = "Company AccountingYear VoucherType VoucherNo"
_TYPE_KEY = {"Company": "S", "AccountingYear": "I", "UserGroup": "S", "VoucherType": "S"}


def build(tenant: Tenant) -> list[Service]:
    approving = rows(tenant, "VoucherSet", _voucher("VoucherEntry"), keep=_on_hold, change=True)
    for event, status in (
        ("ReadyToUpdate", "Approved"),
        ("DelayUpdate", "NotApproved"),
        ("ReadyApprove", "AwaitingApproval"),
    ):
        approving.actions[f"VoucherEntry_{event}"] = _event(tenant, event, status)
    return [
        _assistant(tenant),
        projection("VoucherHandling", approving),
        projection("VouchersAnalysis", rows(tenant, "VoucherSet", _voucher("Voucher"), keep=_on_hold)),
        projection("VoucherRowsAnalysis", rows(tenant, "VoucherRowSet", _row("VoucherRow"), keep=_on_hold)),
        _ledger_rows(tenant),
    ]


def _on_hold(row: Row) -> bool:
    return bool(row["Place"] == vouchers.HOLD)


def _ledger_rows(tenant: Tenant) -> Service:
    kind = _row("VoucherRow")
    return entity_service(
        EntitySet(
            "GenLedVoucherRowSet",
            EntityType("GenLedVoucherRow", "GenLedVoucherRow", kind.keys, kind.properties),
            tenant.table("VoucherRow"),
            keep=lambda row: row["Place"] == vouchers.LEDGER,
        )
    )


def _event(tenant: Tenant, event: str, status: str) -> Action:
    return Action(lambda call, row, given: vouchers.set_status(tenant, row, status, event))


def _assistant(tenant: Tenant) -> Service:
    heads = EntitySet(
        "VoucherSet",
        _temporary_head(),
        tenant.table("VoucherEntry"),
        create=lambda call, body, _: voucher_entry.create_head(tenant, call, body),
    )

    def create_row(call: Call, body: Row, parent: Row | None) -> Row:
        row = voucher_entry.create_row(tenant, call, body, parent)
        if call.switches.child_moves_parent and parent is not None:
            tenant.table("VoucherEntry").touch(parent)
        return row

    posting = EntitySet("VoucherPostingArray", _temporary_row(), tenant.table("VoucherEntryRow"), create=create_row)
    below(heads, "VoucherPostingArray", posting, "HeadObjkey=Objkey")
    heads.actions["VoucherEntry_CreateVoucher"] = Action(
        lambda call, row, given: voucher_entry.create_voucher(tenant, call, row, given), returns="I"
    )
    heads.actions["VoucherEntry_RemoveTempVoucher"] = Action(
        lambda call, row, given: voucher_entry.remove(tenant, call, row, given)
    )
    service = projection("VoucherEntryAssistantHandling", heads)
    service.functions["AccYearPeriodInfo"] = Function(
        lambda call, given: voucher_entry.year_and_period(tenant, call, given),
        {"Company": "S", "VoucherDate": "Y", "UserGroup": "S"},
    )
    service.functions["VoucherHeaderInfo"] = Function(
        lambda call, given: voucher_entry.header_information(tenant, call, given), _TYPE_KEY
    )
    service.functions["GetVoucherTypeInfo"] = Function(
        lambda call, given: voucher_entry.type_information(tenant, call, given), {"Company": "S", "VoucherType": "S"}
    )
    return service


def _temporary_head() -> EntityType:
    return entity(
        "VoucherEntry",
        "Objkey",
        {
            "S": "Objkey", "S20 R": "OpennedFrom", "S20u R": "Company", "Y R": "VoucherDate", "S30u R": "UserGroup",
            "S3u R": "VoucherType", "I R": "AccountingYear AccountingPeriod VoucherNo",
            "E:VoucherStatus R": "VoucherStatus",
            "E:AmountMethod R": "AmountMethod", "B R": "UseCorrectionRows MultiCompanyMode", "S2000 PU": "VoucherText2",
        },
    )  # fmt: skip


def _temporary_row() -> EntityType:
    return entity(
        "VoucherPosting",
        "Objkey",
        {
            "S": "Objkey", "I": "RowNo", "S20u R": "Account", "S20u P": f"{_CODES} OptionalCode PartyTypeId",
            "S3u P": "CurrencyCode",
            "S10 P": "CurrencyType",
            "D P": "CurrencyRate CurrencyDebetAmount CurrencyCreditAmount DebetAmount CreditAmount"
            " TaxAmount CurrencyTaxAmount", "E:TaxDirection P": "TaxDirection", "S200 P": "Text",
            "E:PartyType P": "PartyType",
            "S50 P": "ReferenceSerie ReferenceNumber", "B P": "Correction",
        },
        "VoucherEntryRow",
    )  # fmt: skip


def _voucher(name: str) -> EntityType:
    return entity(
        name,
        _KEY,
        {
            "S20u": "Company",
            "I": "AccountingYear VoucherNo AccountingPeriod VoucherNoReference AccountingYearReference",
            "S3u": "VoucherType VoucherTypeReference", "Y": "VoucherDate", "T": "DateReg", "S30": "Userid UserGroup",
            "S2000 U": "VoucherText2", "E:VoucherStatus": "VoucherStatus", "E:VoucherState": "Objstate",
            "S10": "FunctionGroup",
            "S200": "TransferId", "B": "InterimVoucher", "S20": "MultiCompanyId",
        },
        "Voucher",
    )  # fmt: skip


def _row(name: str) -> EntityType:
    return entity(
        name,
        f"{_KEY} RowNo",
        {
            "S20u": f"Company Account {_CODES} OptionalCode PartyTypeId",
            "I": "AccountingYear VoucherNo RowNo AccountingPeriod",
            "S3u": "VoucherType CurrencyCode", "Y": "VoucherDate", "S10": "FunctionGroup",
            "D": "CurrencyDebetAmount CurrencyCreditAmount DebetAmount CreditAmount TaxAmount CurrencyTaxAmount"
            " CurrencyRate",
            "E:TaxDirection": "TaxDirection", "E:PartyType": "PartyType", "S200": "Text MatchingInfo",
            "S50": "ReferenceSerie ReferenceNumber", "S100": "TransCode",
        },
    )  # fmt: skip
