"""Customers: what a group brings along, which codes must exist, and what is maintained by itself (sections 2.3, 2.4)."""

from __future__ import annotations

from sandbox.sage300.refusals import FieldInvalid, RecordInvalid, no_such
from sandbox.sage300.schema import Row
from sandbox.sage300.writing import Rules, Work

_FROM_GROUP = (
    "AccountSet", "BillingCycle", "InterestProfile", "AccountType", "Terms", "RateType", "TaxGroup", "PaymentCode",
)  # fmt: skip
#: property, resource it names a record of, and what Sage calls it.
_CODES = (
    ("GroupCode", "ARCustomerGroups", "Group Code"),
    ("AccountSet", "ARAccountSets", "Account Set"),
    ("Terms", "ARTerms", "Terms Code"),
    ("BillingCycle", "ARBillingCycles", "Billing Cycle"),
    ("PaymentCode", "ARPaymentCodes", "Payment Code"),
)


def begin(work: Work, row: Row) -> None:
    row["StartDate"] = work.company.today()


def group_put(work: Work, row: Row) -> None:
    """The group's defaults replace what was there, also what was sent before (property order, section 9.1)."""
    group = work.company.tables["ARCustomerGroups"].get(row["GroupCode"])
    if group is None:
        raise no_such("Group Code", row["GroupCode"])
    for name in _FROM_GROUP:
        row[name] = group[name]
    account_set_put(work, row)


def account_set_put(work: Work, row: Row) -> None:
    found = work.company.tables["ARAccountSets"].get(row["AccountSet"])
    if found is None:
        raise no_such("Account Set", row["AccountSet"])
    row["CurrencyCode"] = found["CurrencyCode"]


def finish(work: Work, row: Row) -> None:
    tables = work.company.tables
    for name in ("CustomerNumber", "GroupCode", "TaxGroup"):
        if not row[name]:
            raise RecordInvalid(f"{name} cannot be blank.")
    for name, resource, label in _CODES:
        if row[name] and row[name] not in tables[resource]:
            raise no_such(label, row[name])
    if (row["TaxGroup"], "Sales") not in tables["TXTaxGroups"]:
        raise no_such("Tax Group", row["TaxGroup"])
    if tables["ARAccountSets"][row["AccountSet"]]["CurrencyCode"] != row["CurrencyCode"]:
        raise FieldInvalid(f"Account Set {row['AccountSet']} does not use currency {row['CurrencyCode']}.")
    for each in row["CustomerOptionalFieldValues"]:
        each["CustomerNumber"] = row["CustomerNumber"]
    row["DateLastMaintained"] = work.company.today()


def group_finish(work: Work, row: Row) -> None:
    row["DateLastMaintained"] = work.company.today()
    if row["AccountSet"] not in work.company.tables["ARAccountSets"]:
        raise no_such("Account Set", row["AccountSet"])


CUSTOMER_RULES = Rules(
    begin,
    {"GroupCode": group_put, "AccountSet": account_set_put},
    finish,
    frozenset({"AccountSet", "BillingCycle", "Terms", "RateType", "CurrencyCode", "StartDate"}),
)
GROUP_RULES = Rules(finish=group_finish)


def usable(work: Work, number: str) -> Row:
    """The customer a document names. Raises for unknown and inactive ones, warns on hold, as the switches say."""
    found = work.company.tables["ARCustomers"].get(number)
    if found is None:
        raise no_such("Customer Number", number)
    switches = work.company.switches
    if found["Status"] == "Inactive":
        text = f"Customer {number} is inactive."
        if switches.inactive_customer == "error":
            raise FieldInvalid(text)
        work.warn(text)
    if found["OnHold"] == "Yes" and switches.customer_on_hold != "none":
        text = f"Customer {number} is on hold."
        if switches.customer_on_hold == "error":
            raise FieldInvalid(text)
        work.warn(text)
    return found
