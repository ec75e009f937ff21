"""Customers: the register all companies share, and what each company keeps about payment methods and bank accounts."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from sandbox.ifs_cloud.odata.edm import Row
from sandbox.ifs_cloud.odata.service import Call
from sandbox.ifs_cloud.refusals import already_there, no_such_record

if TYPE_CHECKING:
    from sandbox.ifs_cloud.tenant import Tenant

#: ISO code: the client value of the country, as the register shows it in `Country`.
COUNTRIES = {
    "SE": "Sweden",
    "DE": "Germany",
    "GB": "UnitedKingdom",
    "NL": "Netherlands",
    "FR": "France",
    "US": "UnitedStates",
}


def add(
    tenant: Tenant,
    customer_id: str,
    name: str,
    *,
    companies: tuple[str, ...] | None = None,
    email: str = "",
    country: str = "SE",
    way: str = "",
    **details: Any,
) -> Row:
    """A customer with a payment address, known to `companies` (all of them when left out).

    `way` is the payment method every company has for it (such as `GOCARDLESS`); `details` are columns of the register.
    """
    row = tenant.table("CustomerInfo").add({**_defaults(tenant, customer_id, name, country), **details})
    address = {
        "CustomerId": customer_id,
        "AddressId": "01",
        "Name": name,
        "CountryCode": country,
        "ValidFrom": None,
        "ValidTo": None,
    }
    lines = {
        "Address1": "Storgatan 1",
        "ZipCode": "11122",
        "City": "Stockholm",
        "Country": COUNTRIES.get(country, country),
    }
    tenant.table("CustomerInfoAddress").add({**address, **lines})
    for code in ("Pay", "Document"):
        tenant.table("CustomerInfoAddressType").add(
            {"CustomerId": customer_id, "AddressId": "01", "AddressTypeCode": code, "DefAddress": True}
        )
    if email:
        tenant.table("CommMethod").add(
            {
                "CustomerId": customer_id, "PartyType": "Customer", "CommId": 1, "MethodId": "EMail",
                "Value": email, "MethodDefault": True, "AddressDefault": True, "AddressId": "01", "Name": name,
            }
        )  # fmt: skip
    for company in companies if companies is not None else tuple(tenant.books):
        connect(tenant, company, customer_id, way)
    return row


def connect(tenant: Tenant, company: str, customer_id: str, way: str = "") -> None:
    """Make the customer known to a company: invoicing, credit and payment information, and a payment method."""
    key = {"Company": company, "Identity": customer_id, "PartyType": "Customer"}
    tenant.table("IdentityInvoiceInfo").add(
        {**key, "PayTermId": "30", "DefCurrency": tenant.currency(company), "GroupId": "1", "IdentityType": "External"}
    )
    tenant.table("CustomerCreditInfo").add(
        {**key, "CreditLimit": None, "CreditBlock": False, "CreditAnalystCode": None}
    )
    tenant.table("IdentityPayInfo").add(
        {**key, "PaymentAdvice": "NoAdvice", "PriorityCode": None, "BlockedForPayment": False}
    )
    if way:
        tenant.table("PaymentWayPerIdentity").add({**key, "WayId": way, "DefaultPaymentWay": True})


def create(tenant: Tenant, call: Call, body: Row) -> Row:
    """`POST CustomerInfoSet` (section 7.2). The number is given when none is sent."""
    customer_id = body.get("CustomerId") or f"{tenant.next_number('customer') + 10000}"
    if (customer_id,) in tenant.table("CustomerInfo"):
        raise already_there("CustomerInfo", f"The customer {customer_id} already exists.")
    defaults = _defaults(tenant, customer_id, body["Name"], body["CountryCode"])
    return tenant.table("CustomerInfo").add({**defaults, **body, "CustomerId": customer_id})


def association_number(tenant: Tenant, call: Call, given: Row) -> str:
    """`AssociationNoExist`: the customer that has the number, or an empty string."""
    taken = (
        row["CustomerId"] for row in tenant.table("CustomerInfo") if row["AssociationNo"] == given["AssociationNo"]
    )
    return next(taken, "")


def must_exist(tenant: Tenant, customer_id: str) -> Row:
    """Raises `Business` (ORA-20111) for an unknown customer."""
    found = tenant.table("CustomerInfo").get(customer_id)
    if found is None:
        raise no_such_record("CustomerInfo", f"Customer {customer_id} does not exist.")
    return found


def _defaults(tenant: Tenant, customer_id: str, name: str, country: str) -> Row:
    return {
        "CustomerId": customer_id, "Name": name, "AssociationNo": None, "CustomerCategory": "Customer",
        "OneTime": False,
        "B2bCustomer": False, "Country": COUNTRIES.get(country, country), "CountryCode": country,
        "DefaultLanguage": "English",
        "CreationDate": min(tenant.today(), date(2025, 1, 7)), "IdentifierRefValidation": "None",
        "MainRepresentative": None,
        "CorporateForm": None, "PartyType": "Customer", "DefaultDomain": True,
    }  # fmt: skip
