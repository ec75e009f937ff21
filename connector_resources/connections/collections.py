"""The part of a connection file that says which open invoices are collected, and how."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from bookkeeping.collection_schemes import CURRENCIES, SCHEMES, Limits, LimitSettings
from bookkeeping.eligibility import RETRYABLE_CAUSES, CollectionSettings, RetryPolicy
from bookkeeping.mandate_setup_rules import SetupPolicy
from bookkeeping.money import Money
from connector_resources.connections.section import Section

#: major units; every currency GoCardless collects has two decimals (gocardless.md section 0, fact 1).
Amount = Annotated[Decimal, Field(gt=0, decimal_places=2)]


class RetrySection(Section):
    """When a collection that failed is tried again, as a new payment."""

    attempts: int = Field(default=3, ge=1, le=10, description="How often an invoice is tried in all.")
    wait_days: int = Field(default=5, ge=0, le=60, description="Days between a failure and the next attempt.")
    causes: tuple[str, ...] = Field(
        default=tuple(sorted(RETRYABLE_CAUSES)),
        description="GoCardless's causes of failure after which the same mandate is tried again.",
    )


class LimitSection(Section):
    """Smallest and largest amount of one payment, in major units (pounds, euros); what is left out stays the default."""

    smallest: Amount | None = Field(default=None, description="Smallest amount of one payment.")
    largest: Amount | None = Field(default=None, description="Largest amount of one payment.")


class MandateSetupSection(Section):
    """What happens with customers that have no mandate to collect from."""

    mode: Literal["off", "link", "notify", "direct"] = Field(
        default="off",
        description="`link` makes a hosted page for each and shows its address in the report; `notify` also asks GoCardless "
        "to e-mail the payer, which GoCardless does not offer for every kind of request; `direct` makes the mandate from the "
        "account number in the ledger without asking, and a page where that may not be. Only with the payer's authority to "
        "debit that account through GoCardless, for which you answer, and only where GoCardless has approved it.",
    )
    direct_needs_signed_mandate: bool = Field(
        default=False,
        description="For `direct`: only where the ledger holds a signed mandate for the account. Where it holds mandates of the "
        "customer, one of them must be signed and not cancelled in any case.",
    )
    redirect_uri: str = Field(default="", description="Where the payer's browser goes afterwards.")
    exit_uri: str = Field(default="", description="Where the payer's browser goes when the payer gives up.")
    description: str = Field(default="", description="Shown to the payer on the hosted page.")


class CollectionsSection(Section):
    """Which open invoices of the ERP are collected through GoCardless. Only for ERPs whose invoices can be collected."""

    enabled: bool = Field(default=False, description="Collect due invoices.")
    window_days: int = Field(default=7, ge=0, le=90, description="How many days before its due date one is ordered.")
    mode: Literal["per_invoice", "grouped"] = Field(
        default="per_invoice", description="One payment per invoice, or one per payer and charge date."
    )
    smallest: Amount | None = Field(default=None, description="Smallest invoice that is collected, major units.")
    largest: Amount | None = Field(default=None, description="Largest invoice that is collected, major units.")
    credit_notes: Literal["net", "hold", "ignore"] = Field(
        default="net",
        description="Open credit of the customer: `net` lowers what is collected, `hold` keeps all its invoices back.",
    )
    issued_from: date | None = Field(default=None, description="Older invoices are left alone.")
    document_types: tuple[str, ...] = Field(
        default=("invoice",), description="Which of the ERP's open items are collected."
    )
    limits: dict[str, LimitSection] = Field(
        default={}, description="Limits by scheme (`sepa_core`) or currency (`EUR`), over GoCardless's usual ones."
    )
    no_statement_reference: tuple[str, ...] = Field(
        default=("bacs",),
        description="Schemes for which the payer's statement gets no invoice number; Bacs takes one only in some packages.",
    )
    retry: RetrySection = Field(
        default=RetrySection(), description="When a collection that failed is tried again, as a new payment."
    )
    mandate_setup: MandateSetupSection = Field(
        default=MandateSetupSection(), description="What happens with customers that have no mandate to collect from."
    )

    @model_validator(mode="after")
    def _known_limits(self) -> Self:
        unknown = sorted(set(self.limits) - set(SCHEMES) - CURRENCIES)
        if unknown:
            known = ", ".join([*sorted(SCHEMES), *sorted(CURRENCIES)])
            raise ValueError(f"limits: {', '.join(unknown)} is neither scheme nor currency; known: {known}")
        return self

    @property
    def rules(self) -> CollectionSettings:
        """The same choices as the pure rules take them."""
        limits = {
            name: Limits(minor_units(each.smallest), minor_units(each.largest)) for name, each in self.limits.items()
        }
        return CollectionSettings(
            window_days=self.window_days,
            credit_notes=self.credit_notes,
            smallest=minor_units(self.smallest),
            largest=minor_units(self.largest),
            grouped=self.mode == "grouped",
            issued_from=self.issued_from,
            document_types=frozenset(self.document_types),
            retry=RetryPolicy(self.retry.attempts, self.retry.wait_days, frozenset(self.retry.causes)),
            limits=LimitSettings(
                by_scheme={name: each for name, each in limits.items() if name in SCHEMES},
                by_currency={name: each for name, each in limits.items() if name in CURRENCIES},
            ),
            no_statement_reference=frozenset(self.no_statement_reference),
        )

    def setup_policy(self, creditor: str | None) -> SetupPolicy:
        section = self.mandate_setup
        return SetupPolicy(
            section.mode,
            section.redirect_uri,
            section.exit_uri,
            section.description,
            creditor or "",
            section.direct_needs_signed_mandate,
        )


def minor_units(amount: Decimal | None) -> int | None:
    return None if amount is None else Money.from_major(amount, "EUR").minor
