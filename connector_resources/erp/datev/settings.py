"""The DATEV part of a connection file: which client, which chart, how GoCardless is booked, which services are used.

Every field is described, because `connector init` and the documentation print the descriptions. It holds no secrets:
client id and secret lie in the vault under the names given here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from bookkeeping.postings import AccountRole, PostingKind
from connector_resources.connections.section import Section, refuse

AccountNumber = Annotated[int, Field(ge=1, le=999_999_999)]
TaxKey = Annotated[str, Field(pattern=r"^(\d{1,4})?$")]
VaultName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,59}$")]

_ROLE = AccountRole
#: role -> account of four digits (datev.md 11.1). Refunds need no account of their own: credit notes come from the
#: invoicing software, so SALES_RETURNS has none unless the connection names one.
PRESETS: Mapping[str, Mapping[AccountRole, int]] = MappingProxyType(
    {
        "skr03": MappingProxyType(
            {
                _ROLE.BANK: 1200,
                _ROLE.CLEARING: 1360,
                _ROLE.FEES: 4970,
                _ROLE.SURCHARGES: 4970,
                _ROLE.PARTNER_FEES: 4970,
                _ROLE.ROUNDING: 4970,
                _ROLE.INPUT_VAT: 1576,
                _ROLE.SUSPENSE: 1700,
                _ROLE.OTHER_INCOME: 1700,
            }
        ),
        "skr04": MappingProxyType(
            {
                _ROLE.BANK: 1800,
                _ROLE.CLEARING: 1460,
                _ROLE.FEES: 6855,
                _ROLE.SURCHARGES: 6855,
                _ROLE.PARTNER_FEES: 6855,
                _ROLE.ROUNDING: 6855,
                _ROLE.INPUT_VAT: 1406,
                _ROLE.SUSPENSE: 3500,
                _ROLE.OTHER_INCOME: 3500,
            }
        ),
    }
)
#: accounts without a posting role of their own: loss and gain share FX_DIFFERENCE, and so on (datev.md 11.1).
FX_LOSS = {"skr03": 2150, "skr04": 6880}
FX_GAIN = {"skr03": 2660, "skr04": 4840}
REVERSE_CHARGE = {"skr03": 3123, "skr04": 5923}
PROCESSOR = {"skr03": 1201, "skr04": 1801}
REVENUE = {"skr03": 8400, "skr04": 4400}
#: accounts that bring their own tax key; another key on them is an error (datev.md 3.4).
AUTOMATIC = {
    "skr03": frozenset({3123, 3125, 8300, 8336, 8400}),
    "skr04": frozenset({4300, 4336, 4400, 5923, 5925}),
}
#: roles a connection must map itself when its accounts are longer than those of the presets.
NEEDED = (_ROLE.BANK, _ROLE.CLEARING, _ROLE.FEES, _ROLE.SUSPENSE)
#: SKR03 1460 is an ordinary account; Geldtransit is 1360 there (datev.md 9).
NOT_TRANSIT_IN_SKR03 = "1460"

ADDRESSES: Mapping[str, Mapping[str, str]] = {
    "production": {
        "authorize": "https://login.datev.de/openid/authorize",
        "token": "https://api.datev.de/token",
        "revoke": "https://api.datev.de/revoke",
        "userinfo": "https://api.datev.de/userinfo",
        "clients": "https://accounting-clients.api.datev.de/platform/v2",
        "extf_files": "https://accounting-extf-files.api.datev.de/platform/v3",
        "documents": "https://accounting-documents.api.datev.de/platform/v2",
        "dxso_jobs": "https://accounting-dxso-jobs.api.datev.de/platform/v2",
    },
    "sandbox": {
        "authorize": "https://login.datev.de/openidsandbox/authorize",
        "token": "https://sandbox-api.datev.de/token",
        "revoke": "https://sandbox-api.datev.de/revoke",
        "userinfo": "https://sandbox-api.datev.de/userinfo",
        "clients": "https://accounting-clients.api.datev.de/platform-sandbox/v2",
        "extf_files": "https://accounting-extf-files.api.datev.de/platform-sandbox/v3",
        "documents": "https://accounting-documents.api.datev.de/platform-sandbox/v2",
        "dxso_jobs": "https://accounting-dxso-jobs.api.datev.de/platform-sandbox/v2",
    },
}


class DatevAddresses(Section):
    """Addresses that differ from DATEV's published ones; an empty field follows `environment` (datev.md 1.1, 2)."""

    authorize: str | None = Field(default=None, description="Page on which a person gives consent.")
    token: str | None = Field(default=None, description="Token endpoint.")
    revoke: str | None = Field(default=None, description="Revocation endpoint.")
    userinfo: str | None = Field(default=None, description="Endpoint that names the person who gave consent.")
    clients: str | None = Field(default=None, description="accounting-clients, up to and with the version.")
    extf_files: str | None = Field(default=None, description="accounting-extf-files, up to and with the version.")
    documents: str | None = Field(default=None, description="accounting-documents, up to and with the version.")
    dxso_jobs: str | None = Field(default=None, description="accounting-dxso-jobs, up to and with the version.")


