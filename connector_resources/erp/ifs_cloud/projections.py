"""Where IFS Cloud keeps what we read and write: projections, sets and members, as data that a connection file may override.

Every tenant has another set of projections (ifs_cloud.md section 0, fact 2). The defaults are those of section 7.1; which of
them hold is what `checks` asks the tenant's `$metadata`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from connector_resources.connections.section import Section
from connector_resources.erp.ifs_cloud.odata import text

Layer = Literal["main", "int", "b2b"]

PROJECTION_ROOT, ENTITY_ROOT = "ifsapplications/projection/v1", "ifsapplications/entity/v1"


class Projection(Section):
    """One set of one service. `fields` maps our word to the member's name; a word left empty is not used."""

    layer: Layer = Field(default="main", description="Part of the address before the service: main, int or b2b.")
    kind: Literal["projection", "entity"] = Field(
        default="projection", description="A projection, or an Entity Service (which must be activated first)."
    )
    service: str = Field(pattern=r"^\w+$", description="Name of the service without `.svc`.")
    root: str = Field(
        default="", pattern=r"^(/.*)?$", description="Path of the service, where it stands elsewhere than IFS has it."
    )
    namespace: str = Field(default="", description="Namespace of its types and actions. Default: IfsApp.<service>.")
    set: str = Field(pattern=r"^\w+$", description="Name of the entity set.")
    array: str = Field(default="", pattern=r"^\w*$", description="Navigation array below one entity of the set.")
    fields: dict[str, str] = Field(default={}, description="Our word for a member -> its name in this set.")
    enums: dict[str, str] = Field(default={}, description="Our word for a member -> its enumeration type.")
    filter: str = Field(default="", description="Condition that every read adds, as OData writes it.")
    orderby: tuple[str, ...] = Field(default=(), description="Members that order a read: the whole key.")
    numbers: tuple[str, ...] = Field(default=(), description="Members of the key that are numbers.")
    modified_field: str = Field(default="", description="Member with the time of the last change, if there is one.")

    @property
    def service_path(self) -> str:
        """The service's root with its final slash, relative to the host."""
        if self.root:
            return f"{self.root.rstrip('/')}/"
        root = ENTITY_ROOT if self.kind == "entity" else PROJECTION_ROOT
        return f"/{self.layer}/{root}/{self.service}.svc/"

    @property
    def types(self) -> str:
        """The namespace of its enumerations and actions (section 2.2)."""
        return self.namespace or f"IfsApp.{self.service}"

    @property
    def path(self) -> str:
        return self.service_path + self.set

    def member(self, word: str) -> str:
        """The member behind our word; "" where the map leaves it out."""
        return self.fields.get(word, "")

    def enumeration(self, word: str, value: str) -> str:
        """The qualified literal of an enumeration value (section 3); a plain string where no type is named."""
        kind = self.enums.get(word)
        return f"{self.types}.{kind}{text(value)}" if kind else text(value)

    def equals(self, word: str, value: str) -> str:
        """A condition on one value of an enumeration; "" where the set has no such member."""
        member = self.member(word)
        return f"{member} eq {self.enumeration(word, value)}" if member else ""

    def key_of(self, row: Mapping[str, Any]) -> str:
        """The key predicate of a row, from the members that `orderby` names."""
        kinds = {member: self.enums[word] for word, member in self.fields.items() if word in self.enums}
        parts = []
        for member in self.orderby:
            value = str(row.get(member) if row.get(member) is not None else "")
            if kinds.get(member):
                value = f"{self.types}.{kinds[member]}{text(value)}"
            elif member not in self.numbers:
                value = text(value)
            parts.append(f"{member}={value}")
        return f"({','.join(parts)})"


def entity_service(lu: str, **others: Any) -> dict[str, Any]:
    """The Entity Service of a logical unit, by the rule `<Lu>Entity.svc/<Lu>Set` (section 2.1)."""
    return {"layer": "int", "kind": "entity", "service": f"{lu}Entity", "set": f"{lu}Set", **others}


_OPEN_ITEMS = {
    "company": "Company", "customer": "Identity", "series": "LedgerItemSeriesId", "number": "LedgerItemId",
    "version": "LedgerItemVersion", "full": "FullCurrAmount", "cleared": "ClearedCurrAmount", "currency": "Currency",
    "state": "Objstate", "due": "DueDate", "issued": "LedgerDate", "party": "PartyType",
}  # fmt: skip
_INVOICES = {
    "company": "Company", "id": "InvoiceId", "series": "SeriesId", "number": "InvoiceNo", "customer": "Identity",
    "pay_term": "PayTermId", "due": "DueDate", "issued": "InvoiceDate", "currency": "Currency",
}  # fmt: skip
_EMAIL = {"id": "CommId", "value": "Value", "default": "MethodDefault"}
_ADDRESS = {
    "id": "AddressId", "address_line1": "Address1", "address_line2": "Address2", "address_line3": "Address3",
    "city": "City", "postal_code": "ZipCode", "valid_from": "ValidFrom", "valid_to": "ValidTo",
}  # fmt: skip
_ADDRESS_USE = {"address": "AddressId", "use": "AddressTypeCode", "default": "DefAddress"}
_BELOW_CUSTOMER = {"service": "CustomerHandling", "set": "CustomerInfoSet"}
_VOUCHER_ROW = {
    "company": "Company", "year": "AccountingYear", "type": "VoucherType", "number": "VoucherNo", "row": "RowNo",
    "account": "Account", "currency": "CurrencyCode", "debit": "CurrencyDebetAmount", "credit": "CurrencyCreditAmount",
    "serie": "ReferenceSerie", "reference": "ReferenceNumber", "text": "Text", "date": "VoucherDate",
}  # fmt: skip

