"""Optional fields on records: whether they exist, whether they are licensed, and what their text value may be (2.4)."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sandbox.sage300.refusals import FieldInvalid, no_such
from sandbox.sage300.schema import Row
from sandbox.sage300.writing import Rules, Work

_TYPED = {
    "Text": "TextValue", "Amount": "AmountValue", "Number": "NumberValue", "Integer": "IntegerValue",
    "YesNo": "YesNoValue", "Date": "DateValue",
}  # fmt: skip


def rules(attached_to: str, type_property: str) -> Rules:
    """Rules for the optional-field details of one place, such as `ARCustomers`."""

    def field_put(work: Work, row: Row) -> None:
        known = _known(work, attached_to, row["OptionalField"])
        row[type_property] = known["Type"]
        for name in ("Length", "Decimals", "AllowBlank", "Validate"):
            row[name] = known[name]
        row["OptionalFieldDescription"] = known["Description"]

    def finish(work: Work, row: Row) -> None:
        known = _known(work, attached_to, row["OptionalField"])
        owner = next((name for name in ("CustomerNumber", "CustomerGroup") if name in row), "")
        if owner and work.parents:
            row[owner] = work.parents[-1].get("CustomerNumber") or work.parents[-1].get("GroupCode", "")
        row["ValueSet"] = "Yes" if row["Value"] else "No"
        value = _typed(known, row["Value"])
        if known["Type"] in _TYPED:
            row[_TYPED[known["Type"]]] = value
        if known["Validate"] and row["Value"]:
            listed = [each for each in known["OptionalFieldValues"] if each["Value"] == row["Value"]]
            if not listed:
                raise no_such(f"The value of optional field {known['OptionalField']}", row["Value"])
            row["ValueDescription"] = listed[0]["Description"]

    return Rules(puts={"OptionalField": field_put}, finish=finish)


def _known(work: Work, attached_to: str, code: str) -> Row:
    company = work.company
    if not company.switches.optional_fields_licensed:
        raise FieldInvalid("Optional fields are not available. Transaction Analysis is not activated.")
    found = company.tables["CSOptionalFields"].get(code)
    if found is None or code not in company.attached_fields.get(attached_to, ()):
        raise no_such("Optional Field", code)
    return found


def _typed(known: Row, text: str) -> Any:
    name, kind = known["OptionalField"], known["Type"]
    if not text:
        if not known["AllowBlank"]:
            raise FieldInvalid(f"Optional field {name} cannot be blank.")
        return {"Date": None, "Amount": Decimal(0), "Number": Decimal(0), "Integer": 0, "YesNo": False}.get(kind, "")
    try:
        if kind == "Date":
            return _day(text)
        if kind == "YesNo":
            return {"0": False, "1": True}[text]
        if kind == "Integer":
            return int(text)
        if kind in ("Amount", "Number"):
            return Decimal(text)
    except (ValueError, KeyError, InvalidOperation) as problem:
        raise FieldInvalid(f"The value '{text}' of optional field {name} is not of type {kind}.") from problem
    if known["Length"] and len(text) > known["Length"]:
        raise FieldInvalid(f"The value of optional field {name} is longer than {known['Length']} characters.")
    return text


def _day(text: str) -> date:
    if len(text) != 8:
        raise ValueError(text)
    return datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 - a business date has no zone
