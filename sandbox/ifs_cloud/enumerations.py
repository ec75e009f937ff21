"""Enumerations of the projections, with their identifiers as they stand in JSON and in qualified literals."""

from __future__ import annotations

from sandbox.ifs_cloud import vouchers

ENUMS: dict[str, tuple[str, ...]] = {
    "PartyType": ("Customer", "Supplier", "Company", "Person"),
    "CustomerCategory": ("Customer", "Prospect", "EndCustomer"),
    "InvoiceState": ("Preliminary", "Posted", "PostedAuth", "PartlyPaidPosted", "PaidPosted", "Cancelled"),
    "LedgerItemState": ("Unpaid", "PartlyPaid", "Paid", "Cancelled"),
    "VoucherStatus": tuple(vouchers.STATUS),
    "VoucherState": tuple(vouchers.STATUS.values()),
    "AmountMethod": ("NetAmountEntry", "GrossAmountEntry"),
    "TaxDirection": ("TaxReceived", "TaxDisbursed", "NoTax"),
    "AuthorizeLevel": ("EnterOnly", "ApproveOnly", "EnterAndApprove"),
    "PeriodStatus": ("Open", "Closed", "FinallyClosed"),
    "RateTypeCategory": ("Normal", "Project", "ParallelCurrency", "TaxReporting"),
    "CodeDemand": ("Mandatory", "CanBeUsed", "Blocked"),
    "AddressTypeCode": ("Delivery", "Document", "Pay", "PrimaryContact", "Visit"),
    "BaseDateOutgoingBase": ("InvoiceDate", "DeliveryDate", "VoucherDate"),
    "ProcessOptions": ("Online", "Batch"),
    "FileDirection": ("InputFile", "OutputFile"),
    "ExtFileState": (
        "Empty", "Loaded", "Unpacked", "Transferred", "Aborted", "Packed", "FileCreated", "Removed", "TransferError",
        "PartlyTransferred",
    ),
    "ExtLoadState": ("Loaded", "LoadedWithErrors", "Checked", "PartlyChecked", "Created", "PartlyCreated"),
    "ExtRowState": ("Loaded", "Checked", "Updated"),
    "MixedPaymentState": ("NotApproved", "Approved", "Cancelled"),
    "LumpSumState": ("Entered", "Matched", "Approved", "MatchingCancelled"),
    "ProposalState": ("Created", "Acknowledged", "Closed", "Cancelled"),
    "ProposalItemState": ("Proposed", "Ordered", "Collected", "Failed", "Removed"),
}  # fmt: skip
