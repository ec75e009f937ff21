"""Customers, their bank accounts and mandates: what may be written (fact sheet, sections 2.2 to 2.4)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sandbox.exact_online.calls import Call
from sandbox.exact_online.refusals import Business, bad_reference, exists, not_allowed
from sandbox.exact_online.schema import Row

if TYPE_CHECKING:
    from sandbox.exact_online.division import Division

CODE_LENGTH = 18
NAME_LENGTH = 50
REFERENCE_LENGTH = 35
_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{8,30}")


def padded(code: str) -> str:
    """Account codes are numbers with leading spaces to length 18."""
    return code.strip().rjust(CODE_LENGTH)


def create_account(division: Division, call: Call, body: Row) -> Row:
    """Raises `Business` for a code that is taken or not a number, and for names that are too long."""
    _check_account(division, body)
    code = padded(body["Code"]) if body.get("Code") else _free_code(division)
    if division.tables["Accounts"].where("Code", code):
        raise exists("Account code")
    return division.tables["Accounts"].add(
        {
            "Status": None,
            "Blocked": False,
            "IsSupplier": False,
            **body,
            "ID": body.get("ID") or division.new_id(),
            "Code": code,
            "IsSales": False,
            "Division": division.code,
        }
    )


def change_account(division: Division, call: Call, row: Row, values: Row) -> None:
    _check_account(division, values)
    if "Code" in values:
        values["Code"] = padded(values["Code"] or "")
        taken = division.tables["Accounts"].where("Code", values["Code"])
        if any(each["ID"] != row["ID"] for each in taken):
            raise exists("Account code")
    division.tables["Accounts"].change(row["ID"], **values)


def delete_account(division: Division, row: Row) -> None:
    """Only accounts nothing was booked on."""
    if division.tables["TransactionLines"].where("Account", row["ID"]):
        raise Business("Not allowed: the account is in use.", nl="Niet toegestaan: relatie is in gebruik.")
    division.tables["Accounts"].remove(row["ID"])


def create_bank_account(division: Division, call: Call, body: Row) -> Row:
    """Raises `Business` for an unknown customer or an account number that fails its check."""
    if body["Account"] not in division.tables["Accounts"]:
        raise bad_reference("Account")
    number = _checked_number(body["BankAccount"])
    others = division.tables["BankAccounts"].where("Account", body["Account"])
    if any(each["BankAccount"] == number for each in others):
        raise exists("Bank account")
    return division.tables["BankAccounts"].add(
        {
            "Blocked": False,
            **body,
            "ID": body.get("ID") or division.new_id(),
            "BankAccount": number,
            "IBAN": number if _IBAN.fullmatch(number) else None,
            "Main": bool(body.get("Main")) or not others,
            "Type": "A",
            "Format": "IBAN" if _IBAN.fullmatch(number) else "NL",
            "AccountName": division.tables["Accounts"][body["Account"]]["Name"],
            "Division": division.code,
        }
    )


def change_bank_account(division: Division, call: Call, row: Row, values: Row) -> None:
    if values.get("BankAccount"):
        values["BankAccount"] = _checked_number(values["BankAccount"])
    if values.get("Account", row["Account"]) != row["Account"]:
        raise not_allowed("Account")
    division.tables["BankAccounts"].change(row["ID"], **values)


def delete_bank_account(division: Division, row: Row) -> None:
    if division.tables["DirectDebitMandates"].where("BankAccount", row["ID"]):
        raise Business("Not allowed: the bank account has a mandate.")
    division.tables["BankAccounts"].remove(row["ID"])


def create_mandate(division: Division, call: Call, body: Row) -> Row:
    """Raises `Business` for a bank account of somebody else, a reference in use or too long, or a second main one."""
    bank_account = division.tables["BankAccounts"].get(body["BankAccount"])
    if body["Account"] not in division.tables["Accounts"]:
        raise bad_reference("Account")
    if bank_account is None or bank_account["Account"] != body["Account"]:
        raise bad_reference("Bank account")
    _check_mandate(division, {"Type": 0, "PaymentType": 1, **body}, "")
    return division.tables["DirectDebitMandates"].add(
        {
            "Type": 0,
            "PaymentType": 1,
            "FirstSend": 0,
            "Main": 0,
            **body,
            "ID": body.get("ID") or division.new_id(),
            "Division": division.code,
        }
    )


def change_mandate(division: Division, call: Call, row: Row, values: Row) -> None:
    _check_mandate(division, {**row, **values}, row["ID"])
    division.tables["DirectDebitMandates"].change(row["ID"], **values)


def delete_mandate(division: Division, row: Row) -> None:
    division.tables["DirectDebitMandates"].remove(row["ID"])


def change_receivable(division: Division, call: Call, row: Row, values: Row) -> None:
    """Only description, method and reference are writable; there is no field that marks an item as paid."""
    if values.get("PaymentMethod") not in (None, "B", "I", "K", "V"):
        raise Business("Invalid: Payment method", nl="Ongeldig: Betaalwijze")
    division.tables["Terms"].change(row["ID"], **values)


def _check_account(division: Division, values: Row) -> None:
    code = (values.get("Code") or "").strip()
    if "Code" in values and (not code.isdigit() or len(code) > CODE_LENGTH):
        raise Business("Invalid: Account code", nl="Ongeldig: Relatiecode")
    if len(values.get("Name") or "") > NAME_LENGTH:
        raise Business("Invalid: Name (maximum length 50)", nl="Ongeldig: Naam (maximale lengte 50)")
    if (values.get("Status") or "A").strip() not in ("A", "S", "P", "C"):
        raise Business("Invalid: Status")
    receivable = values.get("GLAR")
    if receivable and division.is_foreign(receivable):
        values["GLAR"] = None
    elif receivable and (division.tables["GLAccounts"].get(receivable) or {}).get("Type") != 20:
        raise bad_reference("Accounts receivable account")


def _free_code(division: Division) -> str:
    while True:
        code = padded(str(division.next_number("account")))
        if not division.tables["Accounts"].where("Code", code):
            return code


def _checked_number(text: str) -> str:
    """An IBAN by its check digits, or a local number of digits only."""
    number = text.replace(" ", "").upper()
    if _IBAN.fullmatch(number):
        digits = "".join(str(int(character, 36)) for character in number[4:] + number[:4])
        if int(digits) % 97 == 1:
            return number
    elif number.isdigit() and 7 <= len(number) <= 18:
        return number
    raise Business(f"Invalid: Bank account {text}", nl=f"Ongeldig: Bankrekening {text}")


def _check_mandate(division: Division, values: Row, own_id: str) -> None:
    mandates = division.tables["DirectDebitMandates"]
    reference = values.get("Reference")
    if reference and len(reference) > REFERENCE_LENGTH:
        raise Business("Invalid: Reference (maximum length 35)")
    if reference and any(each["ID"] != own_id for each in mandates.where("Reference", reference)):
        raise exists("Mandate reference")
    if values["Type"] not in (0, 1, 2) or values["PaymentType"] not in (0, 1, 2):
        raise Business("Invalid: Mandate type")
    if (values["Type"] == 2 or values["PaymentType"] == 2) and division.region != "uk":
        raise not_allowed("Bottomline outside the United Kingdom")
    rivals = (each for each in mandates.where("Account", values["Account"]) if each["ID"] != own_id)
    if values.get("Main") and any(each["Main"] for each in rivals):
        raise exists("Main mandate")
