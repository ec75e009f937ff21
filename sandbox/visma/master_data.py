"""Read-only master data that a connector checks its settings against (sections 2.1 and 2.2), and attributes."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sandbox.visma import chart, paging
from sandbox.visma.calls import Answer, Call
from sandbox.visma.formats import number as decimal_number
from sandbox.visma.records import Account, Attribute, CashAccount
from sandbox.visma.refusals import Invalid, Unknown
from sandbox.visma.wrappers import one_of, text, wrapped

if TYPE_CHECKING:
    from sandbox.visma.company import Company

MAX_ATTRIBUTE_ID = 10
_ATTRIBUTE = {
    "attributeId": wrapped(text),
    "description": wrapped(text),
    "controlType": wrapped(one_of("Text", "Combo", "CheckBox", "Datetime", "MultiSelectCombo")),
}


def _rows(call: Call, rows: list[Any]) -> Answer:
    return Answer(payload=[] if call.blind else rows)


def organization(company: Company, call: Call) -> Answer:
    """Which company answers. Empty for a wrong `ipp-company-id`: that is all the notice one gets."""
    row: dict[str, Any] = {
        "organizationId": int(company.company_id),
        "organizationCd": company.company_id,
        "organizationName": company.name,
        "name": company.name,
        "corporateId": "999888777",
        "baseCurrency": company.base_currency,
        "status": "Active",
    }
    if call.flag("expandBranches"):
        row["branches"] = [{"number": "1", "name": "Main branch"}]
    if call.flag("expandBankSettings"):
        row["bankSettings"] = []
    return _rows(call, [row])


def branches(company: Company, call: Call) -> Answer:
    row = {
        "number": "1",
        "name": "Main branch",
        "isActive": True,
        "isMainBranch": True,
        "currency": {"id": company.base_currency},
        "ledger": {"id": chart.LEDGER, "description": "Actual"},
    }
    return _rows(call, [row])


def startup_status(company: Company, call: Call) -> Answer:
    return Answer(payload={"financials": company.initialised, "message": None if company.initialised else "Not set up"})


def dimensions(company: Company, call: Call) -> Answer:
    return _rows(call, ["ACCOUNT", "SUBACCOUNT"])


def dimension(company: Company, call: Call) -> Answer:
    if call.path["id"].upper() != "SUBACCOUNT" or call.blind:
        raise Unknown(f"Dimension '{call.path['id']}' was not found.")
    values = [{"valueId": each, "active": active} for each, active in company.subaccounts.items()]
    return Answer(
        payload={
            "id": "SUBACCOUNT",
            "segments": [{"segmentId": 1, "description": "Department", "segmentValues": values}],
        }
    )


def accounts(company: Company, call: Call) -> Answer:
    """All accounts at once: this list has no paging."""
    active = call.flag("active")
    rows = [_account(each) for each in company.accounts.values() if active is None or each.active == active]
    linked = {each.account for each in company.cash_accounts.values()}
    return _rows(call, [{**row, "cashAccount": row["accountCD"] in linked} for row in rows])


def account(company: Company, call: Call) -> Answer:
    found = company.accounts.get(call.path["number"])
    if found is None or call.blind:
        raise Unknown(f"Account '{call.path['number']}' was not found.")
    linked = any(each.account == found.number for each in company.cash_accounts.values())
    return Answer(payload={**_account(found), "cashAccount": linked})


def _account(each: Account) -> dict[str, Any]:
    return {
        "accountID": int(each.number) if each.number.isdigit() else 0,
        "accountCD": each.number,
        "description": each.description,
        "type": each.kind,
        "active": each.active,
        "currency": each.currency or None,
        "controlAccountModule": each.control_module or None,
        "allowManualEntry": each.manual_entry,
        "useDefaultSub": not each.needs_subaccount,
        "taxCategory": None,
    }


def subaccounts(company: Company, call: Call) -> Answer:
    active = call.flag("active")
    rows = [each for each in company.subaccounts.items() if active is None or each[1] == active]
    return paging.page(
        company,
        call,
        rows,
        lambda row: {
            "subaccountNumber": row[0],
            "active": row[1],
            "segments": [{"segmentId": 1, "segmentValue": row[0]}],
        },
    )


def ledgers(company: Company, call: Call) -> Answer:
    row = {
        "internalId": 1,
        "number": chart.LEDGER,
        "description": "Actual",
        "balanceType": "Actual",
        "currencyId": company.base_currency,
    }
    return _rows(call, [row])


def cash_accounts(company: Company, call: Call) -> Answer:
    return paging.page(company, call, list(company.cash_accounts.values()), lambda each: _cash_account(company, each))


def cash_account(company: Company, call: Call) -> Answer:
    found = company.cash_accounts.get(call.path["number"])
    if found is None or call.blind:
        raise Unknown(f"Cash account '{call.path['number']}' was not found.")
    return Answer(payload=_cash_account(company, found))


def _cash_account(company: Company, each: CashAccount) -> dict[str, Any]:
    return {
        "number": each.number,
        "description": each.description,
        "currency": each.currency,
        "active": each.active,
        "account": {"number": each.account, "description": company.accounts[each.account].description},
        "subaccount": {"id": "0"},
        "entryTypes": [
            {
                "entryTypeId": entry.id,
                "description": entry.description,
                # Misspelt and misnamed there as well: it holds the direction.
                "disableReceipt": entry.direction,
                "module": "CA",
                "defaultOffsetAccount": entry.offset_account,
                "offsetAccountOverride": None,
            }
            for entry in each.entry_types.values()
        ],
    }


def payment_methods(company: Company, call: Call) -> Answer:
    rows = [
        {
            "paymentMethodID": each.id,
            "description": each.description,
            "active": each.active,
            "meansOfPayment": each.means,
            "details": [{"detailID": detail, "description": "Mandate"} for detail in each.detail_ids],
        }
        for each in company.payment_methods.values()
    ]
    return _rows(call, rows)


def vat(company: Company, call: Call) -> Answer:
    rows = [
        {
            "vatId": each.id,
            "description": each.description,
            "schedules": [{"vatRate": decimal_number(_percent(each.rate_basis_points))}],
            "categories": [{"categoryId": each.category, "active": True}],
            "zones": [{"zoneId": "01", "defaultTaxCategory": each.category}],
        }
        for each in company.vat_codes.values()
    ]
    return _rows(call, rows)


def _percent(basis_points: int) -> Decimal:
    return Decimal(basis_points).scaleb(-2)


def vat_categories(company: Company, call: Call) -> Answer:
    rows = [
        {"vatCategoryId": each.category, "description": each.description, "active": True}
        for each in company.vat_codes.values()
    ]
    return _rows(call, rows)


def vat_zones(company: Company, call: Call) -> Answer:
    return _rows(call, [{"id": "01", "description": "Domestic"}])


def attributes(company: Company, call: Call) -> Answer:
    rows = list(company.attributes.values())
    return paging.page(
        company,
        call,
        rows,
        lambda each: {
            "attributeId": each.id,
            "description": each.description,
            "controlType": each.control_type,
            "details": [],
        },
    )


def create_attribute(company: Company, call: Call) -> Answer:
    """Makes the attribute; linking it to a customer class is done on screen only (section 2.9)."""
    body = call.parsed(_ATTRIBUTE)
    name = body.get("attributeId") or ""
    if not name or len(name) > MAX_ATTRIBUTE_ID:
        raise Invalid(f"Error: 'attributeId': a name of at most {MAX_ATTRIBUTE_ID} characters is required.")
    if name in company.attributes:
        raise Invalid(f"Error: Attribute '{name}' already exists.")
    company.attributes[name] = Attribute(name, body.get("description") or name, body.get("controlType") or "Text")
    return Answer(201, None, f"/v1/attribute/{name}")
