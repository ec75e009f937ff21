"""`/v1/customer`: read, create and change customers, their attributes, direct debit lines and balance (sections
2.3 and 2.9).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sandbox.visma import formats, numbering, paging, wrappers
from sandbox.visma.calls import Answer, Call, created, found, updated
from sandbox.visma.etags import time_stamp
from sandbox.visma.records import Customer, DirectDebitLine
from sandbox.visma.refusals import Invalid, Malformed, Unknown
from sandbox.visma.wrappers import bare, boolean, each_wrapped, many, nested, one_of, text, wrapped

if TYPE_CHECKING:
    from sandbox.visma.company import Company

STATUSES = ("Active", "OnHold", "CreditHold", "Inactive", "OneTime")
_PREFIX = "Error creating customer."

_ADDRESS = nested(each_wrapped(text, "addressLine1", "addressLine2", "addressLine3", "postalCode", "city", "countryId"))
_CONTACT = nested(each_wrapped(text, "name", "attention", "email", "web", "phone1", "phone2"))
SCHEMA: wrappers.Schema = {
    **each_wrapped(
        text,
        "number",
        "name",
        "customerClassId",
        "currencyId",
        "corporateId",
        "vatRegistrationId",
        "creditTermsId",
        "note",
        "accountReference",
    ),
    "status": wrapped(one_of(*STATUSES)),
    "mainAddress": _ADDRESS,
    "mainContact": _CONTACT,
    "overrideNumberSeries": wrapped(boolean),
    "overrideWithClassValues": bare(boolean),
    "attributeLines": many({"attributeId": wrapped(text), "attributeValue": wrapped(text)}),
    "directDebitLines": many(
        {
            "operation": wrappers.OPERATION,
            "id": bare(text),
            **each_wrapped(text, "mandateId", "mandateDescription", "bic", "iban", "branch"),
            **each_wrapped(wrappers.day, "dateOfSignature", "lastCollectionDate", "expirationDate"),
            **each_wrapped(boolean, "isDefault", "oneTime"),
            "maxAmount": wrapped(wrappers.decimal),
        }
    ),
}

_FIELDS = {
    "name": "name",
    "status": "status",
    "currencyId": "currency",
    "corporateId": "corporate_id",
    "vatRegistrationId": "vat_registration_id",
    "creditTermsId": "credit_terms",
    "note": "note",
    "accountReference": "account_reference",
}
_LINE_FIELDS = {
    "mandateId": "mandate_id",
    "mandateDescription": "mandate_description",
    "dateOfSignature": "signed_on",
    "expirationDate": "expires_on",
    "isDefault": "is_default",
    "oneTime": "one_time",
    "iban": "iban",
    "bic": "bic",
}


def create_customer(company: Company, call: Call) -> Answer:
    body = call.parsed(SCHEMA)
    if not body.get("name"):
        raise Invalid(f"{_PREFIX} Error: 'Customer Name' cannot be empty.")
    class_id = body.get("customerClassId") or next(iter(company.customer_classes), "")
    _check(company, body, class_id, set())
    automatic = not (body.get("overrideNumberSeries") or "customer" in company.manual_numbering)
    if body.get("number") and automatic:
        raise Invalid(f"{_PREFIX} Error: customers are numbered automatically; leave out 'number'.")
    number = numbering.assign(company, "customer", body, lambda wanted: wanted in company.customers, _PREFIX, "number")
    customer = company.add_customer(number, body["name"], customer_class=class_id)
    _change(company, customer, body)
    company.webhooks.emit("CUSTOMER_CREATED", {"customerNumber": number})
    return created(f"/v1/customer/{numbering.segment(number)}", customer)


def change_customer(company: Company, call: Call) -> Answer:
    body = call.parsed(SCHEMA)
    customer = _one(company, call)
    call.check_version(customer)
    class_id = body.get("customerClassId") or customer.customer_class
    _check(company, body, class_id, set(customer.direct_debit))
    customer.customer_class = class_id
    _change(company, customer, body)
    company.touch(customer)
    company.webhooks.emit("CUSTOMER_UPDATED", {"customerNumber": customer.number})
    return updated(f"/v1/customer/{numbering.segment(customer.number)}", customer)


def _check(company: Company, body: dict[str, Any], class_id: str, line_ids: set[str]) -> None:
    """Everything that could be refused, before anything is changed."""
    if class_id not in company.customer_classes:
        raise Invalid(f"Error: Customer class '{class_id}' cannot be found in the system.")
    linked = company.customer_classes[class_id].attributes
    for line in body.get("attributeLines") or ():
        attribute = line.get("attributeId") or ""
        if attribute not in company.attributes:
            raise Invalid(f"Error: Attribute '{attribute}' cannot be found in the system.")
        if attribute not in linked:
            raise Invalid(f"Error: Attribute '{attribute}' is not linked to customer class '{class_id}'.")
    if body.get("currencyId") and body["currencyId"] not in company.rates:
        raise Invalid(f"Error: Currency '{body['currencyId']}' cannot be found in the system.")
    lines = body.get("directDebitLines") or ()
    if lines and not company.switches.direct_debit_enabled:
        raise Invalid("Error: Direct debit lines are available for companies in the Netherlands only.")
    for line in lines:
        if line.get("operation", "Insert") != "Insert" and line.get("id") not in line_ids:
            raise Invalid(f"Error: Direct debit line '{line.get('id')}' cannot be found in the system.")


def _change(company: Company, customer: Customer, body: dict[str, Any]) -> None:
    for name, attribute in _FIELDS.items():
        if name in body:
            setattr(customer, attribute, body[name] or "")
    for name, value in (body.get("mainAddress") or {}).items():
        customer.address[name] = value or ""
    contact = body.get("mainContact") or {}
    customer.email = contact.get("email", customer.email) or ""
    customer.phone = contact.get("phone1", customer.phone) or ""
    customer.contact_name = contact.get("name", customer.contact_name) or ""
    for line in body.get("attributeLines") or ():
        customer.attributes[line["attributeId"]] = line.get("attributeValue") or ""
    for line in body.get("directDebitLines") or ():
        _change_direct_debit(company, customer, line)


def _change_direct_debit(company: Company, customer: Customer, line: dict[str, Any]) -> None:
    operation = line.get("operation", "Insert")
    if operation == "Delete":
        del customer.direct_debit[line["id"]]
        return
    if operation == "Insert":
        stored = DirectDebitLine(company.new_id())
        customer.direct_debit[stored.id] = stored
    else:
        stored = customer.direct_debit[line["id"]]
    for name, attribute in _LINE_FIELDS.items():
        if line.get(name) is not None:
            setattr(stored, attribute, line[name])


def list_customers(company: Company, call: Call) -> Answer:
    """Every filter compares for equality; `attributes` is a JSON text. `greaterThanValue` is dead."""
    status = call.one_of("status", STATUSES)
    equal = {
        "name": call.text("name"),
        "corporate_id": call.text("corporateId"),
        "vat_registration_id": call.text("vatRegistrationId"),
        "email": call.text("email"),
        "phone": call.text("phone"),
    }
    wanted = {attribute: value.lower() for attribute, value in equal.items() if value is not None}
    attributes = _attribute_filter(call.text("attributes"))
    for known in ("expandAccountInformation", "expandPaymentMethods", "greaterThanValue"):
        call.text(known)
    rows = [
        customer
        for customer in company.customers.values()
        if (status is None or customer.status == status)
        and all(getattr(customer, attribute).lower() == value for attribute, value in wanted.items())
        and all(customer.attributes.get(name) in values for name, values in attributes.items())
    ]
    expand = bool(call.flag("expandDirectDebit"))
    return paging.page(company, call, paging.modified(company, call, rows), lambda each: dto(company, each, expand))


def _attribute_filter(text_value: str | None) -> dict[str, set[str]]:
    """`{"GCCUST": "CU1,CU2"}`: per attribute the values that match. Raises `Malformed` for anything else."""
    if text_value is None:
        return {}
    try:
        document = json.loads(text_value)
    except ValueError as problem:
        raise Malformed("The attributes filter is not JSON.") from problem
    if not isinstance(document, dict) or not all(isinstance(value, str) for value in document.values()):
        raise Malformed("The attributes filter must be an object of texts.")
    return {name: {part.strip() for part in value.split(",")} for name, value in document.items()}


def get_customer(company: Company, call: Call) -> Answer:
    customer = _one(company, call)
    return found(dto(company, customer, bool(call.flag("expandDirectDebit"))), customer)


def get_by_internal_id(company: Company, call: Call) -> Answer:
    for customer in company.customers.values():
        if str(customer.internal_id) == call.path["id"] and not call.blind:
            return found(dto(company, customer, False), customer)
    raise Unknown(f"Customer with internal id '{call.path['id']}' was not found.")


def get_contacts(company: Company, call: Call) -> Answer:
    customer = _one(company, call)
    return Answer(payload=[{"contactId": customer.internal_id, "contactMethod": "Email", **_contact(customer)}])


def get_direct_debit(company: Company, call: Call) -> Answer:
    return Answer(payload=[_direct_debit(line) for line in _one(company, call).direct_debit.values()])


def get_balance(company: Company, call: Call) -> Answer:
    """What the customer owes by the books, in its own currency (the base currency where it has none)."""
    customer = _one(company, call)
    zero = formats.amount(0, company.base_currency)
    owed = company.books.receivable(customer.number, customer.currency or company.base_currency)
    return Answer(
        payload={
            "balance": formats.amount(owed, customer.currency or company.base_currency),
            "totalOrder": zero,
            "totalLoan": zero,
            "totalSalesOrder": zero,
            "totalOpenOrder": zero,
        }
    )


def get_classes(company: Company, call: Call) -> Answer:
    rows = [
        {
            "id": each.id,
            "description": each.description,
            "paymentMethodId": each.payment_method or None,
            "taxZoneId": "01",
            "attributes": [
                {"attributeId": name, "description": company.attributes[name].description, "required": False}
                for name in each.attributes
            ],
        }
        for each in company.customer_classes.values()
    ]
    return Answer(payload=[] if call.blind else rows)


def _one(company: Company, call: Call) -> Customer:
    customer = company.customers.get(call.path["number"])
    if customer is None or call.blind:
        raise Unknown(f"Customer '{call.path['number']}' was not found.")
    return customer


def dto(company: Company, customer: Customer, with_direct_debit: bool) -> dict[str, Any]:
    zone = company.switches.stamp_zone
    address = {name: value for name, value in customer.address.items() if name != "countryId"}
    customer_class = company.customer_classes.get(customer.customer_class)
    row: dict[str, Any] = {
        "internalId": customer.internal_id,
        "number": customer.number,
        "name": customer.name,
        "status": customer.status,
        "mainAddress": {**address, "country": {"id": customer.address.get("countryId", "NO")}},
        "mainContact": _contact(customer),
        "currencyId": customer.currency or None,
        "customerClass": {
            "id": customer.customer_class,
            "description": customer_class.description if customer_class else None,
        },
        "creditTerms": {"id": customer.credit_terms},
        "corporateId": customer.corporate_id or None,
        "vatRegistrationId": customer.vat_registration_id or None,
        "accountReference": customer.account_reference or None,
        "note": customer.note,
        "defaultPaymentMethodId": customer_class.payment_method if customer_class else None,
        "paymentMethods": [{"paymentMethodId": each, "isDefault": False} for each in customer.payment_methods],
        "attributes": [
            {"id": name, "value": value, "description": company.attributes[name].description}
            for name, value in customer.attributes.items()
        ],
        "lastModifiedDateTime": formats.stamp(customer.modified_at, zone),
        "createdDateTime": formats.stamp(customer.created_at, zone),
        "timeStamp": time_stamp(customer),
        "errorInfo": None,
    }
    if with_direct_debit:
        row["directDebitLines"] = [_direct_debit(line) for line in customer.direct_debit.values()]
    return row


def _contact(customer: Customer) -> dict[str, Any]:
    return {
        "name": customer.contact_name or customer.name,
        "attention": None,
        "email": customer.email or None,
        "phone1": customer.phone or None,
    }


def _direct_debit(line: DirectDebitLine) -> dict[str, Any]:
    return {
        "id": line.id,
        "mandateId": line.mandate_id,
        "mandateDescription": line.mandate_description,
        "dateOfSignature": formats.day(line.signed_on, "plain") if line.signed_on else None,
        "expirationDate": formats.day(line.expires_on, "plain") if line.expires_on else None,
        "isDefault": line.is_default,
        "oneTime": line.one_time,
        "iban": line.iban or None,
        "bic": line.bic or None,
    }
