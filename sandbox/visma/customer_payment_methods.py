"""`/v1/customerpaymentmethod`: a customer's own payment method with its details (section 2.9). `value` means two
things there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.visma import numbering, wrappers
from sandbox.visma.calls import Answer, Call, created, updated
from sandbox.visma.records import Customer
from sandbox.visma.refusals import Invalid, Unknown
from sandbox.visma.wrappers import boolean, many, text, wrapped

if TYPE_CHECKING:
    from sandbox.visma.company import Company

SCHEMA: wrappers.Schema = {
    "customerId": wrapped(text),
    "paymentMethodId": wrapped(text),
    "active": wrapped(boolean),
    "cashAccountId": wrapped(text),
    "paymentMethodDetails": many({"detailId": wrapped(text), "value": wrapped(text)}),
}


def create(company: Company, call: Call) -> Answer:
    body = call.parsed(SCHEMA)
    customer = company.customers.get(body.get("customerId") or "")
    if customer is None:
        raise Invalid(f"Error: Customer '{body.get('customerId')}' cannot be found in the system.")
    method = body.get("paymentMethodId") or ""
    if method in customer.payment_methods:
        raise Invalid(f"Error: Payment method '{method}' already exists for customer '{customer.number}'.")
    return created(_change(company, customer, method, body), customer)


def change(company: Company, call: Call) -> Answer:
    body = call.parsed(SCHEMA)
    customer = company.customers.get(call.path["customer"])
    if customer is None or call.path["method"] not in customer.payment_methods or call.blind:
        raise Unknown("The customer payment method was not found.")
    return updated(_change(company, customer, call.path["method"], body), customer)


def list_all(company: Company, call: Call) -> Answer:
    rows = [
        {
            "customerId": customer.number,
            "paymentMethodId": method,
            "paymentMethodDetails": [{"detailId": name, "value": value} for name, value in details.items()],
        }
        for customer in company.customers.values()
        for method, details in customer.payment_methods.items()
    ]
    return Answer(payload=[] if call.blind else rows)


def _change(company: Company, customer: Customer, method: str, body: dict[str, object]) -> str:
    known = company.payment_methods.get(method)
    if known is None or not known.active:
        raise Invalid(f"Error: Payment method '{method}' cannot be found in the system.")
    given = body.get("paymentMethodDetails")
    details = {each.get("detailId"): each.get("value") for each in given} if isinstance(given, list) else {}
    if not set(details) <= set(known.detail_ids):
        raise Invalid(f"Error: a detail of payment method '{method}' cannot be found in the system.")
    customer.payment_methods.setdefault(method, {}).update(details)
    company.touch(customer)
    return f"/v1/customerpaymentmethod/{numbering.segment(customer.number)}/{method}"
