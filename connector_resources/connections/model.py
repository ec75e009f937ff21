"""The connection file as a schema: one GoCardless organisation tied to one ERP company.

Credentials are never in the file; the fields that need one hold the name under which the vault keeps it.
"""

from __future__ import annotations

from datetime import date
from typing import Literal, Protocol, Self, runtime_checkable
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from bookkeeping.customer_rules import CustomerPolicy
from bookkeeping.matching import EVIDENCE, Evidence
from bookkeeping.postings import SALES_KINDS
from bookkeeping.settings import BookSettings
from connector_resources.connections.alerts import AlertsSection
from connector_resources.connections.collections import CollectionsSection
from connector_resources.connections.section import Section, VaultName, refuse
from connector_resources.connections.subscriptions import SubscriptionsSection
from connector_resources.erp.contract import Traits
from connector_resources.erp.registry import ErpSettings, erp_kind

CONNECTION_NAME = r"^[a-z][a-z0-9_]{1,39}$"

API_BASE = {"live": "https://api.gocardless.com", "sandbox": "https://api-sandbox.gocardless.com"}
OAUTH_BASE = {"live": "https://connect.gocardless.com", "sandbox": "https://connect-sandbox.gocardless.com"}
DASHBOARD_BASE = {"live": "https://manage.gocardless.com", "sandbox": "https://manage-sandbox.gocardless.com"}


class PartnerApp(Section):
    """A GoCardless partner app (OAuth) instead of a direct access token."""

    client_id: VaultName = Field(default="gocardless_client_id", description="Vault name of the app's client id.")
    client_secret: VaultName = Field(default="gocardless_client_secret", description="Vault name of its secret.")
    connect_url: str | None = Field(default=None, description="OAuth address; default follows the environment.")


class GoCardlessSection(Section):
    """How to reach GoCardless and how to trust its webhooks (gocardless.md sections 1 and 7)."""

    environment: Literal["live", "sandbox"] = Field(description="Which GoCardless environment the token belongs to.")
    base_url: str | None = Field(default=None, description="API address; default follows the environment.")
    access_token: VaultName = Field(default="gocardless_access_token", description="Vault name of the access token.")
    webhook_secrets: tuple[VaultName, ...] = Field(
        default=("gocardless_webhook_secret",),
        description="Vault names of all webhook secrets that are valid now; two while a secret is being rotated.",
    )
    partner_app: PartnerApp | None = Field(default=None, description="Set it to connect through a partner app.")
    organisation: str | None = Field(default=None, description="OR… id; routes a partner app's shared webhook.")
    creditor: str | None = Field(default=None, description="CR… id, when the account holds several creditors.")
    requests_per_minute: int = Field(
        default=1000, ge=1, description="GoCardless's limit for this token; fewer leave some to other programs."
    )

    @property
    def api_base(self) -> str:
        return self.base_url or API_BASE[self.environment]

    @property
    def dashboard_base(self) -> str:
        return DASHBOARD_BASE[self.environment]

    @property
    def connect_base(self) -> str:
        configured = self.partner_app.connect_url if self.partner_app else None
        return configured or OAUTH_BASE[self.environment]


class BooksSection(Section):
    """When and how occurrences become postings (gocardless.md section 11)."""

    time_zone: str = Field(description="IANA zone of the company; activity days and document dates follow it.")
    cut_over: date = Field(description="First activity day that is posted. Earlier facts are shown, never posted.")
    receipt_trigger: Literal["confirmed", "paid_out"] = Field(
        default="confirmed", description="Which payment event makes the cash receipt."
    )
    post_transient_pairs: bool = Field(
        default=False, description="Post a receipt and its reversal even when both are learnt together."
    )
    invoice_references: tuple[str, ...] = Field(
        default=("metadata:invoice", "reference", "description"),
        description="Where a payment names its invoice, best first: metadata:<key>, reference, description.",
    )
    rounding: Literal["fee", "rounding_account"] = Field(
        default="fee", description="What absorbs a half minor unit of a payout."
    )
    partner_income: Literal["other_income", "suspense"] = Field(
        default="other_income",
        description="Which account role a partner payout or a revenue share is booked on: suspense leaves it to a person.",
    )
    closed_through: date | None = Field(
        default=None, description="Last day of the closed periods, if you keep it here."
    )
    closed_period: Literal["hold", "next_open_day"] = Field(
        default="hold", description="What happens to a posting dated in a closed period."
    )

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError) as error:
            raise ValueError(f"{value!r} is not an IANA time zone such as Europe/Berlin") from error
        return value


class CustomersSection(Section):
    """How GoCardless customers find their ERP customer, and what either side is told of the other."""

    metadata_keys: tuple[str, ...] = Field(
        default=("erp_customer",),
        description="Keys of customer metadata that may hold the ERP customer number; the first is the one we write.",
    )
    match_by: tuple[Evidence, ...] = Field(
        default=EVIDENCE,
        min_length=1,
        description="Which evidence makes a GoCardless customer an ERP customer, in the order in which it is tried: the link "
        "that the ERP stores, a number in the metadata, the same e-mail, the same name. What is left out is not believed.",
    )
    to_gocardless: Literal["off", "number", "details"] = Field(
        default="off",
        description="What GoCardless is told of linked customers: nothing, the ERP customer number (in the metadata), or "
        "also changes of name, e-mail and address made in the ERP.",
    )
    register_new: bool = Field(
        default=False,
        description="Make every active ERP customer with an e-mail address known at GoCardless, which must have approved that. "
        "Without it a customer is registered by the page on which it sets up a mandate.",
    )
    to_erp: Literal["link", "details"] = Field(
        default="link",
        description="What the ERP is told of linked customers: who they are in GoCardless, or also changes of name, "
        "e-mail and address made there.",
    )

    @model_validator(mode="after")
    def _has_a_key(self) -> Self:
        wanting = {"to_gocardless": self.to_gocardless != "off", "register_new": self.register_new}
        refuse(
            f"{name} needs a key in metadata_keys that holds the ERP customer number"
            for name, needs_a_key in wanting.items()
            if needs_a_key and not self.metadata_keys
        )
        return self

    @property
    def policy(self) -> CustomerPolicy:
        """The same choices as the pure rules take them."""
        return CustomerPolicy(self.to_gocardless, self.to_erp, next(iter(self.metadata_keys), ""))


