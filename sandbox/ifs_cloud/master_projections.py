"""Projections of master data: companies, customers, chart, periods, voucher types, taxes, currencies (sections 7.1,
7.2, 7.9).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sandbox.ifs_cloud import customers, posting_control, rates
from sandbox.ifs_cloud.building import below, creating, entity_service, projection, rows
from sandbox.ifs_cloud.odata.edm import EntityType, Row, entity
from sandbox.ifs_cloud.odata.service import Call, EntitySet, Function, Service
from sandbox.ifs_cloud.refusals import no_such_record

if TYPE_CHECKING:
    from sandbox.ifs_cloud.tenant import Tenant

_CODE_NAMES = " ".join(f"ReqCode{part}" for part in posting_control.PARTS)


def build(tenant: Tenant) -> list[Service]:
    return [
        projection("UserRelatedData", rows(tenant, "CompanyFinances", _company())),
        _customer_handling(tenant),
        projection("CustomersHandling", rows(tenant, "CustomerInfoSet", _customer())),
        *(entity_service(each) for each in (*_contacts(tenant), *_payment_information(tenant))),
        *_chart(tenant),
        *_periods(tenant),
        *_currencies(tenant),
    ]


def _company() -> EntityType:
    return entity(
        "CompanyFinance",
        "Company",
        {
            "S20u": "Company", "S100": "Description", "S3u": "CurrencyCode ParallelAccCurrency", "Y": "ValidFrom",
            "E:AmountMethod": "DefAmountMethod", "B": "UseVouNoPeriod",
        },
    )  # fmt: skip


def _customer() -> EntityType:
    kind = entity(
        "CustomerInfo",
        "CustomerId",
        {
            "S20u P": "CustomerId", "S100 RU": "Name", "S50 PU": "AssociationNo",
            "E:CustomerCategory P": "CustomerCategory",
            "B P": "OneTime B2bCustomer", "S RU": "Country DefaultLanguage", "S2u RU": "CountryCode",
            "Y R": "CreationDate", "S PU": "IdentifierRefValidation MainRepresentative CorporateForm",
            "E:PartyType R": "PartyType", "B R": "DefaultDomain",
        },
    )  # fmt: skip
    # Reported to take a plain string, in contrast to Objstate (section 7.2).
    kind.properties["CustomerCategory"] = replace(kind.properties["CustomerCategory"], plain=True)
    return kind


def _customer_handling(tenant: Tenant) -> Service:
    main = rows(
        tenant, "CustomerInfoSet", _customer(), create=lambda call, body, _: customers.create(tenant, call, body)
    )
    main = replace(main, change=rows(tenant, "CustomerInfoSet", main.kind, change=True).change)
    address = _address()
    addresses = below(
        main,
        "CustomerInfoAddresses",
        rows(tenant, "CustomerInfoAddresses", address, create=creating(tenant, "CustomerInfoAddress"), change=True),
        "CustomerId",
    )
    types = rows(tenant, "AddressTypes", _address_type("AddressTypeCode"))
    below(addresses, "AddressTypes", types, "CustomerId", "AddressId")
    methods = rows(tenant, "CommunicationMethods", _method("CommId", {"S20u": "CustomerId"}), change=True)
    below(main, "CommunicationMethods", methods, "CustomerId")
    contacts = entity("CustomerInfoContact", "CustomerId PersonId", {"S20u": "CustomerId PersonId", "S": "Name Role"})
    below(main, "CustomerInfoContacts", rows(tenant, "CustomerInfoContacts", contacts), "CustomerId")
    for name, unit, members in (
        (
            "CustomerInvoiceCompanies",
            "IdentityInvoiceInfo",
            {"S20": "PayTermId GroupId", "S3u": "DefCurrency", "S": "IdentityType"},
        ),
        (
            "CustomerCreditInfoArray",
            "CustomerCreditInfo",
            {"D": "CreditLimit", "B": "CreditBlock", "S": "CreditAnalystCode"},
        ),
    ):
        kind = entity(unit, "Company Identity", {"S20u": "Company Identity", **members})
        below(main, name, rows(tenant, name, kind), "Identity=CustomerId")
    service = projection("CustomerHandling", main, category="Premium")
    service.functions["AssociationNoExist"] = Function(
        lambda call, given: customers.association_number(tenant, call, given), {"AssociationNo": "S"}, "S"
    )
    return service


def _address() -> EntityType:
    return entity(
        "CustomerInfoAddress",
        "CustomerId AddressId",
        {
            "S20u P": "CustomerId", "S50 R": "AddressId",
            "S100 PU": "Name Address1 Address2 Address3 Address4 Address5 Address6",
            "S35 PU": "ZipCode City State County Country", "S2u PU": "CountryCode", "Y PU": "ValidFrom ValidTo",
            "B R": "DefaultDomain",
        },
    )  # fmt: skip


def _address_type(keys: str) -> EntityType:
    members = {"S20u": "CustomerId", "S50": "AddressId", "E:AddressTypeCode": "AddressTypeCode", "B": "DefAddress"}
    return entity("CustomerInfoAddressType", keys, members)


def _method(keys: str, owner: dict[str, str]) -> EntityType:
    """A communication method: of a customer, or as the logical unit has it, of any party (quirk 11)."""
    members = {"S": "MethodId AddressId Name", "S200 PU": "Value", "B": "MethodDefault AddressDefault"}
    return entity("CommMethod", keys, {**owner, "I": "CommId", **members})


def _contacts(tenant: Tenant) -> list[EntitySet]:
    """Addresses and communication methods of all customers, as Entity Services by the rule of section 2.1."""
    party = {"S20u": "Identity=CustomerId", "E:PartyType": "PartyType"}
    types = _address_type("CustomerId AddressId AddressTypeCode")
    return [
        rows(tenant, "CustomerInfoAddressSet", _address(), change=True),
        rows(tenant, "CustomerInfoAddressTypeSet", types),
        rows(tenant, "CommMethodSet", _method("PartyType Identity CommId", party), change=True),
    ]


def _payment_information(tenant: Tenant) -> list[EntitySet]:
    key = {"S20u R": "Company Identity", "E:PartyType R": "PartyType"}
    info = entity(
        "IdentityPayInfo",
        "Company Identity PartyType",
        {**key, "S PU": "PaymentAdvice PriorityCode", "B PU": "BlockedForPayment"},
    )
    way = entity(
        "PaymentWayPerIdentity",
        "Company Identity PartyType WayId",
        {**key, "S20u RU": "WayId", "B PU": "DefaultPaymentWay"},
    )
    address = entity(
        "PaymentAddress",
        "Company Identity PartyType WayId AddressId",
        {
            **key,
            "S20u RU": "WayId",
            "S20 R": "AddressId",
            "S100 PU": "Description Account BicCode",
            "B PU": "DefaultAddress",
        },
    )

    def known(call: Call, body: Row) -> Row:
        customers.must_exist(tenant, body["Identity"])
        if (body["Company"],) not in tenant.table("CompanyFinance") or not call.sees(body["Company"]):
            raise no_such_record("Company", f"Company {body['Company']} does not exist.")
        return body

    made = {unit: creating(tenant, unit, known) for unit in ("PaymentWayPerIdentity", "PaymentAddress")}
    return [
        rows(tenant, "IdentityPayInfoSet", info, change=True),
        rows(tenant, "PaymentWayPerIdentitySet", way, create=made["PaymentWayPerIdentity"], change=True, delete=True),
        rows(tenant, "PaymentAddressSet", address, create=made["PaymentAddress"], change=True, delete=True),
    ]


def _chart(tenant: Tenant) -> list[Service]:
    def account() -> EntityType:
        return entity(
            "Account",
            "Company Account",
            {
                "S20u": "Company Account", "S100": "Description LogicalAccountType TaxHandlingValue",
                "Y": "ValidFrom ValidUntil",
                "B": "LedgFlag CurrBalance TaxCodeMandatory StatAccount BudAccount",
                "E:CodeDemand": f"ReqText {_CODE_NAMES}",
            },
        )  # fmt: skip

    tax = entity(
        "TaxCode",
        "Company FeeCode",
        {
            "S20u": "Company FeeCode", "S100": "Description FeeType VatReceived VatDisbursed",
            "D": "FeeRate Deductible",
            "Y": "ValidFrom ValidUntil",
        },
        "StatutoryFee",
    )  # fmt: skip
    terms = entity(
        "PaymentTerm",
        "Company PayTermId",
        {"S20u": "Company PayTermId", "S100": "Description VatDistribution", "B": "BlockForDirectDebiting"},
    )
    finance = rows(tenant, "CompanyFinanceSet", _company())
    for part in posting_control.PARTS:
        name = f"Code{part}Array"
        kind = entity(
            f"Code{part}",
            f"Company Code{part}",
            {"S20u": f"Company Code{part}=Value CodePart", "S100": "Description"},
            "CodePartValue",
        )
        target = rows(tenant, name, kind, keep=lambda row, part=part: row["CodePart"] == part)  # type: ignore[misc]
        below(finance, name, target, "Company")
    return [
        projection(
            "AccountsHandling", rows(tenant, "AccountSet", account()), rows(tenant, "MultiCompanyAccountSet", account())
        ),
        projection("CodePartValuesHandling", finance),
        projection("TaxCodesHandling", rows(tenant, "TaxCodeSet", tax)),
        projection("PaymentTermsHandling", rows(tenant, "PaymentTermSet", terms)),
    ]


def _periods(tenant: Tenant) -> list[Service]:
    key = {"S20u": "Company", "I": "AccountingYear"}
    year = entity(
        "AccountingYear", "Company AccountingYear", {**key, "S": "OpeningBalances ClosingBalances YearStatus"}
    )
    period = _period_type()
    group = entity(
        "UserGroupPeriod",
        "Company UserGroup LedgerId AccountingYear AccountingPeriod",
        {
            "S20u": "Company",
            "S30u": "UserGroup",
            "S10u": "LedgerId",
            "I": "AccountingYear AccountingPeriod",
            "E:PeriodStatus": "PeriodStatus",
        },
    )
    kinds = entity(
        "VoucherType",
        "Company VoucherType",
        {
            "S20u": "Company", "S3u": "VoucherType", "S100": "Description LedgerId FunctionGroup",
            "B": "AutomaticAllot UseManual SimulationVoucher Balance UseApprovalWorkflow SeparateUserApproval"
            " ReferenceMandatory",
        },
    )  # fmt: skip
    series = entity(
        "VoucherNoSerial",
        "Company VoucherType AccountingYear",
        {"S20u": "Company", "S3u": "VoucherType", "I": "AccountingYear SerieFrom SerieUntil CurrentNumber"},
    )
    by_group = entity(
        "VoucherTypeUserGroup",
        "Company AccountingYear UserGroup VoucherType FunctionGroup",
        {
            "S20u": "Company", "I": "AccountingYear", "S30u": "UserGroup", "S3u": "VoucherType", "S10": "FunctionGroup",
            "B": "DefaultType", "E:AuthorizeLevel": "AuthorizeLevel",
        },
    )  # fmt: skip
    years = rows(tenant, "AccountingYearSet", year)
    below(years, "AccountingPeriods", rows(tenant, "AccountingPeriods", period), "Company", "AccountingYear")
    return [
        projection("AccountingPeriodsHandling", years),
        projection("UserGroupPerPeriodHandling", rows(tenant, "AccountingPeriodSet", group)),
        projection("VoucherTypeHandling", rows(tenant, "VoucherTypes", kinds)),
        projection(
            "UserGroupPerVoucherSeriesHandling",
            rows(tenant, "VoucherNoSerialYearSet", series),
            rows(tenant, "VoucherTypeUserGroupSet", by_group),
        ),
    ]


def _period_type() -> EntityType:
    return entity(
        "AccountingPeriod",
        "Company AccountingYear AccountingPeriod",
        {
            "S20u": "Company",
            "I": "AccountingYear AccountingPeriod",
            "S": "Description YearEndPeriod",
            "Y": "DateFrom DateUntil",
        },
    )


def _currencies(tenant: Tenant) -> list[Service]:
    code = entity(
        "CurrencyCode",
        "Company CurrencyCode",
        {
            "S20u": "Company", "S3u": "CurrencyCode", "I": "ConvFactor CurrencyRounding DecimalsInRate",
            "B": "Inverted",
            "Y": "EmuCurrencyFromDate",
        },
    )  # fmt: skip
    kind = entity(
        "CurrencyType",
        "Company CurrencyType",
        {
            "S20u": "Company", "S10": "CurrencyType", "S100": "Description", "B": "TypeDefault",
            "S3u": "RefCurrencyCode",
            "E:RateTypeCategory": "RateTypeCategory",
        },
    )  # fmt: skip
    rate = entity(
        "CurrencyRate",
        "Company CurrencyType CurrencyCode ValidFrom",
        {
            "S20u": "Company", "S10": "CurrencyType", "S3u": "CurrencyCode RefCurrencyCode", "Y": "ValidFrom",
            "D": "CurrencyRate ConvFactor DirectCurrencyRate DirectCurrencyRateRound",
        },
    )  # fmt: skip
    return [
        projection("CurrencyCodesHandling", rows(tenant, "CurrencyCodeSet", code)),
        projection(
            "CurrencyRatesHandling", rows(tenant, "CurrencyRateSet", rate), rows(tenant, "CurrencyTypeSet", kind)
        ),
    ]


def currency_info(tenant: Tenant, call: Call, given: Row) -> dict[str, Any]:
    """`FetchCurrencyInfo`: the rate that holds for a customer's invoice on its date (section 7.9)."""
    dated = given["InvoiceDate"] or tenant.today()
    row = rates.valid_rate(tenant, given["Company"], given["TransCurrency"], dated, given["CurrencyType"] or "1")
    inverted = tenant.table("CurrencyCode")[(given["Company"], given["TransCurrency"])]["Inverted"]
    return {
        "CurrRate": row["CurrencyRate"], "ConvFactor": row["ConvFactor"], "CurrencyType": row["CurrencyType"],
        "Inverted": "TRUE" if inverted else "FALSE", "RefCurrencyCode": row["RefCurrencyCode"],
    }  # fmt: skip
