"""Files on documents: one multipart part each; the same name again is a new revision (section 2.10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.visma.calls import Answer, Call, Handler
from sandbox.visma.records import Attachment
from sandbox.visma.refusals import Malformed, Unknown

if TYPE_CHECKING:
    from sandbox.visma.company import Company


def to_document(kind: str) -> Handler:
    """The handler that attaches to an invoice or credit note (`kind` as in the customer ledger)."""

    def attach(company: Company, call: Call) -> Answer:
        if (kind, call.path["number"]) not in company.documents:
            raise Unknown(f"{kind} '{call.path['number']}' was not found.")
        return _store(company, call, kind, call.path["number"])

    return attach


def to_cash_transaction(company: Company, call: Call) -> Answer:
    if call.path["number"] not in company.cash_transactions:
        raise Unknown(f"Cash transaction '{call.path['number']}' was not found.")
    return _store(company, call, "cash", call.path["number"])


def to_journal(company: Company, call: Call) -> Answer:
    module, number = call.path["module"].upper(), call.path["number"]
    if (module, number) not in company.batches:
        raise Unknown(f"Journal transaction '{module} {number}' was not found.")
    return _store(company, call, f"journal {module}", number)


def _store(company: Company, call: Call, kind: str, number: str) -> Answer:
    if len(call.files) != 1 or "." not in call.files[0].name:
        raise Malformed("Exactly one part with a file name and extension is expected.")
    upload = call.files[0]
    for identifier in company.attached[kind, number]:
        stored = company.attachments[identifier]
        if stored.name == upload.name:
            stored.content, stored.revision = upload.content, stored.revision + 1
            return Answer(201, None, f"/v1/attachment/{identifier}")
    stored = Attachment(company.new_id(), upload.name, upload.content, upload.content_type)
    company.attachments[stored.id] = stored
    company.attached[kind, number].append(stored.id)
    return Answer(201, None, f"/v1/attachment/{stored.id}")


def download(company: Company, call: Call) -> Answer:
    stored = company.attachments.get(call.path["id"].lower())
    if stored is None or call.blind:
        raise Unknown(f"Attachment '{call.path['id']}' was not found.")
    return Answer(content=stored.content, content_type=stored.content_type)
