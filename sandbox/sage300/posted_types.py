"""The types of what receivables keep: posted documents and receipts, payments to customers, recurring charges."""

from __future__ import annotations

from sandbox.sage300.batch_types import DOCUMENT_TYPE, INVOICE_TRANSACTION, steps
from sandbox.sage300.master_types import ACTIVE, YES_NO
from sandbox.sage300.schema import DetailSet, entity

POSTED_DOCUMENT = entity(
    "PostedDocument",
    "CustomerNumber DocumentNumber",
    f"""
    CustomerNumber S12
    DocumentNumber S22
    CheckReceiptNumber S24
    OrderNumber S22
    PONumber S22
    DueDate D
    NationalAccountNumber S12
    TransactionType {INVOICE_TRANSACTION},50=UnappliedCashPosted,51=ReceiptPosted,61=PrepaymentPosted,71=RefundPosted
    DocumentType {DOCUMENT_TYPE}
    BatchDate D
    BatchNumber I
    EntryNumber I
    GroupCode S6
    DocumentDescription S60
    DocumentDate D
    AsofDate D
    Terms S6
    DiscountDate D
    CurrencyCode S3
    RateType S2
    ExchangeRate N
    FunctionalCurrencyInvoiceAmount N
    FunctionalCurrencyAmountDue N
    CustomerCurrencyInvoiceAmount N
    CustomerCurrencyAmountDue N
    CustomerCurrencyTaxAmount N
    CustomerCurrencyDiscountAmount N
    FullyPaid {YES_NO}
    LastActivityDate D
    NumberOfScheduledPayments I
    LastAppliedPaymentSequenceNumber I
    FiscalYear S4
    FiscalPeriod S2
    PostingDate D
    BankCode S8
    DepositNumber I
    PostingSequenceNumber I
    SourceApplication S2
    InvoiceType E:2=Summary,1=Item
    BatchType S2
    AccountSet S6
    DatePaid D
    """,
)
POSTED_RECEIPT = entity(
    "PostedReceipt",
    "BankCode CustomerNumber CheckReceiptNumber DepositSerialNumber DepositLineNumber ReceiptDate",
    f"""
    BankCode S8
    CustomerNumber S12
    CheckReceiptNumber S24
    DepositSerialNumber I
    DepositLineNumber I
    ReceiptDate D
    DepositNumber I
    BatchDate D
    CustomerReceiptAmount N
    BankReceiptAmount N
    PaymentCode S12
    CurrencyCode S3
    BankExchangeRate N
    ReasonForReturn S60
    DateLastMaintained D
    FiscalYear S4
    FiscalPeriod S2
    Payer S60
    BatchNumber I
    EntryNumber I
    CheckCleared E:0=Outstanding,1=Cleared,2=Returned
    FunctionalReceiptAmount N
    DateCleared D
    DateReturned D
    DocumentType {DOCUMENT_TYPE}
    DocumentNumber S22
    PaymentType E:1=Cash,2=Check,3=CreditCard,4=Other
    InvoiceNumber S22
    PostingDate D
    """,
)
PAYMENT = entity(
    "Payment",
    "CustomerNumber DocumentNumber SequenceNumber",
    f"""
    CustomerNumber S12
    DocumentNumber S22
    SequenceNumber I
    PaymentType E:1=Cash,2=Check,3=CreditCard
    DocumentDate D
    FiscalYear S4
    FiscalPeriod S2
    BankCode S8
    GLAccountTobeCredited S45
    PaymentCurrency S3
    ExchangeRate N
    PaymentAmount N
    CustomerAmount N
    FunctionalAmount N
    PostingSequenceNumber I
    BatchNumber I
    EntryNumber I
    DateReversed D
    DocumentType {DOCUMENT_TYPE}
    PostingDate D
    """,
)
RECURRING_CHARGE = entity(
    "RecurringCharge",
    "RecurringChargeCode CustomerNumber",
    f"""
    RecurringChargeCode S16
    CustomerNumber S12
    Description S60
    Status {ACTIVE}
    InactiveDate D
    -DateLastMaintained D
    -LastInvoiceDateGenerated D
    EffectiveDate D
    ExpirationDate D
    ExpirationType E:0=NoExpiration,1=SpecificDate,2=MaximumAmount,3=NumberOfInvoices
    MaximumTotalInvoiceAmount N
    MaximumNumberOfInvoices I
    SpecialInstructions S60
    OrderNumber S22
    PONumber S22
    InvoiceDescription S60
    -CurrencyCode S3
    Terms S6
    TaxGroup S12
    Schedule S12
    InvoiceType E:2=Summary,1=Item
    -InvoiceSubtotal N
    -TotalTaxAmount N
    -InvoiceTotalIncludingTax N
    -NextScheduledDate D
    -PostedNumberOfInvoices I
    -PostedTotalInvoiceAmount N
    -LastInvoiceDatePosted D
    -LastInvoiceNumberPosted S22
    -LastInvoiceAmountPosted N
    AccountSet S6
    """,
    RecurringChargeDetails=DetailSet(
        entity(
            "RecurringChargeDetail",
            "LineNumber",
            "RecurringChargeCode S16;CustomerNumber S12;LineNumber I;DistributionCode S6;Description S60;"
            "ExtendedAmountWithTIP N;RevenueAccount S45",
        ),
        "LineNumber",
        steps,
    ),
)
