"""The entity types of sales, bank and journal entries, of the posted lines, and of what customers owe.

In the type codes of `schema.entity`: R mandatory on POST, P may be posted, U may be put, nothing is read-only
(fact sheet, sections 2.5, 2.6 and 2.8 to 2.10).
"""

from __future__ import annotations

from sandbox.exact_online.schema import entity

_LINE_READS = "AccountCode AccountName GLAccountCode GLAccountDescription"

BANK_LINE = entity(
    "BankEntryLine",
    "ID",
    {
        "G P": "ID EntryID Account Asset Document Project",
        "G R": "GLAccount",
        "D R": "AmountFC",
        "I P": "OurRef",
        "T P": "Date",
        "S P": "Description Notes VATCode VATType CostCenter CostUnit",
        "D P": "ExchangeRate VATPercentage AmountVATFC Quantity",
        "D": "AmountDC",
        "I": "EntryNumber LineNumber Division",
        "G": "OffsetID",
        "S": _LINE_READS,
        "T": "Created Modified",
    },
)
BANK_ENTRY = entity(
    "BankEntry",
    "EntryID",
    {
        "G P": "EntryID BankStatementDocument",
        "S R": "JournalCode",
        "S P": "Currency",
        "H P": "FinancialYear FinancialPeriod",
        "I P": "EntryNumber",
        "D P": "OpeningBalanceFC ClosingBalanceFC",
        "H": "Status",
        "I": "Division BankStatementDocumentNumber",
        "S": "JournalDescription StatusDescription BankStatementDocumentSubject",
        "T": "Created Modified",
    },
    lines="BankEntryLines",
    line_type=BANK_LINE,
)
JOURNAL_LINE = entity(
    "GeneralJournalEntryLine",
    "ID",
    {
        "G P": "ID EntryID Account Asset Document Project OffsetID",
        "G R": "GLAccount",
        "D P": "AmountFC AmountVATFC VATPercentage Quantity",
        "I P": "OurRef",
        "T P": "Date",
        "S P": "Description Notes VATCode VATType CostCenter CostUnit",
        "D": "AmountDC ExchangeRate",
        "I": "EntryNumber LineNumber Division",
        "S": _LINE_READS,
        "T": "Created Modified",
    },
)
JOURNAL_ENTRY = entity(
    "GeneralJournalEntry",
    "EntryID",
    {
        "G P": "EntryID",
        "S R": "JournalCode",
        "S P": "Currency",
        "D P": "ExchangeRate",
        "H P": "FinancialYear FinancialPeriod",
        "I P": "EntryNumber",
        "B P": "Reversal",
        "H": "Status Type",
        "I": "Division",
        "S": "JournalDescription StatusDescription TypeDescription",
        "T": "Created Modified Date",
    },
    lines="GeneralJournalEntryLines",
    line_type=JOURNAL_LINE,
)
SALES_LINE = entity(
    "SalesEntryLine",
    "ID",
    {
        "G P": "ID EntryID Project",
        "G R": "GLAccount",
        "D R": "AmountFC",
        "S P": "Description VATCode CostCenter CostUnit Notes",
        "D P": "VATAmountFC VATPercentage Quantity",
        "D": "AmountDC VATAmountDC",
        "I": "LineNumber Division",
        "S": "GLAccountCode GLAccountDescription",
        "T": "Created Modified",
    },
)
SALES_ENTRY = entity(
    "SalesEntry",
    "EntryID",
    {
        "G P": "EntryID",
        "S R": "Journal",
        "G R": "Customer",
        "T P": "EntryDate",
        "S P": "Currency",
        "D P": "Rate",
        "S PU": "Description YourRef PaymentReference PaymentCondition ExternalLinkReference",
        "T PU": "DueDate",
        "I PU": "OrderNumber",
        "H P": "ReportingYear ReportingPeriod",
        "I P": "EntryNumber InvoiceNumber",
        "G PU": "Document",
        "B P": "Reversal",
        "D": "AmountDC AmountFC VATAmountFC",
        "H": "Status Type",
        "I": "Division",
        "S": "CustomerName JournalDescription StatusDescription TypeDescription",
        "T": "Created Modified",
    },
    lines="SalesEntryLines",
    line_type=SALES_LINE,
)
INVOICE_LINE = entity(
    "SalesInvoiceLine",
    "ID",
    {
        "G P": "ID InvoiceID GLAccount",
        "G R": "Item",
        "D P": "NetPrice UnitPrice Quantity AmountFC VATPercentage",
        "S P": "Description VATCode Notes CostCenter CostUnit",
        "D": "AmountDC VATAmountFC",
        "I": "LineNumber Division",
        "T": "Created Modified",
    },
)
INVOICE = entity(
    "SalesInvoice",
    "InvoiceID",
    {
        "G P": "InvoiceID",
        "S RU": "Journal",
        "G RU": "OrderedBy",
        "G PU": "InvoiceTo",
        "S PU": "YourRef PaymentReference Description PaymentCondition",
        "S P": "Currency",
        "T PU": "DueDate InvoiceDate",
        "H P": "Type",
        "I": "InvoiceNumber Division LineNumber",
        "D": "AmountDC AmountFC",
        "H": "Status",
        "S": "StatusDescription",
        "L": "Timestamp",
        "T": "Created Modified",
    },
    lines="SalesInvoiceLines",
    line_type=INVOICE_LINE,
)
PRINTED_INVOICE = entity(
    "PrintedSalesInvoice",
    "InvoiceID",
    {"G R": "InvoiceID", "T P": "InvoiceDate", "B P": "SendEmailToCustomer", "S": "DocumentCreationSuccess"},
)
TRANSACTION_LINE = entity(
    "TransactionLine",
    "ID",
    {
        "G": "ID EntryID GLAccount Account OffsetID Document Project",
        "I": "EntryNumber LineNumber LineType Type InvoiceNumber OrderNumber Division",
        "H": "FinancialYear FinancialPeriod Status",
        "S": f"JournalCode {_LINE_READS} Currency Description YourRef PaymentReference Notes VATCode VATType",
        "D": "AmountDC AmountFC ExchangeRate AmountVATFC AmountVATBaseFC VATPercentage",
        "T": "Date DueDate Created Modified",
        "L": "Timestamp",
    },
)
_OWED_READS = {
    "G": "ID Account AccountBankAccountID EntryID GLAccount Document DirectDebitMandate TransactionEntryID TransactionID",
    "S": "AccountCode AccountName AccountBankAccountNumber Currency DirectDebitMandateReference EndToEndID Journal "
    "JournalDescription PaymentCondition YourRef GLAccountCode",
    "D": "AmountDC AmountFC RateFC AmountDiscountDC AmountDiscountFC TransactionAmountDC TransactionAmountFC",
    "T": "DueDate EndDate EntryDate InvoiceDate LastPaymentDate TransactionDueDate Created Modified",
    "I": "EntryNumber InvoiceNumber OrderNumber Source Division",
    "H": "Status TransactionStatus TransactionType EndPeriod EndYear",
    "B": "IsFullyPaid TransactionIsReversal",
}
RECEIVABLE = entity("Receivable", "ID", {**_OWED_READS, "S U": "Description PaymentMethod PaymentReference"})
PAYMENT_TERM = entity(
    "PaymentTerm",
    "ID",
    {
        **_OWED_READS,
        "S": f"{_OWED_READS['S']} Description PaymentMethod PaymentReference",
        "L": "Timestamp",
        "I": f"{_OWED_READS['I']} LineType",
    },
)
RECEIVABLES_LIST = entity(
    "ReceivableList",
    "HID",
    {
        "L": "HID",
        "G": "AccountId",
        "S": "AccountCode AccountName CurrencyCode Description JournalCode JournalDescription YourRef",
        "D": "Amount AmountInTransit",
        "T": "DueDate InvoiceDate",
        "I": "EntryNumber InvoiceNumber",
    },
)
