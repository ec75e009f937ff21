"""Which account of a customer a mandate may be made of, from Exact's bank accounts and mandates (sections 2.3 and 2.4). Pure.

A mandate that this connector keeps in Exact proves nothing: only what the merchant has entered there counts as signed.
"""

from __future__ import annotations

from collections.abc import Sequence

from bookkeeping.direct_mandate_rules import BankDetails, plain_iban
from connector_resources.erp.exact_online.documents import OUR_MANDATES
from connector_resources.erp.exact_online.odata import day_of
from connector_resources.erp.exact_online.wire import Account, AccountNumber, Mandate

#: SEPA Core; a B2B mandate is no authority for a Core debit.
CORE = 0


def details_of(customer: Account, numbers: Sequence[AccountNumber], mandates: Sequence[Mandate]) -> BankDetails | None:
    """The account of the newest signed mandate, else the main one; None when the customer has no open account."""
    usable = {row.id: row for row in numbers if row.bank_account and not row.blocked}
    own = [row for row in mandates if not row.description.startswith(OUR_MANDATES)]
    signed = [row for row in own if row.bank_account in usable and _is_signed(row)]
    if signed:
        mandate = max(signed, key=lambda row: (row.main, day_of(row.signature_date), row.reference))
        return _details(customer, usable[mandate.bank_account], mandate.reference, has_mandates=True)
    chosen = sorted(usable.values(), key=lambda row: (not row.main, row.id))
    # Several accounts without a main one: nobody knows which is meant.
    if not chosen or (len(chosen) > 1 and not chosen[0].main):
        return None
    return _details(customer, chosen[0], "", has_mandates=bool(own))


def _details(customer: Account, row: AccountNumber, mandate: str, *, has_mandates: bool) -> BankDetails:
    holder = row.bank_account_holder_name.strip() or customer.name
    return BankDetails(holder, plain_iban(row.bank_account), mandate, has_mandates)


def _is_signed(row: Mandate) -> bool:
    is_open = day_of(row.cancellation_date) is None
    return is_open and row.type == CORE and day_of(row.signature_date) is not None and bool(row.reference)
