"""The types of master records: customers and their codes, ledger accounts, banks, currencies, calendars, the company.

Property names are those of sections 2.3 to 2.13; of the 156 properties of a customer, those a connector can use.
"""

from __future__ import annotations

from sandbox.sage300.schema import DetailSet, entity

YES_NO = "E:0=No,1=Yes"
ACTIVE = "E:1=Active,0=Inactive"

_OPTIONAL_VALUE = """
    OptionalField S12
    Value S60
    -{type} E:1=Text,100=Amount,6=Number,8=Integer,9=YesNo,3=Date,4=Time
    -Length I
    -Decimals I
    -AllowBlank B
    -Validate B
    -ValueSet E:0=No,1=Yes
    -TextValue S60
    -AmountValue N
    -NumberValue N
    -IntegerValue I
    -YesNoValue B
    -DateValue D
    -TimeValue S
    -OptionalFieldDescription S60
    -ValueDescription S60
"""


def optional_values(name: str, owner: str, kind_property: str = "") -> DetailSet:
    """A collection of optional fields; `owner` names the key properties of the record they hang on."""
    text = f"{owner}\n{_OPTIONAL_VALUE.format(type=kind_property or f'{name}Type')}"
    return DetailSet(entity(name, "OptionalField", text), "OptionalField")


CUSTOMER = entity(
    "Customer",
    "CustomerNumber",
    f"""
    CustomerNumber S12
    ShortName S10
    GroupCode S6
    NationalAccount S12
    Status {ACTIVE}
    InactiveDate D
    -DateLastMaintained D
    OnHold {YES_NO}
    StartDate D
    CustomerName S60
    AddressLine1 S60
    AddressLine2 S60
    AddressLine3 S60
    AddressLine4 S60
    City S30
    StateProvince S30
    ZipPostalCode S20
    Country S30
    ContactName S60
    PhoneNumber S30
    FaxNumber S30
    TerritoryCode S6
    AccountSet S6
    BillingCycle S6
    InterestProfile S6
    CurrencyCode S3
    PrintStatements {YES_NO}
    AccountType E:0=OpenItem,1=BalanceForward
    Terms S6
    RateType S2
    TaxGroup S12
    TaxRegistrationNumber1 S20
    BusinessRegistrationNumber S30
    CreditLimitCustomerCurrency N
    -BalanceDueInCustomerCurrency N
    -BalanceDueInFunctionalCurrency N
    -AmountPastDue N
    -NumberOfOpenDocuments I
    -DateOfLastActivity D
    -DateOfLastInvoice D
    -DateOfLastReceipt D
    PaymentCode S12
    Email S50
    WebSite S100
    ContactsPhone S30
    ContactsFax S30
    ContactsEmail S50
    """,
    CustomerOptionalFieldValues=optional_values("CustomerOptionalFieldValue", "CustomerNumber S12"),
)

CUSTOMER_GROUP = entity(
    "CustomerGroup",
    "GroupCode",
    f"""
    GroupCode S6
    Description S60
    Status {ACTIVE}
    -DateLastMaintained D
    AccountSet S6
    BillingCycle S6
    InterestProfile S6
    AccountType E:0=OpenItem,1=BalanceForward
    Terms S6
    RateType S2
    TaxGroup S12
    PaymentCode S12
    """,
    CustomerGroupOptionalFieldVa=optional_values("CustomerGroupOptionalFieldVa", "CustomerGroup S6"),
)

ACCOUNT_SET = entity(
    "AccountSet",
    "AccountSetKey",
    f"""
    AccountSetKey S6
    Description S60
    Status {ACTIVE}
    -DateLastMaintained D
    ReceivablesControlAccount S45
    PrepaymentLiabilityAccount S45
    DiscountsAccount S45
    WriteOffsAccount S45
    CurrencyCode S3
    ExchangeGainAccount S45
    ExchangeLossAccount S45
    """,
)

TERMS = entity(
    "TermsCode",
    "TermsCode",
    f"TermsCode S6;Description S60;Status {ACTIVE};-DateLastMaintained D;DueNumberOfDays I;UsesPaymentSchedule {YES_NO}",
)
PAYMENT_CODE = entity(
    "PaymentCode",
    "PaymentCodeKey",
    f"PaymentCodeKey S12;Description S60;Status {ACTIVE};-DateLastMaintained D;"
    "PaymentType E:1=Cash,2=Check,3=CreditCard,4=Other",
)
DISTRIBUTION_CODE = entity(
    "DistributionCode",
    "DistributionCodeKey",
    f"DistributionCodeKey S6;Description S60;Status {ACTIVE};-DateLastMaintained D;RevenueAccount S45",
)
BILLING_CYCLE = entity(
    "BillingCycle", "BillingCycleKey", f"BillingCycleKey S6;Description S60;Status {ACTIVE};-DateLastMaintained D"
)

