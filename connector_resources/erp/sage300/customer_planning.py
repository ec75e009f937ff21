"""What is written to a customer of Sage 300 next: optional fields of mandates and links, changed details, new ones. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bookkeeping.customer_rules import changed_details
from bookkeeping.postings import Posting
from connector_resources.erp.contract import Complete, Planned, PlannedSubmission, PostingWork
from connector_resources.erp.exact_json import dump_exact
from connector_resources.erp.refusal import CannotBook
from connector_resources.erp.sage300 import documents, references
from connector_resources.erp.sage300.addresses import JSON
from connector_resources.erp.sage300.master_data import (
    differing_details,
    link_change,
    mandate_change,
    new_customer_obstacle,
)
from connector_resources.erp.sage300.settings import Sage300Settings
from connector_resources.erp.sage300.snapshot import Snapshot
from connector_resources.erp.sage300.wire import Customer


class CustomerDesk:
    """One call of `plan`. `replaced` names the postings whose change a newer one carries as well.

    Its methods raise `CannotBook`.
    """

    def __init__(self, settings: Sage300Settings, snapshot: Snapshot, replaced: Mapping[str, str]) -> None:
        self._settings = settings
        self._snapshot = snapshot
        self._replaced = replaced

    def mandate(self, work: PostingWork) -> Planned:
        posting = work.posting
        if work.done:
            return Complete(posting.key)
        if self._settings.mandate_store == "own":
            return Complete(posting.key, "mandate_store is own: mandates are not written to Sage 300.")
        customer = self._snapshot.customer(customer_of(posting))
        change = mandate_change(posting, customer, self._settings.optional_fields)
        if isinstance(change, str):
            return Complete(posting.key, change)
        summary = f"Mandate {posting.subject} of customer {customer.customer_number}: {posting.facts.get('status', '')}"
        return self._optional_fields(posting, "mandate", customer, change, summary)

    def customer(self, work: PostingWork) -> Planned:
        posting = work.posting
        if work.done:
            return Complete(posting.key)
        if posting.key in self._replaced:
            return Complete(posting.key, f"The newer {self._replaced[posting.key]} carries this change.")
        if not (posting.party and posting.party.erp_customer):
            return self._new_customer(posting)
        if changed_details(posting):
            customer = self._snapshot.customer(posting.party.erp_customer)
            details = differing_details(posting, customer)
            if not details:
                return Complete(posting.key, f"Customer {customer.customer_number} says so already.")
            summary = f"Customer {customer.customer_number}: {', '.join(details)}"
            return self._patch(posting, "details", customer, details, summary)
        if self._settings.mandate_store == "own":
            return Complete(posting.key, "mandate_store is own: links are not written to Sage 300.")
        customer = self._snapshot.customer(posting.party.erp_customer)
        change = link_change(posting, customer, self._settings.optional_fields)
        if isinstance(change, str):
            return Complete(posting.key, change)
        summary = f"GoCardless customer {posting.subject} on customer {customer.customer_number}"
        return self._optional_fields(posting, "customer", customer, change, summary)

    def _new_customer(self, posting: Posting) -> Planned:
        settings = self._settings
        if not settings.create_customers:
            customer_of(posting)
        obstacle = new_customer_obstacle(posting, self._snapshot.lookalikes.get(posting.subject, ()))
        if obstacle is not None:
            raise obstacle
        assert settings.customer_group is not None
        assert settings.customer_tax_group is not None
        number = references.new_customer_number(posting)
        field = settings.optional_fields.customer if settings.mandate_store == "optional_fields" else None
        body = documents.new_customer(posting, number, settings.customer_group, settings.customer_tax_group, field)
        path = documents.PATHS[documents.CUSTOMER]
        return self._request(posting, "customer", "POST", path, body, f"New customer {number} for {posting.subject}")

    def _optional_fields(
        self, posting: Posting, step: str, customer: Customer, change: Mapping[str, str], summary: str
    ) -> Planned:
        present = {row.optional_field for row in customer.customer_optional_field_values}
        body = documents.optional_values(customer.customer_number, change, present)
        return self._patch(posting, step, customer, body, summary)

    def _patch(self, posting: Posting, step: str, customer: Customer, body: Mapping[str, Any], summary: str) -> Planned:
        try:
            path = documents.customer_path(customer.customer_number)
        except ValueError as problem:
            raise CannotBook(
                "customer_number_invalid",
                f"customer number {customer.customer_number} cannot stand in an address of the Web API",
                "write the fields by hand, and withdraw this posting instead",
            ) from problem
        return self._request(posting, step, "PATCH", path, body, summary)

    def _request(
        self, posting: Posting, step: str, method: str, path: str, body: Mapping[str, Any], summary: str
    ) -> PlannedSubmission:
        return PlannedSubmission(
            reference=f"{posting.key}/{step}",
            step=step,
            method=method,
            path=self._settings.root + path,
            body=dump_exact(dict(body)),
            content_type=JSON,
            posting_keys=(posting.key,),
            summary=summary,
        )


def customer_of(posting: Posting) -> str:
    """The customer's number. Raises `CannotBook` when the GoCardless customer is not linked."""
    customer = posting.party.erp_customer if posting.party else None
    if customer:
        return customer
    who = (posting.party.gocardless_customer if posting.party else None) or "without an id"
    raise CannotBook(
        "customer_unmapped",
        f"GoCardless customer {who} is not linked to a customer in Sage 300",
        f"run `connector customers link {posting.connection} {who} NUMBER`",
    )
