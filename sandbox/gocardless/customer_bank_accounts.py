"""`/customer_bank_accounts` and `/bank_details_lookups`: IBAN or local details, duplicates, disabling (sections
2.5, 3.2).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from sandbox.gocardless.calls import Call, Endpoint, Reply, one, plain
from sandbox.gocardless.customers import refuse_when_restricted
from sandbox.gocardless.field_checks import check_known, check_metadata, check_text, read_links
from sandbox.gocardless.mandate_states import USABLE
from sandbox.gocardless.paging import ListRules, list_records
from sandbox.gocardless.problems import FieldErrors, invalid_state, invalid_usage
from sandbox.gocardless.records import Record
from sandbox.gocardless.schemes import DEBIT_SCHEME_OF_COUNTRY, SCHEMES
from sandbox.gocardless.world import World

_DETAILS = ("account_number", "account_type", "bank_code", "branch_code", "country_code", "iban")
_CREATE_FIELDS = (*_DETAILS, "account_holder_name", "currency", "links", "metadata")
_LIST = ListRules(links=("customer",), fields=("enabled",))

#: country -> the local fields that are needed, with their pattern once spaces and hyphens are dropped.
_LOCAL = {
    "GB": {"branch_code": r"\d{6}", "account_number": r"\d{8}"},
    "US": {"bank_code": r"\d{9}", "account_number": r"\d{1,17}", "account_type": r"checking|savings"},
    "CA": {"bank_code": r"\d{4}", "branch_code": r"\d{5}", "account_number": r"\d{7,12}"},
    "AU": {"branch_code": r"\d{6}", "account_number": r"\d{5,9}"},
    "NZ": {"bank_code": r"\d{2}", "branch_code": r"\d{4}", "account_number": r"\d{9,10}"},
    "SE": {"branch_code": r"\d{4,5}", "account_number": r"\d{1,10}"},
    "DK": {"bank_code": r"\d{1,4}", "account_number": r"\d{1,10}"},
}


@dataclass(frozen=True, slots=True)
class BankDetails:
    """Normalised: `identity` is equal for equal accounts."""

    identity: str
    country_code: str
    currency: str
    ending: str
    account_type: str | None = None


def create(call: Call) -> Reply:
    refuse_when_restricted(call)
    fields = call.fields("customer_bank_accounts")
    customer = linked_customer(call.world, read_links(fields))
    errors = FieldErrors("customer_bank_accounts")
    check_known(errors, fields, _CREATE_FIELDS)
    check_metadata(errors, fields)
    check_text(errors, fields, "account_holder_name", required=True)
    details = required_details(errors, fields)
    refuse_duplicate(call.world, customer, details)
    return one("customer_bank_accounts", add(call.world, customer, fields, details), 201)


def add(world: World, customer: Record, fields: dict[str, Any], details: BankDetails) -> Record:
    return world.builder.bank_account(
        customer.id, fields["account_holder_name"], details.identity, country_code=details.country_code,
        currency=details.currency, ending=details.ending, account_type=details.account_type,
        metadata=fields.get("metadata"),
    )  # fmt: skip


def linked_customer(world: World, links: dict[str, Any]) -> Record:
    """Raises 400 without a link, 422 for a removed customer, 404 for an unknown one."""
    identity = links.get("customer")
    if not identity:
        raise invalid_usage(400, "invalid_type", "The customer of your request is incorrectly typed")
    customer = world.customers.known(identity)
    if customer is None:
        raise invalid_usage(404, "link_not_found", f"customer {identity} not found")
    if customer.removed:
        raise invalid_state("customer_data_removed", "The data of this customer was removed")
    return customer


def refuse_duplicate(world: World, customer: Record, details: BankDetails) -> None:
    """Raises 409 `bank_account_exists` when the customer has this account already."""
    for account in world.customer_bank_accounts.with_link("customer", customer.id):
        if account.hidden["identity"] == details.identity and account.body["enabled"]:
            links = {"customer_bank_account": account.id}
            message = "Bank account already exists"
            raise invalid_state("bank_account_exists", message, links, status=409, kind="validation_failed")


def required_details(errors: FieldErrors, fields: dict[str, Any]) -> BankDetails:
    """The details, or the 422 that names every bad field, also those added before."""
    details = read_details(errors, fields)
    errors.refuse_if_any()
    assert details is not None, "details that are not complete add an error"
    return details


def read_details(errors: FieldErrors, fields: dict[str, Any]) -> BankDetails | None:
    """IBAN, or local details with their country. None when an error was added."""
    found = len(errors.entries)
    country, identity, ending = _read_iban(errors, fields) if fields.get("iban") else _read_local(errors, fields)
    scheme = SCHEMES.get(DEBIT_SCHEME_OF_COUNTRY.get(country, ""))
    if scheme is None and len(errors.entries) == found:
        errors.add("country_code", "is not a supported country")
    if scheme is None or len(errors.entries) > found:
        return None
    currency = fields.get("currency") or scheme.currency
    if currency != scheme.currency:
        errors.add("currency", f"must be {scheme.currency} for this account")
        return None
    return BankDetails(identity, country, currency, ending, fields.get("account_type"))


def _read_iban(errors: FieldErrors, fields: dict[str, Any]) -> tuple[str, str, str]:
    iban = re.sub(r"\s", "", str(fields["iban"])).upper()
    if fields.get("account_number"):
        errors.add("iban", "cannot be given together with local details")
    if iban.startswith("SE"):
        errors.add("iban", "cannot be used for SEK accounts")
    if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", iban) or _checksum(iban) != 1:
        errors.add("iban", "is invalid")
    return iban[:2], iban, iban[-2:]


def _checksum(iban: str) -> int:
    return int("".join(str(int(letter, 36)) for letter in iban[4:] + iban[:4])) % 97


def _read_local(errors: FieldErrors, fields: dict[str, Any]) -> tuple[str, str, str]:
    country = str(fields.get("country_code") or "")
    if not country:
        errors.add("country_code", "can't be blank unless an IBAN is given")
    values = []
    for name, pattern in _LOCAL.get(country, {"account_number": r"\w+"}).items():
        value = re.sub(r"[\s-]", "", str(fields.get(name) or ""))
        if not value:
            errors.add(name, "can't be blank")
        elif not re.fullmatch(pattern, value):
            errors.add(name, "is the wrong length or contains wrong characters")
        values.append(value)
    digits = 4 if country == "NZ" else 2
    number = re.sub(r"\D", "", str(fields.get("account_number") or ""))
    return country, ":".join((country, *values)), number[-digits:]


def index(call: Call) -> Reply:
    return list_records(call, call.world.customer_bank_accounts, _LIST)


def show(call: Call) -> Reply:
    return one("customer_bank_accounts", call.record(call.world.customer_bank_accounts, "customer bank account"))


def update(call: Call) -> Reply:
    account = call.record(call.world.customer_bank_accounts, "customer bank account")
    fields = call.fields("customer_bank_accounts")
    errors = FieldErrors("customer_bank_accounts")
    check_known(errors, fields, ("metadata",))
    check_metadata(errors, fields)
    errors.refuse_if_any()
    account.change(metadata=dict(fields.get("metadata") or {}))
    return one("customer_bank_accounts", account)


def disable(call: Call) -> Reply:
    """Cancels the mandates on the account, and with them every payment that can still be cancelled."""
    world, account = call.world, call.record(call.world.customer_bank_accounts, "customer bank account")
    if not account.body["enabled"]:
        raise invalid_state("disable_failed", "This bank account is disabled already")
    account.change(enabled=False)
    for mandate in list(world.mandates.with_link("customer", str(account.links["customer"]))):
        if mandate.links["customer_bank_account"] == account.id and mandate.status in USABLE:
            world.mandate_states.cancel(mandate, cause="bank_account_disabled")
    return one("customer_bank_accounts", account)


def look_up(call: Call) -> Reply:
    """Which schemes could collect from these details; nothing is kept."""
    fields = call.fields("bank_details_lookups")
    errors = FieldErrors("bank_details_lookups")
    check_known(errors, fields, (*_DETAILS, "account_holder_name"))
    details = required_details(errors, fields)
    body = {
        "available_debit_schemes": [DEBIT_SCHEME_OF_COUNTRY[details.country_code]],
        "bank_name": "SANDBOX BANK",
        "bic": f"SNDB{details.country_code}XX" if fields.get("iban") else None,
        "payer_name_verification_result": None,
    }
    return plain("bank_details_lookups", body)


ENDPOINTS = (
    Endpoint("POST", "/customer_bank_accounts", create, idempotent=True),
    Endpoint("GET", "/customer_bank_accounts", index),
    Endpoint("GET", "/customer_bank_accounts/{identity}", show),
    Endpoint("PUT", "/customer_bank_accounts/{identity}", update),
    Endpoint("POST", "/customer_bank_accounts/{identity}/actions/disable", disable),
    Endpoint("POST", "/bank_details_lookups", look_up, writes=False),
)