#: our name -> the set as the sheet has it (section 7.1).
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "companies": {
        "service": "UserRelatedData", "set": "CompanyFinances",
        "fields": {"company": "Company", "description": "Description", "currency": "CurrencyCode"},
    },
    "customers": {
        "service": "CustomerHandling", "set": "CustomerInfoSet", "orderby": ("CustomerId",),
        "fields": {"customer": "CustomerId", "name": "Name", "country": "CountryCode", "one_time": "OneTime",
                   "vat": "", "email": "", "gocardless_customer": "", "mandate": ""},
    },
    "customer_companies": entity_service(
        "IdentityPayInfo", orderby=("Company", "Identity", "PartyType"), enums={"party": "PartyType"},
        fields={"company": "Company", "customer": "Identity", "party": "PartyType"},
    ),
    "customer_emails": entity_service(
        "CommMethod", fields={"customer": "Identity", "party": "PartyType", **_EMAIL}, enums={"party": "PartyType"},
        orderby=("PartyType", "Identity", "CommId"), numbers=("CommId",),
    ),
    "customer_addresses": entity_service(
        "CustomerInfoAddress", fields={"customer": "CustomerId", **_ADDRESS}, orderby=("CustomerId", "AddressId"),
    ),
    "customer_address_types": entity_service(
        "CustomerInfoAddressType", fields={"customer": "CustomerId", **_ADDRESS_USE},
        orderby=("CustomerId", "AddressId", "AddressTypeCode"),
    ),
    "customer_email_array": {
        **_BELOW_CUSTOMER, "array": "CommunicationMethods", "fields": _EMAIL, "orderby": ("CommId",),
        "numbers": ("CommId",),
    },
    "customer_address_array": {
        **_BELOW_CUSTOMER, "array": "CustomerInfoAddresses", "fields": _ADDRESS, "orderby": ("CustomerId", "AddressId"),
    },
    "customer_address_type_array": {
        **_BELOW_CUSTOMER, "array": "AddressTypes", "fields": _ADDRESS_USE, "orderby": ("AddressTypeCode",),
    },
    "history": {
        "service": "HistoryLogHandling", "set": "HistoryLogOverviewSet", "orderby": ("LogId",),
        "fields": {"id": "LogId", "unit": "LuName", "at": "TimeStamp", "keys": "Keys"},
    },
    "open_items": entity_service(
        "LedgerItem", fields=_OPEN_ITEMS, enums={"party": "PartyType", "state": "LedgerItemState"},
        orderby=("Company", "Identity", "PartyType", "LedgerItemSeriesId", "LedgerItemId", "LedgerItemVersion"),
        numbers=("LedgerItemVersion",),
    ),
    "invoices": {
        "service": "InstantInvoiceHandling", "set": "InstantInvoiceSet", "fields": _INVOICES,
        "orderby": ("Company", "InvoiceId"), "numbers": ("InvoiceId",),
    },
    "order_invoices": {
        "service": "CustomerOrderInvoiceHandling", "set": "CustomerOrderInvHeadSet", "fields": _INVOICES,
        "orderby": ("Company", "InvoiceId"), "numbers": ("InvoiceId",),
    },
    "payment_terms": {
        "service": "PaymentTermsHandling", "set": "PaymentTermSet", "orderby": ("Company", "PayTermId"),
        "fields": {"company": "Company", "term": "PayTermId", "blocked": "BlockForDirectDebiting"},
    },
    "payment_ways": entity_service(
        "PaymentWayPerIdentity", orderby=("Company", "Identity", "PartyType", "WayId"), enums={"party": "PartyType"},
        fields={"company": "Company", "customer": "Identity", "party": "PartyType", "way": "WayId"},
    ),
    "proposals": {
        "service": "CustomerPaymentProposalsHandling", "set": "CustPaymentProposalSet",
        "orderby": ("Company", "ProposalId"), "numbers": ("ProposalId",), "enums": {"state": "ProposalState"},
        "fields": {"company": "Company", "proposal": "ProposalId", "way": "WayId", "state": "Objstate"},
    },
    "proposal_items": {
        "service": "CustomerPaymentProposalsHandling", "set": "ProposalItemSet",
        "orderby": ("Company", "ProposalId", "ItemId"), "numbers": ("ProposalId", "ItemId"),
        "fields": {"company": "Company", "proposal": "ProposalId", "item": "ItemId", "series": "SeriesId",
                   "number": "InvoiceNo", "state": "Objstate"},
    },
    "accounts": {
        "service": "AccountsHandling", "set": "AccountSet", "orderby": ("Company", "Account"),
        "fields": {"company": "Company", "account": "Account", "description": "Description", "ledger": "LedgFlag",
                   "valid_from": "ValidFrom", "valid_until": "ValidUntil"},
    },
    "tax_codes": {
        "service": "TaxCodesHandling", "set": "TaxCodeSet", "orderby": ("Company", "FeeCode"),
        "fields": {"company": "Company", "code": "FeeCode", "rate": "FeeRate"},
    },
    "currencies": {
        "service": "CurrencyCodesHandling", "set": "CurrencyCodeSet", "orderby": ("Company", "CurrencyCode"),
        "fields": {"company": "Company", "currency": "CurrencyCode", "decimals": "CurrencyRounding",
                   "inverted": "Inverted"},
    },
    "currency_rates": {
        "service": "CurrencyRatesHandling", "set": "CurrencyRateSet",
        "orderby": ("Company", "CurrencyType", "CurrencyCode", "ValidFrom"),
        "fields": {"company": "Company", "type": "CurrencyType", "currency": "CurrencyCode", "valid_from": "ValidFrom",
                   "rate": "CurrencyRate", "factor": "ConvFactor", "reference_currency": "RefCurrencyCode"},
    },
    "currency_types": {
        "service": "CurrencyRatesHandling", "set": "CurrencyTypeSet", "orderby": ("Company", "CurrencyType"),
        "fields": {"company": "Company", "type": "CurrencyType", "default": "TypeDefault"},
    },
    "voucher_entry": {
        "service": "VoucherEntryAssistantHandling", "set": "VoucherSet", "array": "VoucherPostingArray", "fields": {},
    },
    "hold_rows": {
        "service": "VoucherRowsAnalysis", "set": "VoucherRowSet", "fields": _VOUCHER_ROW,
        "orderby": ("Company", "AccountingYear", "VoucherType", "VoucherNo", "RowNo"),
    },
    "gl_rows": entity_service(
        "GenLedVoucherRow", fields=_VOUCHER_ROW,
        orderby=("Company", "VoucherType", "AccountingYear", "VoucherNo", "RowNo"),
    ),
    "file_task": {"service": "ExternalFileAssistantHandling", "set": "TaskVirtualSet", "fields": {}},
    "file_loads": {
        "service": "ExternalFileLoadIdsHandling", "set": "ExtFileLoadSet", "orderby": ("LoadFileId",),
        "fields": {"id": "LoadFileId", "name": "FileName", "state": "State", "company": "Company"},
    },
    "mixed_payments": {
        "service": "MixedPaymentHandling", "set": "MixedPaymentSet", "array": "MixedPaymentLumpSumArray",
        "orderby": ("Company", "MixedPaymentId"),
        "fields": {"company": "Company", "id": "MixedPaymentId", "text": "VoucherText", "state": "Objstate",
                   "account": "ShortName", "currency": "Currency", "statement": "StatementNo",
                   "voucher": "VoucherNoRef"},
    },
    "payment_lines": {
        "service": "MixedPaymentHandling", "set": "MixedPaymentLumpSumSet",
        "orderby": ("Company", "MixedPaymentId", "LumpSumTransId"),
        "fields": {"company": "Company", "payment": "MixedPaymentId", "id": "LumpSumTransId", "customer": "Identity",
                   "currency": "Currency", "amount": "CurrAmount", "text": "Text",
                   "series": "LedgerItemSeriesId", "number": "LedgerItemId"},
    },
    "payment_matches": {
        "service": "MixedPaymentHandling", "set": "MixedPaymentLumpSumSet", "array": "MixedPaymentMatchArray",
        "orderby": ("Company", "MixedPaymentId", "LumpSumTransId"), "numbers": ("MixedPaymentId", "LumpSumTransId"),
        "fields": {"company": "Company", "payment": "MixedPaymentId", "id": "LumpSumTransId",
                   "series": "LedgerItemSeriesId", "number": "LedgerItemId", "amount": "CurrAmount"},
    },
}  # fmt: skip


def projection_map(overrides: Mapping[str, Mapping[str, Any]]) -> dict[str, Projection]:
    """The defaults with a connection's own entries laid over them, member by member.

    An entry of another name is new (a Quick Report, a custom projection). Raises pydantic's `ValidationError`.
    """
    merged: dict[str, Projection] = {}
    for name in {**DEFAULTS, **overrides}:
        given, default = overrides.get(name, {}), DEFAULTS.get(name, {})
        entry = {**default, **given}
        for part in ("fields", "enums"):
            entry[part] = {**default.get(part, {}), **(given.get(part) or {})}
        merged[name] = Projection.model_validate(entry)
    return merged