class PollingSection(Section):
    """How often remote systems are asked, next to their webhooks."""

    events_every_s: int = Field(default=300, ge=5, description="Seconds between polls of the GoCardless events.")
    overlap_minutes: int = Field(default=60, ge=1, description="How far each poll reaches back over the last one.")
    erp_every_minutes: int = Field(default=60, ge=1, description="Minutes between polls of the ERP's changes.")
    sweep_days: int = Field(default=3, ge=1, le=31, description="Days that the nightly sweep reads again.")


class WebhookSection(Section):
    """The receiver's answers for this connection."""

    invalid_signature_status: Literal[401, 498] = Field(
        default=401, description="Answer to a bad signature; GoCardless retries on either."
    )
    keep_bodies_days: int = Field(
        default=365,
        ge=1,
        description="How long raw bodies of webhooks are kept: the nightly sweep and `connector prune` empty older ones; "
        "hashes stay.",
    )


@runtime_checkable
class HasCreditors(Protocol):
    """Settings of an ERP with several companies, each with a GoCardless creditor of its own."""

    def company_of_customer(self, customer: str) -> str:
        """The company that an ERP customer number names; "" where the connection has but one."""
        ...

    def creditor_of(self, customer: str) -> str:
        """The creditor that collects from this ERP customer; "" for a number of no company."""
        ...


def beyond_collecting(collections: CollectionsSection, traits: Traits) -> list[str]:
    """What the section asks for and an ERP with these traits cannot do; each with the setting's path in front."""
    found = []
    if collections.enabled and not traits.collects:
        found.append(f"collections.enabled: invoices of {traits.label} cannot be collected; leave it out")
    if collections.mandate_setup.mode == "direct" and not traits.knows_bank_details:
        found.append(f"collections.mandate_setup.mode: {traits.label} tells no account numbers; choose link")
    return found


def beyond_subscribing(subscriptions: SubscriptionsSection, traits: Traits) -> list[str]:
    """The same of the section on subscriptions."""
    found = []
    if subscriptions.enabled and not traits.subscribes:
        found.append(f"subscriptions.enabled: {traits.label} has no recurring charges to follow; leave it out")
    if subscriptions.sales_invoices.write != "none" and not traits.kinds >= SALES_KINDS:
        found.append(f"subscriptions.sales_invoices: {traits.label} takes no invoices from here; leave it out")
    return found


class Connection(Section):
    """One connection file."""

    name: str = Field(pattern=CONNECTION_NAME, description="Lower-case name; by default the file's name.")
    description: str = Field(default="", description="Shown in the UI.")
    owner: str = Field(default="team:finance", description="Owner shown on every asset: an e-mail or team:<name>.")
    gocardless: GoCardlessSection = Field(description="How to reach GoCardless and how to trust its webhooks.")
    erp: ErpSettings = Field(description="The ledger; `kind` says which one, and with it which settings there are.")
    ca_file: str | None = Field(
        default=None,
        description="PEM file with the private CA that the ledger's certificates are checked against, not the public ones.",
    )
    books: BooksSection = Field(description="When and how occurrences become postings.")
    customers: CustomersSection = Field(
        default=CustomersSection(), description="How GoCardless customers find their customer in the ledger."
    )
    polling: PollingSection = Field(
        default=PollingSection(), description="How often remote systems are asked, next to their webhooks."
    )
    webhook: WebhookSection = Field(default=WebhookSection(), description="The webhook receiver's answers.")
    collections: CollectionsSection = Field(
        default=CollectionsSection(), description="Which open invoices of the ledger are collected, and how."
    )
    subscriptions: SubscriptionsSection = Field(
        default=SubscriptionsSection(), description="How the ledger's recurring charges become subscriptions."
    )
    alerts: AlertsSection = Field(
        default=AlertsSection(), description="Who is told of held postings and failed runs, by e-mail and webhook."
    )

    @model_validator(mode="after")
    def _only_what_the_erp_can(self) -> Self:
        traits = erp_kind(self.erp.kind).traits
        refuse([*beyond_collecting(self.collections, traits), *beyond_subscribing(self.subscriptions, traits)])
        return self

    def creditor_of(self, customer: str) -> str:
        """The GoCardless creditor that collects from an ERP customer; "" where the account has but one."""
        if isinstance(self.erp, HasCreditors):
            return self.erp.creditor_of(customer)
        return self.gocardless.creditor or ""

    def company_of(self, customer: str) -> str:
        """The company of an ERP customer; "" where the connection has but one."""
        return self.erp.company_of_customer(customer) if isinstance(self.erp, HasCreditors) else ""

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.books.time_zone)

    @property
    def book_settings(self) -> BookSettings:
        """The same settings as the pure rules take them."""
        books = self.books
        return BookSettings(
            connection=self.name,
            time_zone=self.zone,
            cut_over=books.cut_over,
            receipt_trigger=books.receipt_trigger,
            post_transient_pairs=books.post_transient_pairs,
            invoice_references=books.invoice_references,
            rounding=books.rounding,
            closed_through=books.closed_through,
            closed_period=books.closed_period,
            partner_income=books.partner_income,
        )
