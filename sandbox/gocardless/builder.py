"""Makes new records with every key that GoCardless shows, already in the world and announced by their events.

Callers have validated: the API handlers do it for requests, the played month and the bulk loader know what they ask
for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from sandbox.gocardless.payment_states import IllegalStep
from sandbox.gocardless.records import Record
from sandbox.gocardless.schemes import DEBIT_SCHEME_OF_COUNTRY, scheme_of, set_up_days
from sandbox.gocardless.settlement import PriceList
from sandbox.gocardless.timestamps import stamp
from sandbox.gocardless.working_days import add_working_days

if TYPE_CHECKING:
    from sandbox.gocardless.world import World

CUSTOMER_FIELDS = (
    "address_line1", "address_line2", "address_line3", "city", "company_name", "country_code", "danish_identity_number",
    "email", "family_name", "given_name", "language", "phone_number", "postal_code", "region",
    "swedish_identity_number",
)  # fmt: skip

_PAYOUT_ACCOUNTS = ("aud", "cad", "dkk", "eur", "gbp", "nzd", "sek", "usd")


class Builder:
    """One method a resource; each returns the new record."""

    def __init__(self, world: World) -> None:
        self.world = world

    def creditor(
        self,
        name: str,
        country_code: str,
        *,
        accounts: Sequence[str] = ("GBP", "EUR"),
        fx_payout_currency: str | None = None,
        prefix: str = "ACME",
        prices: PriceList | None = None,
        verification_status: str = "successful",
    ) -> Record:
        """A merchant with one payout account per currency of `accounts`; other currencies go to
        `fx_payout_currency`.
        """
        now = stamp(self.world.now())
        identity = self.world.ids.new("creditors")
        links = {}
        for currency in accounts:
            links[f"default_{currency.lower()}_payout_account"] = self._payout_account(
                identity, name, country_code, currency
            )
        body: dict[str, Any] = {
            "id": identity, "created_at": now, "name": name, "country_code": country_code,
            "address_line1": "1 Market Street", "address_line2": None, "address_line3": None, "city": "London",
            "region": None, "postal_code": "EC1A 1AA", "bank_reference_prefix": prefix, "can_create_refunds": True,
            "creditor_type": "company", "custom_payment_pages_enabled": True, "fx_payout_currency": fx_payout_currency,
            "links": links, "logo_url": None, "mandate_imports_enabled": True,
            "merchant_responsible_for_notifications": False,
            "scheme_identifiers": [self._scheme_identifier(name, scheme) for scheme in ("bacs", "sepa_core")],
            "verification_status": verification_status,
        }  # fmt: skip
        return self.world.creditors.add(Record(identity, now, body, hidden={"prices": prices or PriceList()}))

    def customer(self, fields: Mapping[str, Any], metadata: Mapping[str, str] | None = None) -> Record:
        now = stamp(self.world.now())
        body: dict[str, Any] = {name: fields.get(name) for name in CUSTOMER_FIELDS}
        body.update(
            id=self.world.ids.new("customers"),
            created_at=now,
            language=fields.get("language") or "en",
            metadata=dict(metadata or {}),
        )
        return self.world.customers.add(Record(body["id"], now, body))

    def bank_account(
        self,
        customer: str,
        holder: str,
        identity: str,
        *,
        country_code: str,
        currency: str,
        ending: str,
        account_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Record:
        """`identity` is the normalised account (IBAN or local details), kept hidden to find duplicates."""
        now = stamp(self.world.now())
        body: dict[str, Any] = {
            "id": self.world.ids.new("customer_bank_accounts"), "created_at": now,
            "account_holder_name": holder.upper(),
            "account_number_ending": ending, "account_type": account_type,
            "bank_account_token": f"bat_{self.world.ids.letters('token', 16).lower()}",
            "bank_name": "SANDBOX BANK", "country_code": country_code, "currency": currency, "enabled": True,
            "links": {"customer": customer}, "metadata": dict(metadata or {}), "payer_name_verification_result": None,
            "trusted_recipient": False,
        }  # fmt: skip
        return self.world.customer_bank_accounts.add(Record(body["id"], now, body, hidden={"identity": identity}))

    def mandate(
        self,
        account: Record | None,
        creditor: str,
        *,
        scheme: str | None = None,
        reference: str | None = None,
        metadata: Mapping[str, str] | None = None,
        status: str = "pending_submission",
        funds_settlement: str = "managed",
        parent: Record | None = None,
    ) -> Record:
        if account is None:
            raise IllegalStep("a mandate needs a bank account")
        now, name = stamp(self.world.now()), scheme or DEBIT_SCHEME_OF_COUNTRY[account.body["country_code"]]
        body: dict[str, Any] = {
            "id": self.world.ids.new("mandates"), "created_at": now, "authorisation_source": "web",
            "consent_parameters": None, "consent_type": None, "funds_settlement": funds_settlement,
            "links": {"creditor": creditor, "customer": account.links["customer"], "customer_bank_account": account.id},
            "mandate_type": "bank_debit", "metadata": dict(metadata or {}),
            "next_possible_charge_date": self.next_charge_date(name, status).isoformat(),
            "next_possible_standard_ach_charge_date": None,
            "payments_require_approval": False,
            "reference": reference or self.world.ids.letters("mandate reference", 10),
            "scheme": name, "status": status, "verified_at": now if status == "active" else None,
        }  # fmt: skip
        mandate = self.world.mandates.add(Record(body["id"], now, body))
        self.world.emit(
            mandate, "mandates", "created",
            cause="mandate_created", origin="api", description="Mandate created.", parent=parent,
        )  # fmt: skip
        if status == "pending_submission":
            self.world.autopilot.enrol_mandate(mandate)
        return mandate

    def next_charge_date(self, scheme_name: str, status: str) -> date:
        """The earliest day on which a mandate of that scheme and status can be charged."""
        scheme = scheme_of(scheme_name)
        return add_working_days(self.world.today(), scheme.charged + set_up_days(scheme, status), scheme.calendar)

    def payment(
        self,
        mandate: Record,
        amount: int,
        currency: str,
        *,
        charge_date: date | None = None,
        description: str | None = None,
        reference: str | None = None,
        metadata: Mapping[str, str] | None = None,
        app_fee: int | None = None,
        retry_if_possible: bool = False,
        links: Mapping[str, str] | None = None,
        hidden: Mapping[str, Any] | None = None,
        cause: str = "payment_created",
        origin: str = "api",
        parent: Record | None = None,
    ) -> Record:
        """`hidden` may hold a `fate`. The calendar's charge date replaces `charge_date` when that is no working day."""
        approval = mandate.status == "pending_customer_approval"
        body = self._payment_body(str(mandate.links["creditor"]), amount, currency, str(mandate.body["scheme"]))
        body.update(
            app_fee=app_fee,
            description=description,
            links={"mandate": mandate.id, **body["links"], **(links or {})},
            metadata=dict(metadata or {}),
            reference=reference,
            retry_if_possible=retry_if_possible,
            status="pending_customer_approval" if approval else "pending_submission",
        )
        kept = {"customer": mandate.links["customer"], "charge_date_wish": charge_date, **(hidden or {})}
        return self._add_payment(body, kept, cause, origin, parent)

    def instant_payment(
        self, creditor: str, customer: str, amount: int, currency: str, scheme: str, description: str | None
    ) -> Record:
        """A pay-by-bank payment of a billing request: it has no mandate."""
        body = self._payment_body(creditor, amount, currency, scheme)
        body["description"] = description
        return self._add_payment(body, {"customer": customer}, "payment_created", "api", None)

    def _payment_body(self, creditor: str, amount: int, currency: str, scheme: str) -> dict[str, Any]:
        owner = self.world.creditors.known(creditor)
        fx_currency = self.world.payout_account(owner, currency)[1] if owner else None
        return {
            "id": self.world.ids.new("payments"), "created_at": stamp(self.world.now()), "amount": amount,
            "amount_refunded": 0, "app_fee": None, "charge_date": None, "currency": currency, "description": None,
            "faster_ach": False, "fx": self.world.fx_estimate(currency, fx_currency), "links": {"creditor": creditor},
            "metadata": {}, "reference": None, "retry_if_possible": False, "scheme": scheme,
            "status": "pending_submission",
        }  # fmt: skip

    def _add_payment(
        self, body: dict[str, Any], hidden: dict[str, Any], cause: str, origin: str, parent: Record | None
    ) -> Record:
        payment = self.world.payments.add(Record(body["id"], body["created_at"], body, hidden=hidden))
        self.world.autopilot.enrol_payment(payment)
        self.world.emit(
            payment, "payments", "created", cause=cause, origin=origin, description="Payment created.", parent=parent
        )
        return payment

    def refund(
        self,
        amount: int,
        *,
        payment: Record | None = None,
        mandate: Record | None = None,
        reference: str | None = None,
        metadata: Mapping[str, str] | None = None,
        fate: str | None = None,
    ) -> Record:
        """Of a payment, or against a mandate. The money leaves the balance at once."""
        source = payment or mandate
        if source is None:
            raise IllegalStep("a refund needs a payment or a mandate")
        now = stamp(self.world.now())
        currency = payment.body["currency"] if payment else scheme_of(str(source.body["scheme"])).currency
        body: dict[str, Any] = {
            "id": self.world.ids.new("refunds"), "created_at": now, "amount": amount, "currency": currency, "fx": None,
            "links": {"payment": payment.id} if payment else {"mandate": source.id}, "metadata": dict(metadata or {}),
            "reference": reference, "status": "created",
        }  # fmt: skip
        hidden = {"creditor": source.links["creditor"], "fate": fate}
        refund = self.world.refunds.add(Record(body["id"], now, body, hidden=hidden))
        self.world.refund_states.created(refund)
        return refund

    def _payout_account(self, creditor: str, name: str, country_code: str, currency: str) -> str:
        now = stamp(self.world.now())
        body: dict[str, Any] = {
            "id": self.world.ids.new("creditor_bank_accounts"), "created_at": now, "account_holder_name": name.upper(),
            "account_number_ending": self.world.ids.letters("ending", 2), "account_type": None,
            "bank_name": "SANDBOX BANK", "country_code": country_code, "currency": currency, "enabled": True,
            "links": {"creditor": creditor},
            "metadata": {}, "verification_status": "successful",
        }  # fmt: skip
        return self.world.creditor_bank_accounts.add(Record(body["id"], now, body)).id

    def _scheme_identifier(self, name: str, scheme_name: str) -> dict[str, Any]:
        return {
            "address_line1": "1 Market Street", "address_line2": None, "address_line3": None,
            "can_specify_mandate_reference": False, "city": "London", "country_code": "GB",
            "created_at": stamp(self.world.now()), "currency": scheme_of(scheme_name).currency,
            "email": "payments@example.com",
            "id": self.world.ids.new("scheme_identifiers"), "minimum_advance_notice": 3,
            "name": name, "phone_number": "+44 20 1234 1234", "postal_code": "EC1A 1AA",
            "reference": self.world.ids.letters("scheme identifier", 6), "region": None, "scheme": scheme_name,
            "status": "active",
        }  # fmt: skip
