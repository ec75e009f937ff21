"""What an alert says: about which connection, which ids, why, and what to do next. The same words for mail and webhook.

It holds no secret: reasons come from error messages and held postings, and pass the redaction once more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from connector_resources.transport.redaction import redact

#: how many things one alert lists; the rest is a number.
LISTED = 20


@dataclass(frozen=True, slots=True)
class AlertItem:
    """One thing that needs a person: its id, why, and the next step."""

    subject: str
    reason: str
    next_step: str


@dataclass(frozen=True, slots=True)
class Alert:
    """What is told at once. `more` is how many things are not listed; `link` leads to the run, where one is known."""

    kind: str
    connection: str
    title: str
    items: tuple[AlertItem, ...]
    more: int = 0
    link: str = ""

    @classmethod
    def about(cls, kind: str, connection: str, title: str, items: Sequence[AlertItem], link: str) -> Alert:
        """The first of `items`, without secrets."""
        listed = tuple(
            AlertItem(redact(item.subject), redact(item.reason), redact(item.next_step)) for item in items[:LISTED]
        )
        return cls(kind, connection, redact(title), listed, len(items) - len(listed), link)

    @property
    def subject(self) -> str:
        """One line, for the subject of a mail."""
        return f"[{self.connection}] {self.title}"

    def text(self) -> str:
        """The whole of it in plain lines."""
        lines = [self.subject, ""]
        for item in self.items:
            lines += [f"- {item.subject}: {item.reason}", f"  Next step: {item.next_step}"]
        if self.more:
            lines.append(f"- and {self.more} more")
        if self.link:
            lines += ["", self.link]
        return "\n".join(lines)

    def payload(self) -> dict[str, Any]:
        """The JSON of a webhook. `text` is what Slack and its like show."""
        return {"text": self.text(), **self.to_json()}

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "items": [asdict(item) for item in self.items]}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Alert:
        items = tuple(AlertItem(**item) for item in fields["items"])
        return cls(**{**fields, "items": items})
