"""Recipes: how a document comes to be in IFS, as data. The built-in ones follow the sheet; a connection may replace them.

The names of payment projections are confirmed nowhere (ifs_cloud.md sections 7.7 and 13), so what is called in which order is
no code: a recipe is a list of steps with placeholders. `rendering` fills in what is known when a request is planned, `running`
what only IFS tells. Pure.

A placeholder is `{name}`. `{name|key}` is written as a literal of OData, for keys and conditions, `{name|number}` as that of a
number, however it came. `{saved.name}` is what an earlier step saved. A member whose whole value is one placeholder takes its
type; one that comes out empty is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from connector_resources.connections.section import Section


class Lookup(Section):
    """Where a step's result would be found if an earlier try made it: the step is then left out."""

    path: str = Field(description="Collection to read, with its conditions.")
    match: dict[str, str] = Field(default={}, description="Member -> first word that it must have.")


class Check(Section):
    """What a draft must hold before it is booked: one row per marker with its amount, and nothing else."""

    path: str = Field(description="Collection to read.")
    marker: str = Field(description="Member whose first word is our marker.")
    amount: str = Field(description="Member with the amount.")


class Step(Section):
    """One call."""

    name: str = Field(description="What it does, for messages.")
    method: Literal["GET", "POST", "PATCH", "PUT", "DELETE"] = Field(default="POST", description="HTTP verb.")
    path: str = Field(description="Address behind the host.")
    body: dict[str, Any] | None = Field(default=None, description="JSON members.")
    content: str = Field(default="", description="Placeholder of a file that is sent instead of JSON.")
    each: Literal["", "movements", "rows"] = Field(
        default="", description="Once per amount that a customer paid or got back for one invoice, or per voucher row."
    )
    if_match: str = Field(default="", description="`*`, or the saved value that is sent as If-Match.")
    save: dict[str, str] = Field(default={}, description="Name -> member of the answer that is kept under it.")
    existing: Lookup | None = Field(default=None, description="How an earlier try's result is recognised.")
    reread: str = Field(
        default="", description="For a step with If-Match: entity that is read for its version, again when it moved."
    )
    done_when: dict[str, tuple[str, ...]] = Field(
        default={}, description="Member of that entity -> values in which the step was done before."
    )
    check: Check | None = Field(default=None, description="What must be there before the step.")
    effect: bool = Field(default=False, description="True for the one step that books; what precedes it is a draft.")


class Recipe(Section):
    """The steps of one kind of document, and what takes a draft away again when they cannot be finished."""

    steps: tuple[Step, ...] = Field(min_length=1, description="The calls, in order.")
    cleanup: tuple[Step, ...] = Field(default=(), description="Calls that remove a draft.")
    number: str = Field(description="The document's number, from saved values.")


_WIZARD = "{voucher_entry}(Objkey={saved.objkey|key})"
_ACTION = "/{voucher_entry.namespace}.VoucherEntry_"
_PERIOD = (
    "{voucher_entry.root}AccYearPeriodInfo(Company={company|key},VoucherDate={date|key},UserGroup={user_group|key})"
)
_ROW = {
    "Account": "{account}", "CurrencyCode": "{currency}", "CurrencyType": "{currency_type}",
    "CurrencyDebetAmount": "{currency_debit}", "CurrencyCreditAmount": "{currency_credit}",
    "DebetAmount": "{debit}", "CreditAmount": "{credit}",
    "OptionalCode": "{tax_code}", "TaxDirection": "{tax_direction}", "CurrencyTaxAmount": "{currency_tax}",
    "TaxAmount": "{tax}", "Text": "{text}", "ReferenceSerie": "{reference_serie}", "ReferenceNumber": "{reference}",
    "Correction": False,
    **{f"Code{part}": f"{{code_{part.lower()}}}" for part in "BCDEFGHIJ"},
}  # fmt: skip

