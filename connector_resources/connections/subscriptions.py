"""The part of a connection file that says how recurring charges become subscriptions, and who bills their payments."""

from __future__ import annotations

from datetime import date
from typing import Literal, Self

from pydantic import Field, model_validator

from bookkeeping.collection_schemes import CURRENCIES, SCHEMES, Limits, LimitSettings
from bookkeeping.sales_invoice_rules import SalesInvoicePolicy
from bookkeeping.subscribing import SubscriptionSettings
from connector_resources.connections.collections import LimitSection, minor_units
from connector_resources.connections.section import Section


class SalesInvoiceSection(Section):
    """Invoices that the connector writes for payments of subscriptions that nobody has billed."""

    write: Literal["none", "foreign", "all"] = Field(
        default="none",
        description="`foreign`: for payments of subscriptions that follow no recurring charge of the ERP; `all`: also for "
        "those that do, where the ERP does not make invoices from its recurring charges itself.",
    )
    document_type: str = Field(default="", description="What the ERP calls the document, where it asks for a type.")
    tax_code: str = Field(
        default="", description="Tax code (group) of the invoice's line; the amount includes the tax."
    )
    text: str = Field(default="", description="Text of the invoice's line; else the subscription's own.")
    after_failure: Literal["keep", "credit"] = Field(
        default="keep",
        description="When the payment is taken back later: `keep` leaves the invoice open, as the claim it is; `credit` "
        "takes the invoice back as well.",
    )

    @property
    def policy(self) -> SalesInvoicePolicy:
        """The same choices as the pure rules take them."""
        return SalesInvoicePolicy(
            write=self.write,
            document_type=self.document_type,
            tax_code=self.tax_code,
            text=self.text,
            after_failure=self.after_failure,
        )


class SubscriptionsSection(Section):
    """How the ERP's recurring charges are billed through GoCardless subscriptions. Only for ERPs that have such charges."""

    enabled: bool = Field(default=False, description="Make recurring charges GoCardless subscriptions.")
    past_start: Literal["next", "refuse"] = Field(
        default="next",
        description="A charge that began before it could be followed: `next` starts with its next occurrence.",
    )
    starts_from: date | None = Field(default=None, description="No subscription charges before this day.")
    limits: dict[str, LimitSection] = Field(
        default={}, description="Limits by scheme (`sepa_core`) or currency (`EUR`), over GoCardless's usual ones."
    )
    no_statement_reference: tuple[str, ...] = Field(
        default=("bacs",), description="Schemes for which the payer's statement does not get the charge's number."
    )
    sales_invoices: SalesInvoiceSection = Field(
        default=SalesInvoiceSection(),
        description="Invoices that the connector writes for payments of subscriptions that nobody has billed.",
    )

    @model_validator(mode="after")
    def _known_limits(self) -> Self:
        unknown = sorted(set(self.limits) - set(SCHEMES) - CURRENCIES)
        if unknown:
            known = ", ".join([*sorted(SCHEMES), *sorted(CURRENCIES)])
            raise ValueError(f"limits: {', '.join(unknown)} is neither scheme nor currency; known: {known}")
        return self

    @property
    def rules(self) -> SubscriptionSettings:
        """The same choices as the pure rules take them."""
        limits = {
            name: Limits(minor_units(each.smallest), minor_units(each.largest)) for name, each in self.limits.items()
        }
        return SubscriptionSettings(
            past_start=self.past_start,
            starts_from=self.starts_from,
            limits=LimitSettings(
                by_scheme={name: each for name, each in limits.items() if name in SCHEMES},
                by_currency={name: each for name, each in limits.items() if name in CURRENCIES},
            ),
            no_statement_reference=frozenset(self.no_statement_reference),
        )
