"""Webhook subscriptions of one division: listed, made and ended (exact_online.md section 7.1).

While one is made Exact sends an empty POST to the address, so the receiver must be reachable from the internet by then. What
comes later is only a hint to read again, see `webhook`.
"""

from __future__ import annotations

from connector_resources.erp.building import BuildContext
from connector_resources.erp.exact_json import dump_exact
from connector_resources.erp.exact_online import refusals
from connector_resources.erp.exact_online.client import SYSTEM, ExactOnlineClient
from connector_resources.erp.exact_online.division import DivisionChoice
from connector_resources.erp.exact_online.odata import envelope
from connector_resources.erp.exact_online.resource import build_client
from connector_resources.erp.exact_online.settings import ExactOnlineSettings
from connector_resources.erp.notices import Subscription
from connector_resources.errors import NotFound, Refused, RemoteError, Uncertain

TOPICS = (
    "Accounts", "BankAccounts", "SalesInvoices", "SalesEntries", "BankEntries", "GeneralJournalEntries", "GLAccounts",
    "FinancialTransactions",
)  # fmt: skip
#: what we book ourselves is told as well, so the topics of entries would have every run followed by another.
USUAL_TOPICS = ("Accounts", "SalesInvoices", "SalesEntries")


def build_notices(settings: ExactOnlineSettings, context: BuildContext) -> ExactOnlineNotices:
    """Raises `MissingCredential` when the app's client id is not in the vault."""
    client, choice = build_client(settings, context)
    return ExactOnlineNotices(client, choice, context.connection)


class ExactOnlineNotices:
    """`NoticeDesk` for one division."""

    topics = TOPICS
    usual_topics = USUAL_TOPICS

    def __init__(self, client: ExactOnlineClient, choice: DivisionChoice, connection: str) -> None:
        self._client = client
        self._choice = choice
        self._connection = connection

    def subscriptions(self) -> list[Subscription]:
        self._choice.require(self._client)
        return [Subscription(row.id, row.topic, row.callback_url) for row in self._client.subscriptions()]

    def subscribe(self, topic: str, callback: str) -> Subscription:
        """A subscription cannot be changed: one with another address is ended and made anew."""
        for present in self.subscriptions():
            if present.topic == topic and present.callback == callback:
                return present
            if present.topic == topic:
                self.unsubscribe(present)
        body = dump_exact({"CallbackURL": callback, "Topic": topic})
        try:
            return Subscription(self._client.subscribe(body).id, topic, callback)
        except Uncertain as error:
            return self._unclear(topic, callback, error)

    def unsubscribe(self, subscription: Subscription) -> None:
        try:
            self._client.unsubscribe(subscription.id)
        except (NotFound, Uncertain) as error:
            if any(each.id == subscription.id for each in self.subscriptions()):
                raise self._refused(f"{subscription.topic} could not be ended", str(error), error) from error

    def close(self) -> None:
        self._client.close()

    def _unclear(self, topic: str, callback: str, error: Uncertain) -> Subscription:
        """A 500 with Exact's own message is a refusal (6.1); without one the list says whether it was made."""
        message = envelope(error.response)
        if message is not None and refusals.is_duplicate(message):
            # Another user of the same customer has it, and an application sees its own only (section 7.1).
            return Subscription("", topic, callback)
        made = next((x for x in self.subscriptions() if (x.topic, x.callback) == (topic, callback)), None)
        if made is not None:
            return made
        raise self._refused(f"{topic} could not be subscribed to", message or str(error), error) from error

    def _refused(self, what: str, message: str, error: RemoteError) -> Refused:
        return Refused(
            f"{what}: {message}",
            system=SYSTEM,
            status=error.status,
            connection=self._connection,
            next_step="see that `connector serve` runs and that the address is reachable from the internet over https, on the "
            "domain of the app's redirect address; then try again.",
        )