_VOUCHER: dict[str, Any] = {
    "number": "{company}/{saved.year}/{voucher_type}/{saved.voucher_no}",
    "steps": [
        {
            "name": "find the period", "method": "GET", "path": _PERIOD,
            "save": {"year": "AccountingYear", "period": "AccountingPeriod"},
        },
        {
            "name": "begin the voucher", "path": "{voucher_entry}",
            "body": {
                # Any other value makes the server copy an existing voucher (section 7.5); the spelling is IFS's own.
                "OpennedFrom": "NEW_VOUCHER",
                "Company": "{company}", "VoucherDate": "{date}", "UserGroup": "{user_group}",
                "VoucherType": "{voucher_type}", "AccountingYear": "{saved.year}", "AccountingPeriod": "{saved.period}",
                "VoucherNo": 0, "VoucherStatus": "{voucher_status}", "AmountMethod": "NetAmountEntry",
                "UseCorrectionRows": False, "MultiCompanyMode": False, "VoucherText2": "{text}",
            },
            "save": {"objkey": "Objkey", "etag": "@odata.etag"},
        },
        {
            "name": "add a row", "path": _WIZARD + "/{voucher_entry.array}", "each": "rows", "body": _ROW,
        },
        {
            "name": "create the voucher", "path": _WIZARD + _ACTION + "CreateVoucher", "body": {},
            # Rows may have moved the version of the temporary header, which is ours alone (section 8).
            "if_match": "*", "save": {"voucher_no": "value"}, "effect": True,
        },
    ],
    "cleanup": [
        {"name": "remove the temporary voucher", "path": _WIZARD + _ACTION + "RemoveTempVoucher", "body": {},
         "if_match": "*"},
    ],
}  # fmt: skip

_PAYMENT = "{mixed_payments}(Company={company|key},MixedPaymentId={saved.payment_id|number})"
_LINES = _PAYMENT + "/{mixed_payments.array}"

_MIXED_PAYMENT: dict[str, Any] = {
    "number": "{company}/{saved.payment_id}",
    "steps": [
        {
            "name": "begin the payment", "path": "{mixed_payments}",
            "body": {
                "Company": "{company}", "MixedPaymentDate": "{date}", "ShortName": "{cash_account}",
                "Currency": "{currency}", "VoucherText": "{text}",
            },
            "save": {"payment_id": "MixedPaymentId", "etag": "@odata.etag"},
            "existing": {
                "path": "{mixed_payments}?$filter=Company eq {company|key} and MixedPaymentDate eq {date|key}"
                " and contains(VoucherText,{batch|key})",
                "match": {"VoucherText": "{batch}"},
            },
        },
        {
            "name": "add a receipt", "path": _LINES, "each": "movements",
            "body": {
                "LumpSumTransDate": "{date}", "Identity": "{customer}", "PartyType": "Customer",
                "Currency": "{currency}", "CurrAmount": "{amount}", "Text": "{text}",
                "LedgerItemSeriesId": "{series}", "LedgerItemId": "{number}",
            },
            "existing": {"path": _LINES, "match": {"Text": "{marker}"}},
        },
        {
            "name": "approve the payment", "path": _PAYMENT + "/{mixed_payments.namespace}.MixedPayment_Approve",
            "body": {}, "if_match": "etag", "reread": _PAYMENT, "done_when": {"Objstate": ("Approved",)},
            "check": {"path": _LINES, "marker": "Text", "amount": "CurrAmount"}, "effect": True,
        },
    ],
    "cleanup": [
        {"name": "cancel the payment", "path": _PAYMENT + "/{mixed_payments.namespace}.MixedPayment_Cancel",
         "body": {}, "if_match": "*"},
    ],
}  # fmt: skip

_TASK = "{file_task}(Objkey={saved.objkey|key})"

_CAMT_FILE: dict[str, Any] = {
    "number": "{saved.load_id}",
    "steps": [
        {
            "name": "begin the import", "path": "{file_task}",
            "body": {
                "ProcessOptions": "Online", "FileType": "ExtMixedPayment", "SetId": "{set_id}",
                "FileTemplate": "{file_template}", "FileName": "{file_name}", "Company": "{company}",
                "ParamString": "{param_string}", "FileDirection": "InputFile", "FileDirectionDb": "1",
            },
            "save": {"objkey": "Objkey", "etag": "@odata.etag"},
        },
        {
            "name": "upload the file", "method": "PUT", "path": _TASK + "/FileData", "content": "{file}",
            "if_match": "*",
        },
        {
            "name": "import the file", "path": _TASK + "/{file_task.namespace}.TaskVirtual_ImportFile", "body": {},
            "if_match": "*", "save": {"load_id": "LoadFileId"}, "effect": True,
        },
    ],
}  # fmt: skip

_MEMBERS: dict[str, Any] = {
    "number": "{number}",
    "steps": [
        {
            "name": "write the members", "method": "PATCH", "path": "{entity}", "body": {"*": "{members}"},
            "if_match": "etag", "reread": "{entity}", "effect": True,
        },
    ],
}  # fmt: skip

#: the recipes of the connector, by name. `members` writes single members of an invoice, proposal or customer.
BUILT_IN: Mapping[str, Recipe] = {
    "gl_voucher": Recipe.model_validate(_VOUCHER),
    "mixed_payment": Recipe.model_validate(_MIXED_PAYMENT),
    "camt_file": Recipe.model_validate(_CAMT_FILE),
    "members": Recipe.model_validate(_MEMBERS),
}
