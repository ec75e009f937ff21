"""Documents and their attachments: evidence that can be tied to a posted entry (fact sheet, section 2.7)."""

from __future__ import annotations

import base64
import binascii
from decimal import Decimal
from typing import TYPE_CHECKING

from sandbox.exact_online.calls import Call
from sandbox.exact_online.refusals import BadRequest, bad_reference
from sandbox.exact_online.schema import Row

if TYPE_CHECKING:
    from sandbox.exact_online.division import Division


def create_document(division: Division, call: Call, body: Row) -> Row:
    """Raises `Business` for an account or entry nobody knows; foreign ones are dropped."""
    _check(division, body)
    number = division.next_number("document")
    return division.tables["Documents"].add(
        {**body, "ID": body.get("ID") or division.new_id(), "HID": number, "Division": division.code}
    )


def change_document(division: Division, call: Call, row: Row, values: Row) -> None:
    _check(division, values)
    division.tables["Documents"].change(row["ID"], **values)


def delete_document(division: Division, row: Row) -> None:
    for attachment in division.tables["DocumentAttachments"].where("Document", row["ID"]):
        division.tables["DocumentAttachments"].remove(attachment["ID"])
    division.tables["Documents"].remove(row["ID"])


def create_attachment(division: Division, call: Call, body: Row) -> Row:
    """Raises `BadRequest` when the content is not base64."""
    if body["Document"] not in division.tables["Documents"]:
        raise bad_reference("Document")
    try:
        content = base64.b64decode(body["Attachment"], validate=True)
    except binascii.Error as problem:
        raise BadRequest("The value of 'Attachment' is not base64.") from problem
    return division.tables["DocumentAttachments"].add(
        {**body, "ID": body.get("ID") or division.new_id(), "FileSize": Decimal(len(content))}
    )


def delete_attachment(division: Division, row: Row) -> None:
    division.tables["DocumentAttachments"].remove(row["ID"])


def _check(division: Division, values: Row) -> None:
    account, entry = values.get("Account"), values.get("FinancialTransactionEntryID")
    if account and division.is_foreign(account):
        values["Account"] = None
    elif account and account not in division.tables["Accounts"]:
        raise bad_reference("Account")
    if entry and not division.tables["TransactionLines"].where("EntryID", entry):
        raise bad_reference("Financial transaction")