class DocumentService(Section):
    """PDF vouchers for the bookings (Belegbilderservice): uploaded before the batch, linked from its rows."""

    types: dict[PostingKind, Annotated[str, Field(min_length=1, max_length=30)]] = Field(
        default={PostingKind.PAYOUT: "Sonstige"},
        description="Posting kinds that get a voucher, each with the client's document type (exact name in DATEV).",
    )
    category: str = Field(default="GoCardless", min_length=1, max_length=30, description="First filing level.")
    folder: str = Field(default="Auszahlungen", min_length=1, max_length=30, description="Second filing level.")
    register_name: str = Field(
        default="{year}-{month}",
        min_length=1,
        max_length=30,
        description="Third filing level; {year} and {month} are those of the booking date.",
    )


class DxsoService(Section):
    """Posting proposals for invoices (Rechnungsdatenservice 1.0): one per receipt that names its invoice.

    For companies whose invoices exist only through GoCardless subscriptions; switch it off when invoices reach DATEV
    another way, or revenue is proposed twice.
    """

    revenue_account: AccountNumber | None = Field(
        default=None, description="Revenue account of the proposals. Default by chart: 8400 or 4400."
    )
    tax_percent: Decimal = Field(default=Decimal("19.00"), ge=0, le=100, description="VAT rate of the proposals.")
    folder: str = Field(
        default="Ausgangsrechnungen", min_length=1, max_length=30, description="Folder name that Belege online shows."
    )


