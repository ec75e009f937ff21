"""The types of the general ledger and of bank services: journal batches, posted transactions, bank entries."""

from __future__ import annotations

from sandbox.sage300.master_types import YES_NO, optional_values
from sandbox.sage300.schema import DetailSet, entity

STATUS = "E:1=Open,2=ReadyToPost,3=PostInProgress,4=Posted,5=Deleted,6=ProvPosted,7=ProvPostInProgress"


def _entry(count: int) -> str:
    return f"{count:05d}"


def _transaction(count: int) -> str:
    return f"{count * 20:010d}"


_DETAIL = entity(
    "JournalDetail",
    "TransactionNumber",
    """
    -BatchNumber S6
    -EntryNumber S5
    TransactionNumber S10
    AccountNumber S45
    -AcctFormatted S45
    -AcctDescription S60
    Destination S10
    RouteNumber S10
    CompanyID S8
    Amount N
    Quantity N
    SourceCurrencyDecimals E:0=Num0,1=Num1,2=Num2,3=Num3
    SourceCurrencyAmount N
    -HomeCurrency S3
    CurrencyRateTable S2
    SourceCurrency S3
    CurrencyRateDate D
    CurrencyRate N
    CurrencyRateSpread N
    CurrencyRateDateMatching S1
    CurrencyRateOperator E:1=Multiply,2=Divide
    Description S60
    Reference S60
    JournalDate D
    SourceLedger S2
    SourceType S2
    Comment S250
    TaxAuthority S12
    TaxAccountType E:0=None,1=Sales,2=Purchases
    Processswitches S10
    """,
    JournalDetailOptionalFields=optional_values(
        "JournalDetailOptionalField", "-BatchNumber S6\n-EntryNumber S5\n-TransactionNumber S10"
    ),
)
_HEADER = entity(
    "JournalHeader",
    "EntryNumber",
    f"""
    -BatchNumber S6
    EntryNumber S5
    SourceLedger S2
    SourceType S2
    FiscalYear S4
    FiscalPeriod S2
    AutoReversal {YES_NO}
    SpecificReversalYear S4
    SpecificReversalPeriod S2
    EntryType E:1=Normal,2=QuickEntry
    Description S60
    -Debits N
    -Credits N
    -OutOfBalanceBy N
    -NumberOfDetails I
    PostingDate D
    DocumentDate D
    EnteredBy S8
    -ErrorBatch I
    -ErrorEntry I
    TaxGroup S12
    CustomerVendorNumber S12
    DocumentNumber S22
    """,
    JournalDetails=DetailSet(_DETAIL, "TransactionNumber", _transaction),
)
JOURNAL_BATCH = entity(
    "JournalBatch",
    "BatchNumber",
    f"""
    -BatchNumber S6
    ActiveSwitch {YES_NO}
    Description S60
    -SourceLedger S2
    -DateCreated D
    -DateLastEdited D
    -JournalBatchType E:1=Entered,2=Subledger,3=Imported,4=Generated,5=Recurring
    Status {STATUS}
    -PostingSequence I
    -Debits N
    -Credits N
    -NumberOfEntries I
    -NumberOfErrors I
    -OriginalStatus {STATUS}
    -Printed {YES_NO}
    -EligibleForPostingSwitch {YES_NO}
    ReadyToPost {YES_NO}
    LockBatchSwitch {YES_NO}
    """,
    JournalHeaders=DetailSet(_HEADER, "EntryNumber", _entry),
)
POSTED_TRANSACTION = entity(
    "PostedTransaction",
    "AccountNumber FiscalYear FiscalPeriod SourceCurrencyCode SourceLedgerCode SourceTypeCode PostingSequenceNumber "
    "DetailCount",
    """
    AccountNumber S45
    FiscalYear S4
    FiscalPeriod S2
    SourceCurrencyCode S3
    SourceLedgerCode S2
    SourceTypeCode S2
    PostingSequenceNumber I
    DetailCount I
    JournalDate D
    BatchNumber S6
    JournalEntryNumber S5
    JournalTransactionNumber I
    CompanyID S8
    JournalDetailDescription S60
    JournalDetailReference S60
    JournalTransactionAmount N
    SourceCurrencyAmount N
    HomeCurrencyCode S3
    """,
)
BANK_ENTRY = entity(
    "BankEntry",
    "SequenceNumber",
    f"""
    -SequenceNumber I
    -BankEntryNumber S22
    BankCode S8
    BankEntryDate D
    PostingDate D
    BankEntryType E:1=Withdrawals,2=Deposits
    EntryDescription S60
    Reference S60
    -TotalAmount N
    -Posted {YES_NO}
    """,
    BankEntryDetail=DetailSet(
        entity(
            "BankEntryDetail",
            "LineNumber",
            "-SequenceNumber I;LineNumber I;DistributionCode S6;Reference S60;Description S60;SourceAmount N;"
            "GLAccount S45;Comments S250",
        ),
        "LineNumber",
        int,
    ),
)
