"""The entity types of customers, reference data, documents and administration, with what may be written to each.

In the type codes of `schema.entity`: R mandatory on POST, P may be posted, U may be put, nothing is read-only
(fact sheet, sections 2.1 to 2.4, 2.7, 4.4 and 7.1).
"""

from __future__ import annotations

from sandbox.exact_online.schema import entity

ME = entity(
    "Me",
    "UserID",
    {
        "G": "UserID",
        "S": "UserName FullName Email LanguageCode DivisionCustomerName",
        "I": "CurrentDivision AccountingDivision",
        "L": "Legislation",
        "D": "ServerUtcOffset",
        "T": "ServerTime",
    },
)
DIVISION = entity(
    "Division",
    "Code",
    {
        "I": "Code HID Status BlockingStatus",
        "S": "Description CustomerName CustomerCode Country Currency Legislation",
        "G": "Customer",
        "B": "Current",
        "T": "Created Modified DivisionMoveDate",
    },
)
ACCOUNT = entity(
    "CRMAccount",
    "ID",
    {
        "G P": "ID",
        "S RU": "Name",
        "S PU": "Code SearchCode Status Email Phone Language AddressLine1 AddressLine2 AddressLine3 Postcode City State "
        "Country VATNumber ChamberOfCommerce PaymentConditionSales SalesCurrency SalesVATCode Remarks Website",
        "G PU": "GLAR GLAccountSales InvoiceAccount MainContact",
        "B PU": "Blocked IsSupplier",
        "T PU": "EndDate StartDate",
        "B": "IsSales",
        "S": "AccountType",
        "I": "Division",
        "G": "Modifier Creator",
        "L": "Timestamp",
        "T": "Created Modified",
    },
)
BANK_ACCOUNT = entity(
    "BankAccount",
    "ID",
    {
        "G P": "ID",
        "G R": "Account",
        "S RU": "BankAccount",
        "S PU": "BICCode BankAccountHolderName Description",
        "B PU": "Main Blocked",
        "S": "Format Type AccountName IBAN TypeDescription",
        "I": "Division",
        "T": "Created Modified",
    },
)
MANDATE = entity(
    "DirectDebitMandate",
    "ID",
    {
        "G P": "ID",
        "G R": "Account BankAccount",
        "S PU": "Reference Description Attachment AttachmentFileName",
        "H PU": "Type PaymentType",
        "T PU": "SignatureDate CancellationDate",
        "Y PU": "FirstSend Main",
        "I": "Division",
        "T": "Created Modified",
    },
    hidden="Attachment AttachmentFileName",
)
GL_ACCOUNT = entity(
    "GLAccount",
    "ID",
    {
        "G": "ID",
        "S": "Code Description BalanceType BalanceSide VATCode SearchCode TypeDescription",
        "I": "Type Division",
        "H": "UseCostcenter UseCostunit",
        "B": "IsBlocked Matching",
        "L": "Timestamp",
        "T": "Created Modified",
    },
)
JOURNAL = entity(
    "Journal",
    "ID",
    {
        "G": "ID GLAccount PaymentInTransitAccount BankAccountID",
        "S": "Code Description Currency BankAccountIBAN GLAccountCode",
        "I": "Type Division PaymentServiceProvider",
        "B": "AllowVariableCurrency AllowVariableExchangeRate AllowVAT IsBlocked",
        "T": "Created Modified",
    },
)
PERIOD = entity(
    "FinancialPeriod",
    "ID",
    {"G": "ID", "H": "FinYear FinPeriod", "T": "StartDate EndDate Created Modified", "I": "Division"},
)
JOURNAL_STATUS = entity(
    "JournalStatus",
    "ID",
    {
        "S": "ID Journal JournalDescription JournalTypeDescription StatusDescription",
        "H": "Year Period Status",
        "I": "JournalType",
    },
    hidden="ID",
)
VAT_CODE = entity(
    "VATCode",
    "ID",
    {
        "G": "ID GLToPay GLToClaim",
        "S": "Code Description Type VATTransactionType Country",
        "D": "Percentage",
        "B": "IsBlocked",
        "I": "Division",
        "T": "Created Modified",
    },
)
EXCHANGE_RATE = entity(
    "ExchangeRate",
    "ID",
    {"G": "ID", "S": "SourceCurrency TargetCurrency", "D": "Rate", "T": "StartDate Created Modified", "I": "Division"},
)
PAYMENT_CONDITION = entity(
    "PaymentCondition",
    "ID",
    {"G": "ID", "S": "Code Description PaymentMethod", "I": "PaymentDays Division", "T": "Created Modified"},
)
ITEM = entity("Item", "ID", {"G": "ID", "S": "Code Description", "B": "IsSalesItem", "T": "Created Modified"})
DOCUMENT = entity(
    "Document",
    "ID",
    {
        "G P": "ID",
        "S RU": "Subject",
        "I R": "Type",
        "G PU": "Account FinancialTransactionEntryID",
        "T PU": "DocumentDate",
        "S PU": "Body",
        "I": "HID Division",
        "T": "Created Modified",
    },
)
ATTACHMENT = entity(
    "DocumentAttachment",
    "ID",
    {
        "G P": "ID",
        "G R": "Document",
        "S R": "FileName Attachment",
        "D": "FileSize",
        "S": "Url",
        "T": "Created Modified",
    },
    hidden="Attachment",
)
SUBSCRIPTION = entity(
    "WebhookSubscription",
    "ID",
    {
        "G": "ID ClientID",
        "S RU": "CallbackURL Topic",
        "G P": "UserID",
        "B P": "IsInstant",
        "S": "Description",
        "I": "Division",
        "T": "Created Modified",
    },
)
DELETED = entity(
    "Deleted",
    "ID",
    {"G": "ID EntityKey DeletedBy", "I": "EntityType Division", "L": "Timestamp", "T": "DeletedDate"},
)
SYNC_TIMESTAMP = entity("SyncTimestamp", "EndPoint", {"S": "EndPoint", "L": "TimeStampAsBigInt", "T": "Modified"})