GL_ACCOUNT = entity(
    "Account",
    "UnformattedAccount",
    f"""
    UnformattedAccount S45
    -AccountNumber S45
    Description S60
    AccountType E:I=IncomeStatement,B=BalanceSheet,R=RetainedEarnings
    NormalBalanceDRCR E:1=Debit,2=Credit
    Status {ACTIVE}
    StructureCode S6
    AccountGroupCode S12
    ControlAccount {YES_NO}
    Multicurrency {YES_NO}
    -DateLastMaintained D
    """,
    ControlAccountSubledgers=DetailSet(
        entity("ControlAccountSubledger", "SubledgerApplication", "UnformattedAccount S45;SubledgerApplication S2"),
        "SubledgerApplication",
    ),
)
SOURCE_CODE = entity("SourceCode", "SourceLedger SourceType", "SourceLedger S2;SourceType S2;Description S60")
FISCAL_SET = entity(
    "AccountFiscalSet",
    "UnformattedAccount FiscalYear",
    ";".join(
        [
            "UnformattedAccount S45;FiscalYear S4;OpeningBalance N",
            *(f"NetChangePeriod{number} N" for number in range(1, 14)),
        ]
    ),
)

BANK = entity(
    "Bank",
    "BankCode",
    "BankCode S8;Description S60;Multicurrency B;StatementCurrency S3;BankAccountNumber S30;BankAccount S45;"
    f"WriteOffAccount S45;Status {ACTIVE}",
    BankCurrencies=DetailSet(
        entity(
            "BankCurrency",
            "CurrencyCode",
            "BankCode S8;CurrencyCode S3;DepositRateType S2;ExchangeGainAccount S45;ExchangeLossAccount S45",
        ),
        "CurrencyCode",
    ),
)
BANK_DISTRIBUTION_CODE = entity(
    "BankDistributionCode", "DistributionCode", "DistributionCode S6;Description S60;GLAccount S45"
)

COMPANY_PROFILE = entity(
    "CompanyProfile",
    "DatabaseID",
    "-DatabaseID S6;CompanyName S60;AddressLine1 S60;City S30;Country S30;-FunctionalCurrency S3;"
    "-LockedFiscalPeriod E:0=None,1=Warning,2=Error;-NumberOfFiscalPeriods I;-Multicurrency E:0=No,1=Yes",
)
FISCAL_CALENDAR = entity(
    "FiscalCalendar",
    "FiscalYear",
    ";".join(
        [
            f"FiscalYear S4;NumberOfFiscalPeriods I;Status {ACTIVE}",
            *(f"FiscalPeriod{number}StartDate D;FiscalPeriod{number}EndDate D" for number in range(1, 14)),
        ]
    ),
)
CURRENCY = entity(
    "CurrencyCode",
    "CurrencyCodeKey",
    "CurrencyCodeKey S3;Description S60;Symbol S4;DecimalPlaces E:0=Num0,1=Num1,2=Num2,3=Num3",
)
CURRENCY_RATE_TYPE = entity("CurrencyRateType", "RateType", "RateType S2;Description S60")
CURRENCY_RATE = entity(
    "CurrencyRate",
    "HomeCurrency RateType SourceCurrency RateDate",
    "HomeCurrency S3;RateType S2;SourceCurrency S3;RateDate D;Rate N",
)
OPTIONAL_FIELD = entity(
    "OptionalField",
    "OptionalField",
    """
    OptionalField S12
    Description S60
    Type E:1=Text,100=Amount,6=Number,8=Integer,9=YesNo,3=Date,4=Time
    Length I
    Decimals I
    AllowBlank B
    Validate B
    """,
    OptionalFieldValues=DetailSet(entity("OptionalFieldListValue", "Value", "Value S60;Description S60"), "Value"),
)
TAX_GROUP = entity(
    "TaxGroup",
    "TaxGroupKey TransactionType",
    "TaxGroupKey S12;TransactionType E:1=Sales,2=Purchases;Description S60;TaxReportingCurrency S3;TaxAuthority1 S12",
)
TAX_AUTHORITY = entity("TaxAuthority", "TaxAuthorityKey", "TaxAuthorityKey S12;Description S60;TaxLiabilityAccount S45")
TAX_RATE = entity(
    "TaxRate",
    "TaxAuthority TransactionType BuyerClass",
    "TaxAuthority S12;TransactionType E:1=Sales,2=Purchases;BuyerClass I;ItemRate1 N",
)

SCHEDULE = entity(
    "Schedule",
    "ScheduleCode",
    "ScheduleCode S12;Description S60;Interval E:1=Daily,2=Weekly,4=Monthly,5=Quarterly,6=Yearly;Frequency S12;RunDate D",
)
