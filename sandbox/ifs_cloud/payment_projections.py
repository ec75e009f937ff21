"""Projections of mixed payments and customer payment proposals; names are proposals of the fact sheet (7.1) or ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.ifs_cloud import mixed_payments, proposals
from sandbox.ifs_cloud.building import below, projection, rows
from sandbox.ifs_cloud.odata.edm import EntityType, Row, entity
from sandbox.ifs_cloud.odata.service import Action, Call, Create, EntitySet, Service
from sandbox.ifs_cloud.posting_control import PARTS

if TYPE_CHECKING:
    from sandbox.ifs_cloud.tenant import Tenant

_KEY = ("Company", "MixedPaymentId")


def build(tenant: Tenant) -> list[Service]:
    return [_mixed_payments(tenant), _proposals(tenant)]


def _mixed_payments(tenant: Tenant) -> Service:
    heads = rows(
        tenant,
        "MixedPaymentSet",
        _head(),
        create=lambda call, body, _: mixed_payments.create(tenant, call, body),
    )
    heads.change = lambda call, row, body: mixed_payments.change(tenant, row, body)
    heads.actions["MixedPayment_Approve"] = Action(lambda call, row, given: mixed_payments.approve(tenant, row))
    heads.actions["MixedPayment_Cancel"] = Action(lambda call, row, given: mixed_payments.cancel(tenant, row))

    def add_lump_sum(call: Call, body: Row, parent: Row | None) -> Row:
        return _moving(tenant, call, parent, mixed_payments.add_lump_sum(tenant, body, parent))

    def add_posting(call: Call, body: Row, parent: Row | None) -> Row:
        return _moving(tenant, call, parent, mixed_payments.add_posting(tenant, body, parent))

    below(heads, "MixedPaymentLumpSumArray", _lump_sums(tenant, "MixedPaymentLumpSumArray", add_lump_sum), *_KEY)
    posting = rows(tenant, "MixedPaymentManPostingArray", _posting(), create=add_posting)
    below(heads, "MixedPaymentManPostingArray", posting, *_KEY)
    return projection("MixedPaymentHandling", heads, _lump_sums(tenant, "MixedPaymentLumpSumSet", None))


def _moving(tenant: Tenant, call: Call, parent: Row | None, child: Row) -> Row:
    if call.switches.child_moves_parent and parent is not None:
        tenant.table("MixedPayment").touch(parent)
    return child


def _lump_sums(tenant: Tenant, name: str, create: Create | None) -> EntitySet:
    made = rows(tenant, name, _lump_sum(), create=create)
    made.actions["MixedPaymentLumpSum_CancelMatching"] = Action(
        lambda call, row, given: mixed_payments.cancel_matching(tenant, row)
    )
    made.actions["MixedPaymentLumpSum_MatchItem"] = Action(
        lambda call, row, given: mixed_payments.match(tenant, row, given),
        {"LedgerItemSeriesId": "S", "LedgerItemId": "S", "CurrAmount": "D"},
    )
    matched = entity(
        "MixedPaymentMatch",
        "Company MixedPaymentId LumpSumTransId MatchId",
        {
            "S20u": "Company", "I": "MixedPaymentId LumpSumTransId MatchId", "S50": "LedgerItemSeriesId LedgerItemId",
            "D": "CurrAmount",
        },
    )  # fmt: skip
    below(made, "MixedPaymentMatchArray", rows(tenant, "MixedPaymentMatchArray", matched), *_KEY, "LumpSumTransId")
    return made


def _proposals(tenant: Tenant) -> Service:
    head = entity(
        "CustPaymentProposal",
        "Company ProposalId",
        {"S20u": "Company WayId", "I": "ProposalId", "Y": "ProposalDate", "E:ProposalState": "Objstate"},
    )
    heads = rows(tenant, "CustPaymentProposalSet", head)
    heads.actions["CustPaymentProposal_Acknowledge"] = Action(
        lambda call, row, given: proposals.acknowledge(tenant, row)
    )
    heads.actions["CustPaymentProposal_Cancel"] = Action(lambda call, row, given: proposals.cancel(tenant, row))
    below(
        heads,
        "ProposalItemArray",
        rows(tenant, "ProposalItemArray", _proposal_item(), change=True),
        "Company",
        "ProposalId",
    )
    return projection(
        "CustomerPaymentProposalsHandling", heads, rows(tenant, "ProposalItemSet", _proposal_item(), change=True)
    )


def _head() -> EntityType:
    return entity(
        "MixedPayment",
        " ".join(_KEY),
        {
            "S20u R": "Company ShortName", "I": "MixedPaymentId VoucherNoRef AccountingYearRef",
            "Y R": "MixedPaymentDate",
            "S50 PU": "StatementNo", "S3u P": "Currency", "S2000 PU": "VoucherText", "S30u P": "UserGroup",
            "S3u": "VoucherTypeRef", "Y": "VoucherDateRef", "E:MixedPaymentState": "Objstate",
        },
    )  # fmt: skip


def _lump_sum() -> EntityType:
    return entity(
        "MixedPaymentLumpSum",
        f"{' '.join(_KEY)} LumpSumTransId",
        {
            "S20u": "Company", "I": "MixedPaymentId LumpSumTransId LumpSumTransNo", "Y P": "LumpSumTransDate",
            "S20u R": "Identity", "E:PartyType R": "PartyType", "S20u P": "PayerIdentity", "S": "IdentityName",
            "S3u P": "Currency", "D R": "CurrAmount", "D": "DomAmount CashAccAmount", "S200 P": "Text",
            "S50 P": "LedgerItemSeriesId LedgerItemId", "E:LumpSumState": "Objstate",
        },
    )  # fmt: skip


def _posting() -> EntityType:
    return entity(
        "MixedPaymentManPosting",
        f"{' '.join(_KEY)} ManPostingId",
        {
            "S20u": "Company", "I": "MixedPaymentId ManPostingId", "S20u R": "Account",
            "S20u P": " ".join(f"Code{part}" for part in PARTS) + " OptionalCode", "D R": "CurrAmount",
            "E:TaxDirection P": "TaxDirection", "S200 P": "Text",
        },
    )  # fmt: skip


def _proposal_item() -> EntityType:
    return entity(
        "CustPaymentProposalItem",
        "Company ProposalId ItemId",
        {
            "S20u": "Company WayId Identity", "I": "ProposalId ItemId", "E:PartyType": "PartyType",
            "S50": "SeriesId InvoiceNo",
            "S3u": "Currency", "D": "CurrAmount", "Y": "DueDate", "E:ProposalItemState U": "Objstate",
            "S50 U": "ReasonCode",
            "S2000 U": "Note",
        },
    )  # fmt: skip