class DatevSettings(Section):
    """One client of one tax adviser in DATEV."""

    kind: Literal["datev"] = Field(description="Always datev.")
    environment: Literal["production", "sandbox"] = Field(default="production", description="Which DATEV platform.")
    addresses: DatevAddresses = Field(default=DatevAddresses(), description="Addresses other than the published ones.")
    redirect_uri: str = Field(default="", description="Redirect address exactly as registered with DATEV.")
    client_id: VaultName = Field(default="datev_client_id", description="Vault name of the app's OAuth client id.")
    client_secret: VaultName = Field(
        default="datev_client_secret", description="Vault name of the app's secret; unused by a public app."
    )
    public_app: bool = Field(default=False, description="True for an app registered without a secret.")
    refresh_client_auth: Literal["client_id", "basic"] = Field(
        default="client_id",
        description="How a refresh names the app: client_id in the form, or HTTP Basic with the secret.",
    )
    offline_access: bool = Field(
        default=False, description="True when DATEV has enabled long-lived consent (offline_access) for the app."
    )
    consent_hours: int = Field(default=11, ge=1, description="Life of a consent without offline_access, in hours.")
    consent_days: int = Field(default=183, ge=1, description="Life of a consent with offline_access, in days.")
    client_application_version: str = Field(
        default="ml-connector",
        pattern=r"^[-0-9A-Za-z_. +]{1,254}$",
        description="Shown with each upload at DATEV.",
    )

    consultant_number: int = Field(ge=1001, le=9_999_999, description="Beraternummer.")
    client_number: int = Field(ge=1, le=99_999, description="Mandantennummer.")
    chart: Literal["skr03", "skr04"] = Field(description="Chart of accounts whose default accounts are used.")
    account_length: int = Field(default=4, ge=4, le=8, description="Sachkontenlänge of the client.")
    fiscal_year_start: str = Field(
        default="01-01",
        pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])$",
        description="First day of the fiscal year as MM-DD.",
    )
    time_zone: str = Field(default="Europe/Berlin", description="IANA zone of the creation time in the file header.")
    accounts: dict[AccountRole, AccountNumber] = Field(
        default={}, description="Accounts that differ from the chart's defaults, by role."
    )
    fx_loss_account: AccountNumber | None = Field(default=None, description="Exchange losses; default by chart.")
    fx_gain_account: AccountNumber | None = Field(default=None, description="Exchange gains; default by chart.")
    processor_account: AccountNumber | None = Field(
        default=None, description="GoCardless's own account for bank_leg processor_account; default 1201 or 1801."
    )
    transit_account: AccountNumber | None = Field(
        default=None,
        description="Account between GoCardless's own account and the bank for bank_leg processor_account; "
        "default: the chart's Geldtransit.",
    )
    debtor_first: int | None = Field(default=None, description="First debtor number we may hand out; default 10000.")
    debtor_last: int | None = Field(default=None, description="Last debtor number we may hand out; default 69999.")

    bank_leg: Literal["post", "statement", "processor_account"] = Field(
        default="post",
        description="Who books the bank line of a payout: post (we do), statement (the adviser's bank statement books "
        "bank to clearing), processor_account (payouts move from an own GoCardless account to transit).",
    )
    fee_vat_mode: Literal["none", "reverse_charge_eu", "domestic_vat"] = Field(
        default="none", description="VAT on GoCardless's fees: a decision of the tax adviser."
    )
    reverse_charge_account: AccountNumber | None = Field(
        default=None, description="Automatic account for reverse-charge fees; default 3123 or 5923."
    )
    reverse_charge_key: TaxKey = Field(
        default="",
        description="BU key instead of the automatic account, such as 94 or 506; fees keep their account.",
    )
    domestic_vat_key: TaxKey = Field(default="9", description="BU key of input VAT on domestic fees.")
    domestic_vat_percent: Decimal = Field(default=Decimal(19), gt=0, le=100, description="Rate behind that key.")
    fee_service_fact: str = Field(
        default="", pattern=r"^(\d{1,3})?$", description="Column 43 (Sachverhalt L+L) beside a reverse-charge key."
    )
    fee_service_rate: str = Field(
        default="", pattern=r"^(\d{1,3})?$", description="Column 44 (Funktionsergänzung L+L) beside it, such as 190."
    )
    fee_cost_centre: str = Field(default="", pattern=r"^[0-9A-Za-z_ ]{0,36}$", description="KOST1 of fee rows.")
    automatic_accounts: frozenset[AccountNumber] = Field(
        default=frozenset(), description="Further accounts that bring their own tax key; no BU key is put on them."
    )
    belegfeld1_source: str = Field(
        default="payment_reference",
        pattern=r"^(payment_reference|payment_id|invoice|metadata:.+)$",
        description="What Belegfeld 1 holds: payment_reference, payment_id, invoice (the best reference found), or "
        "metadata:<key> of the payment. Falls back to the GoCardless id.",
    )
    order_number: bool = Field(default=False, description="True puts the GoCardless id into Auftragsnummer (95).")
    lock: bool = Field(default=False, description="Festschreibung: True locks the bookings on import.")
    closed_through: date | None = Field(
        default=None,
        description="Last day the adviser has closed. Rows up to it are booked on the day after, with the true date "
        "in Beleginfo 2.",
    )
    exchange_rates: dict[
        Annotated[str, Field(pattern=r"^[A-Z]{3}$")],
        dict[Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")], Annotated[Decimal, Field(gt=0, lt=10_000)]],
    ] = Field(
        default={},
        description="Foreign units per euro by currency and month (YYYY-MM), where GoCardless gives no rate.",
    )
    fx_difference: Literal["hold", "leave_open"] = Field(
        default="hold",
        description="Payouts converted by GoCardless whose exchange difference is not known: hold them, or leave the "
        "difference on the clearing account for the adviser's revaluation.",
    )
    label_clearing: str = Field(
        default="",
        max_length=40,
        description="Label for the clearing account, for `connector` to send once (category 20).",
    )
    documents: DocumentService | None = Field(default=None, description="Set it to upload PDF vouchers.")
    dxso: DxsoService | None = Field(default=None, description="Set it to send posting proposals for invoices.")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        problems = [*self._account_problems(), *self._debtor_problems()]
        if self.refresh_client_auth == "basic" and self.public_app:
            problems.append("refresh_client_auth basic needs a secret, and public_app says there is none")
        refuse(problems)
        return self

    def _account_problems(self) -> list[str]:
        problems = []
        if self.account_length != 4 and (missing := [role.value for role in NEEDED if role not in self.accounts]):
            problems.append(
                f"the default accounts have 4 digits and account_length is {self.account_length}: "
                f"name the accounts of {', '.join(missing)} in accounts"
            )
        clearing = self.accounts.get(AccountRole.CLEARING, 0)
        if self.chart == "skr03" and str(clearing).rstrip("0") == NOT_TRANSIT_IN_SKR03.rstrip("0"):
            problems.append(f"{clearing} is not Geldtransit in SKR03: use 1360 (1460 is Geldtransit in SKR04 only)")
        problems += [
            f"account {number} of {role.value} is longer than account_length {self.account_length}"
            for role, number in self.accounts.items()
            if len(str(number)) > self.account_length
        ]
        if AccountRole.RECEIVABLE in self.accounts:
            problems.append(
                "accounts must not map receivable: receipts go to the debtor, never to the collective account"
            )
        return problems

    def _debtor_problems(self) -> list[str]:
        first, last = self.customer_number_range
        if len(str(first)) == len(str(last)) == self.account_length + 1 and first <= last < 7 * 10**self.account_length:
            return []
        return [
            f"debtor numbers {first} to {last} must have {self.account_length + 1} digits, rise, and end below "
            f"{7 * 10**self.account_length}"
        ]

    @property
    def datev_client(self) -> str:
        """The client id of DATEV's paths: consultant and client number (datev.md 2.1)."""
        return f"{self.consultant_number}-{self.client_number}"

    @property
    def customer_number_range(self) -> tuple[int, int]:
        """First and last debtor number that may be handed out."""
        unit = 10**self.account_length
        first = unit if self.debtor_first is None else self.debtor_first
        last = 7 * unit - 1 if self.debtor_last is None else self.debtor_last
        return first, last

    @property
    def scopes(self) -> tuple[str, ...]:
        """Only what the switched-on services need (datev.md 1.5)."""
        scopes = ["openid", "profile", "datev:accounting:clients", "datev:accounting:extf-files-import"]
        if self.documents or self.dxso:
            scopes.append("accounting:clients:read")
        if self.documents:
            scopes.append("accounting:documents")
        if self.dxso:
            scopes.append("accounting:dxso-jobs")
        if self.offline_access:
            scopes.append("offline_access")
        return tuple(scopes)

    @property
    def consent_life(self) -> timedelta:
        """How long a consent lasts by DATEV's word; sources disagree on offline_access (datev.md 1.3)."""
        return timedelta(days=self.consent_days) if self.offline_access else timedelta(hours=self.consent_hours)

    def address(self, name: str) -> str:
        """The address called `name` in `DatevAddresses`, without a slash at its end."""
        configured: str | None = getattr(self.addresses, name)
        return (configured or ADDRESSES[self.environment][name]).rstrip("/")

    def account(self, role: AccountRole) -> int | None:
        """The account of a role as configured, or the chart's; None when there is neither."""
        own = self.accounts.get(role)
        return own if own is not None else self._preset(PRESETS[self.chart].get(role))

    def _preset(self, number: int | None) -> int | None:
        return number if self.account_length == 4 else None

    @property
    def fx_loss(self) -> int | None:
        return self.fx_loss_account or self.accounts.get(AccountRole.FX_DIFFERENCE) or self._preset(FX_LOSS[self.chart])

    @property
    def fx_gain(self) -> int | None:
        return self.fx_gain_account or self.accounts.get(AccountRole.FX_DIFFERENCE) or self._preset(FX_GAIN[self.chart])

    @property
    def reverse_charge(self) -> int | None:
        return self.reverse_charge_account or self._preset(REVERSE_CHARGE[self.chart])

    @property
    def own_processor_account(self) -> int | None:
        return self.processor_account or self._preset(PROCESSOR[self.chart])

    @property
    def revenue(self) -> int | None:
        own = self.dxso.revenue_account if self.dxso else None
        return own or self._preset(REVENUE[self.chart])

    @property
    def automatic(self) -> frozenset[int]:
        """Accounts that must not carry a tax key."""
        preset = AUTOMATIC[self.chart] if self.account_length == 4 else frozenset()
        extra = {self.reverse_charge_account} if self.reverse_charge_account else frozenset()
        return preset | self.automatic_accounts | extra

    def clearing_account(self) -> int | None:
        """Where confirmed payments wait: Geldtransit, or GoCardless's own account (datev.md 11.1, `bank_leg`)."""
        return (
            self.own_processor_account if self.bank_leg == "processor_account" else self.account(AccountRole.CLEARING)
        )

    def bank_account(self) -> int | None:
        """The account a payout moves to: the bank, the clearing account itself, or transit."""
        if self.bank_leg == "statement":
            return self.clearing_account()
        if self.bank_leg == "processor_account":
            return self.transit_account or self.account(AccountRole.CLEARING)
        return self.account(AccountRole.BANK)
