"""A payer is asked to set up a mandate on GoCardless's hosted pages, or one is made directly: the posting that orders it.

Nothing is booked. The mandate itself is learnt from GoCardless, never from the payer's browser. Source: gocardless.md
section 2.4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bookkeeping.direct_mandate_rules import DirectMandate
from bookkeeping.drafting import posting_text
from bookkeeping.eligibility import NotEligible
from bookkeeping.postings import Party, Posting, PostingKind
from bookkeeping.settings import BookSettings, activity_day

#: reasons that a new mandate would cure.
CURED_BY_A_MANDATE = frozenset(
    {"no_gocardless_customer", "no_mandate", "mandate_not_usable", "currency_mismatch", "needs_new_mandate"}
)
#: how often a payer is asked in one currency before a person has to look after it.
MOST_REQUESTS = 3
#: details of the ERP's customer that the hosted page shows filled in.
PREFILLED = ("company_name", "email", "address_line1", "address_line2", "city", "postal_code", "country_code")


@dataclass(frozen=True, slots=True)
class SetupOrder:
    """Whom to ask, for which currency. `gocardless_customer` is "" for a customer that GoCardless does not know yet.

    With `direct` nobody is asked: the mandate is made from the account that the ERP holds.
    """

    reference: str
    customer: str
    currency: str
    gocardless_customer: str = ""
    prefilled: Mapping[str, str] | None = None
    direct: DirectMandate | None = None


@dataclass(frozen=True, slots=True)
class SetupPolicy:
    """`link`: the address is shown to the merchant; `notify`: GoCardless is asked to e-mail the payer as well.

    `direct`: a mandate is made from the ERP's bank details where that may be, else as `link`. `needs_signature`: only with
    a signed mandate in the ERP.
    """

    mode: Literal["off", "link", "notify", "direct"] = "off"
    redirect_uri: str = ""
    exit_uri: str = ""
    description: str = ""
    creditor: str = ""
    needs_signature: bool = False


def wanted_setups(
    refused: Sequence[NotEligible], asked: Mapping[tuple[str, str], tuple[int, bool]]
) -> list[tuple[str, str, int]]:
    """(customer, currency, number) of the set-ups to order, each once.

    `asked` holds per customer and currency how many there were, and whether one still waits for the payer.
    """
    found: dict[tuple[str, str], int] = {}
    for refusal in refused:
        wanted = (refusal.invoice.customer, refusal.invoice.open_amount.currency)
        times, waits = asked.get(wanted, (0, False))
        if refusal.code in CURED_BY_A_MANDATE and not waits and times < MOST_REQUESTS:
            found[wanted] = times + 1
    return [(customer, currency, number) for (customer, currency), number in found.items()]


def plan_mandate_setup(order: SetupOrder, policy: SetupPolicy, settings: BookSettings, at: datetime) -> Posting:
    """The MANDATE_SETUP posting of `order`, one per reference for ever. `at` is the moment of the plan (aware UTC)."""
    facts = {
        "currency": order.currency,
        "customer": order.gocardless_customer,
        "erp_customer": order.customer,
        "notify": "true" if policy.mode == "notify" else "",
        "redirect_uri": policy.redirect_uri,
        "exit_uri": policy.exit_uri,
        "description": policy.description,
        "creditor": policy.creditor,
        **_direct_facts(order.direct),
        **{f"prefilled_{name}": value for name, value in (order.prefilled or {}).items()},
    }
    key = f"{PostingKind.MANDATE_SETUP}:{order.reference}"
    return Posting(
        key=key,
        connection=settings.connection,
        kind=PostingKind.MANDATE_SETUP,
        event_id=key,
        subject=order.gocardless_customer or order.customer,
        occurred_at=at,
        booking_date=activity_day(at, settings),
        reference=order.reference,
        text=posting_text("Mandate set-up for", order.customer, order.currency),
        party=Party(order.gocardless_customer or None, order.customer),
        facts={name: value for name, value in facts.items() if value},
    )


def _direct_facts(direct: DirectMandate | None) -> dict[str, str]:
    """What a direct mandate is made of, without the IBAN."""
    if direct is None:
        return {}
    return {
        "scheme": direct.scheme,
        "holder": direct.holder,
        "bank_details": direct.bank_details,
        "signed_mandate": direct.signed_mandate,
    }
