"""The tables behind the projections: one per logical unit, with its key and the columns that are looked up by."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sandbox.ifs_cloud.odata.tables import Journal, Listener, Table

#: name: key columns, then after a bar the indexed ones.
_UNITS = {
    "CompanyFinance": "Company",
    "CustomerInfo": "CustomerId",
    "CustomerInfoAddress": "CustomerId AddressId",
    "CustomerInfoAddressType": "CustomerId AddressId AddressTypeCode",
    "CustomerInfoContact": "CustomerId PersonId",
    "CommMethod": "CustomerId CommId",
    "IdentityInvoiceInfo": "Company Identity PartyType | Identity",
    "CustomerCreditInfo": "Company Identity | Identity",
    "IdentityPayInfo": "Company Identity PartyType | Identity",
    "PaymentWayPerIdentity": "Company Identity PartyType WayId | Identity",
    "PaymentAddress": "Company Identity PartyType WayId AddressId | Identity",
    "Invoice": "Company InvoiceId | Identity InvoiceNo",
    "InvoiceItem": "Company InvoiceId ItemId | InvoiceId",
    "LedgerItem": "Company Identity PartyType LedgerItemSeriesId LedgerItemId LedgerItemVersion"
    " | Identity LedgerItemId Objstate InvoiceId",
    "PaymentPlan": "Company Identity PartyType InvoiceId InstallmentId | Identity InvoiceId",
    "PaymentTerm": "Company PayTermId",
    "Account": "Company Account",
    "CodePartValue": "Company CodePart Value | CodePart",
    "AccountingYear": "Company AccountingYear",
    "AccountingPeriod": "Company AccountingYear AccountingPeriod",
    "UserGroupPeriod": "Company UserGroup LedgerId AccountingYear AccountingPeriod",
    "UserGroupMember": "Company UserGroup Userid",
    "VoucherType": "Company VoucherType",
    "VoucherTypeUserGroup": "Company AccountingYear UserGroup VoucherType FunctionGroup",
    "VoucherNoSerial": "Company VoucherType AccountingYear",
    "StatutoryFee": "Company FeeCode",
    "CurrencyCode": "Company CurrencyCode",
    "CurrencyType": "Company CurrencyType",
    "CurrencyRate": "Company CurrencyType CurrencyCode ValidFrom",
    "CashAccount": "Company ShortName",
    "VoucherEntry": "Objkey",
    "VoucherEntryRow": "Objkey | HeadObjkey",
    "Voucher": "Company AccountingYear VoucherType VoucherNo | Place",
    "VoucherRow": "Company AccountingYear VoucherType VoucherNo RowNo | VoucherNo ReferenceNumber",
    "ExternalFileTask": "Objkey",
    "ExtFileLoad": "LoadFileId | FileName",
    "ExtLoadInfo": "Company LoadId",
    "ExternalVoucher": "Company LoadId RecordNo | LoadId ReferenceNumber",
    "MixedPayment": "Company MixedPaymentId",
    "MixedPaymentLumpSum": "Company MixedPaymentId LumpSumTransId | MixedPaymentId",
    "MixedPaymentManPosting": "Company MixedPaymentId ManPostingId | MixedPaymentId",
    "MixedPaymentMatch": "Company MixedPaymentId LumpSumTransId MatchId | MixedPaymentId",
    "ExternalPayment": "LoadFileId EntryNo | LoadFileId",
    "CustPaymentProposal": "Company ProposalId",
    "CustPaymentProposalItem": "Company ProposalId ItemId | ProposalId",
    "HistoryLog": "LogId | LuName",
    "HistoryLogAttribute": "LogId ColumnName",
}


def build(now: Callable[[], datetime], journal: Journal, listener: Listener) -> dict[str, Table]:
    """Every table, empty."""
    tables = {}
    for name, text in _UNITS.items():
        keys, _, indexed = text.partition("|")
        tables[name] = Table(name, tuple(keys.split()), now, journal, indexed=indexed.split(), listener=listener)
    return tables
