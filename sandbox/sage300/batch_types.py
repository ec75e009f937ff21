"""The types of accounts-receivable transactions: batches with their entries and lines."""

from __future__ import annotations

from sandbox.sage300.master_types import YES_NO, optional_values
from sandbox.sage300.schema import DetailSet, entity

STATUS = "E:1=Open,3=Posted,4=Deleted,5=PostInProgress,7=ReadyToPost,8=CheckCreationInProgress"
_BATCH_TYPE = "E:1=Entered,2=Imported,3=Generated,4=Recurring,5=External"
DOCUMENT_TYPE = "E:1=Invoice,2=DebitNote,3=CreditNote,4=Interest,5=UnappliedCash,10=Prepayment,11=Receipt,19=Refund"
INVOICE_TRANSACTION = (
    "E:12=InvoiceSummaryIssued,11=InvoiceItemIssued,21=DebitNoteItemIssued,22=DebitNoteSummaryIssued,"
    "31=CreditNoteItemIssued,32=CreditNoteSummaryIssued,40=InterestCharge"
)
_COMMAND = "E:0=NoOperation,1=LockBatchResourceShared,2=LockBatchResourceExclusive,3=UnlockBatchResource"


def steps(count: int) -> int:
    """Lines are numbered 20, 40, 60."""
    return count * 20


_INVOICE_DETAIL = entity(
    "InvoiceDetail",
    "LineNumber",
    "-BatchNumber I;-EntryNumber I;LineNumber I;ItemNumber S16;DistributionCode S6;Description S60;UnitOfMeasure S10;"
    "Quantity N;Price N;ExtendedAmountWithTIP N;-ExtendedAmountWithoutTIP N;-TaxTotal N;RevenueAccount S45;Comments S250",
    InvoiceDetailOptionalFields=optional_values(
        "InvoiceDetailOptionalField", "-BatchNumber I\n-EntryNumber I\n-LineNumber I"
    ),
)
_SCHEDULE = entity(
    "InvoicePaymentSchedule",
    "PaymentNumber",
    "-BatchNumber I;-EntryNumber I;PaymentNumber I;DueDate D;AmountDue N;DiscountDate D;DiscountAmount N;"
    "-FunctionalAmountDue N",
)
_INVOICE = entity(
    "Invoice",
    "EntryNumber",
    f"""
    -BatchNumber I
    EntryNumber I
    CustomerNumber S12
    DocumentNumber S22
    ShipToLocationCode S6
    SpecialInstructions S60
    DocumentType {DOCUMENT_TYPE}
    TransactionType {INVOICE_TRANSACTION}
    OrderNumber S22
    PONumber S22
    InvoiceDescription S60
    ApplytoDocument S22
    AccountSet S6
    DocumentDate D
    AsOfDate D
    FiscalYear S4
    FiscalPeriod S2
    CurrencyCode S3
    RateType S2
    RateDate D
    ExchangeRate N
    Terms S6
    DueDate D
    DiscountDate D
    -NumberOfDetails I
    TaxGroup S12
    -TaxTotal N
    -DocumentTotalBeforeTax N
    -NumberOfScheduledPayments I
    -TotalPaymentAmountScheduled N
    -DocumentTotalIncludingTax N
    -AmountDue N
    -FunctionalAmountDue N
    RecurringChargeCode S16
    InvoiceType E:2=Summary,1=Item
    -ErrorBatch I
    -ErrorEntry I
    SourceApplication S2
    EnteredBy S8
    PostingDate D
    """,
    InvoiceDetails=DetailSet(_INVOICE_DETAIL, "LineNumber", steps),
    InvoicePaymentSchedules=DetailSet(_SCHEDULE, "PaymentNumber"),
    InvoiceOptionalFields=optional_values("InvoiceOptionalField", "-BatchNumber I\n-EntryNumber I"),
)
INVOICE_BATCH = entity(
    "InvoiceBatch",
    "BatchNumber",
    f"""
    -BatchNumber I
    BatchDate D
    Description S60
    -NumberOfEntries I
    -BatchTotal N
    -BatchType {_BATCH_TYPE}
    BatchStatus {STATUS}
    DefaultInvoiceType E:2=Summary,1=Item
    -LastEntryNumber I
    -PostingSequenceNumber I
    -NumberOfErrors I
    -DateLastEdited D
    -BatchPrintedFlag {YES_NO}
    SourceApplication S2
    ProcessCommand {_COMMAND}
    """,
    Invoices=DetailSet(_INVOICE, "EntryNumber", int),
)

_DISTRIBUTION = entity(
    "AdjustmentGLDistribution",
    "SequenceNumber",
    "BatchType S2;-BatchNumber I;-EntryNumber I;-LineNumber I;SequenceNumber I;TransactionType I;DistributionAmount N;"
    "DistributionCode S6;DistributionGLAccount S45;Description S60;Reference S60",
)
_APPLIED = entity(
    "AppliedReceiptsAdjustment",
    "LineNumber",
    """
    BatchType S2
    -BatchNumber I
    -EntryNumber I
    LineNumber I
    CustomerNumber S12
    DocumentNumber S22
    PaymentNumber I
    ReceiptTransactionType E:1=Receipt,2=Prepayment,3=UnappliedCash,4=ApplyDocument,5=MiscellaneousReceipt,6=Adjustment
    TransactionType E:51=ReceiptPosted,52=ReceiptApplied,61=PrepaymentPosted,81=AdjustmentPosted
    CustomerReceiptAmount N
    CustomerDiscountAmountTaken N
    -CustomerAdjustmentTotal N
    Description S60
    Reference S60
    DocumentAmountDue N
    -DocumentNetBalance N
    -PendingReceiptAmount N
    """,
    AdjustmentGLDistributions=DetailSet(_DISTRIBUTION, "SequenceNumber", int),
)
_MISC = entity(
    "MiscellaneousReceipt",
    "LineNumber",
    "BatchType S2;-BatchNumber I;-EntryNumber I;LineNumber I;DistributionCode S6;AccountNumber S45;GLReference S60;"
    "GLDescription S60;DistributionAmount N",
)
_ADVANCE = entity(
    "AdvanceCredit",
    "LineNumber",
    "BatchType S2;-BatchNumber I;-EntryNumber I;LineNumber I;DocumentNumber S22;Description S60;Reference S60;"
    "ClaimAmount N",
)
_RECEIPT = entity(
    "ReceiptsAdjustment",
    "EntryNumber",
    """
    BatchType S2
    -BatchNumber I
    EntryNumber I
    CheckReceiptNumber S24
    CustomerNumber S12
    ReceiptDateAdjustmentDate D
    EntryDescription S60
    EntryReference S60
    BankReceiptAmount N
    CustomerReceiptAmount N
    CustomerExchangeRate N
    CustomerRateType S2
    CustomerRateDate D
    -TotalCustomerAmountApplied N
    -CustomerUnappliedAmount N
    PaymentCode S12
    -CustomerCurrencyCode S3
    BankRateType S2
    BankExchangeRate N
    ReceiptTransactionType E:1=Receipt,2=Prepayment,3=UnappliedCash,4=ApplyDocument,5=MiscellaneousReceipt,6=Adjustment
    DocumentType E:0=Undefined,1=Invoice,2=DebitNote,3=CreditNote,5=UnappliedCash,10=Prepayment,11=Receipt
    MatchingDocumentNumber S22
    FiscalYear S4
    FiscalPeriod S2
    Payer S60
    DocumentNumber S22
    AccountSet S6
    BankCode S8
    -BankCurrencyCode S3
    -FunctionalReceiptAmount N
    -ErrorBatch I
    -ErrorEntry I
    EnteredBy S8
    PostingDate D
    """,
    MiscellaneousReceipts=DetailSet(_MISC, "LineNumber", steps),
    AppliedReceiptsAdjustments=DetailSet(_APPLIED, "LineNumber", steps),
    ReceiptAdjustmentOptionalFiel=optional_values(
        "ReceiptAdjustmentOptionalFiel", "BatchType S2\n-BatchNumber I\n-EntryNumber I"
    ),
    AdvanceCredits=DetailSet(_ADVANCE, "LineNumber", steps),
)
RECEIPT_BATCH = entity(
    "ReceiptAndAdjustmentBatch",
    "BatchRecordType BatchNumber",
    f"""
    BatchRecordType S2
    -BatchNumber I
    BatchDate D
    Description S60
    -NumberOfEntries I
    -BatchTotal N
    -BatchType {_BATCH_TYPE}
    BatchStatus {STATUS}
    BankCode S8
    -DepositSlipPrinted {YES_NO}
    DefaultBankCurrency S3
    BankRateDate D
    -LastEntryNumber I
    BankRateType S2
    BankExchangeRate N
    -DepositNumber I
    -DepositSerialNumber I
    -PostingSequenceNumber I
    -NumberOfErrors I
    -DateLastEdited D
    -BatchPrintedFlag {YES_NO}
    SourceApplication S2
    ProcessCommand {_COMMAND}
    DepositDate D
    DepositComment S60
    """,
    ReceiptsAdjustments=DetailSet(_RECEIPT, "EntryNumber", int),
)

_REFUND_DETAIL = entity(
    "RefundDetail",
    "LineNumber",
    "-BatchNumber I;-EntryNumber I;LineNumber I;DocumentNumber S22;PaymentNumber I;"
    "PaymentType E:1=Cash,2=Check,3=CreditCard;AmountPayment N;AmountCustomer N;-AmountFunctional N;"
    f"-DocumentType {DOCUMENT_TYPE};-CurrentBalance N;-NetBalance N;-CustomerNumber S12;ReceiptDocumentNumber S22",
)
_REFUND = entity(
    "RefundEntrie",
    "EntryNumber",
    f"""
    -BatchNumber I
    EntryNumber I
    DocumentDescription S60
    DocumentDate D
    FiscalYear S4
    FiscalPeriod S2
    CustomerNumber S12
    DocumentNumber S22
    -RefundAmountCustomer N
    -RefundAmountFunctional N
    -CustomerCurrency S3
    RateType S2
    RateDate D
    ExchangeRate N
    CashBankAccount S8
    CashGLAccount S45
    CashPaymentCurrency S3
    CashExchangeRate N
    CashAmountPayment N
    CashAmountCustomer N
    CheckBankAccount S8
    CheckPrintingRequired {YES_NO}
    CheckAmountPayment N
    RemitToName S60
    -ErrorBatch I
    -ErrorEntry I
    EnteredBy S8
    PostingDate D
    """,
    RefundDetails=DetailSet(_REFUND_DETAIL, "LineNumber", steps),
    RefundOptionalFields=optional_values("RefundOptionalField", "-BatchNumber I\n-EntryNumber I"),
)
REFUND_BATCH = entity(
    "RefundBatch",
    "BatchNumber",
    f"""
    -BatchNumber I
    BatchDate D
    BatchDescription S60
    -BatchType {_BATCH_TYPE}
    BatchStatus {STATUS}
    -NumberOfEntries I
    -TotalOfEntries N
    -LastEntryNumber I
    -PostingSequenceNumber I
    -NumberOfErrors I
    -DateCreated D
    -DateLastEdited D
    -BatchPrintedFlag {YES_NO}
    SourceApplication S2
    ProcessCommandCode {_COMMAND}
    """,
    RefundEntries=DetailSet(_REFUND, "EntryNumber", int),
)
