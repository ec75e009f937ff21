"""What a new connection to an ERP must be told by a person, as data: questions, account presets, where the answers go.

The interview of `connector init` asks it, the commented connection file is made from it; neither knows any ERP.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connector_resources.errors import ConfigurationError

#: in paths and values: replaced by the answer to the question of that key, and by the currency.
Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """Something that only the company knows. `key` names the option (`tenant_id` -> `--tenant-id`).

    setting  where in the `erp` section the answer goes, dotted; None: a setting named `key`; "": nowhere by itself, because
             it is a part of other paths, as `{key}`
    example  shown as the default, and what a file without answers holds
    """

    key: str
    text: str
    example: str
    setting: str | None = None

    @property
    def path(self) -> str:
        return self.key if self.setting is None else self.setting


@dataclass(frozen=True, slots=True)
class Preset:
    """Account numbers to begin with. `label` says whose chart it is.

    accounts     number by account role
    by_currency  what the first, second … currency gets; the last one stays for all further ones
    settings     further settings that belong to the chart
    implied      the ERP's settings know these accounts by themselves: they are shown, and written only when they are changed
    """

    name: str
    label: str
    accounts: Mapping[str, str | int]
    by_currency: Sequence[Mapping[str, str]] = ()
    settings: Values = field(default_factory=dict)
    implied: bool = False

    def for_currency(self, currency: str, place: int) -> dict[str, str]:
        """The accounts of the `place`th currency, from 0."""
        if not self.by_currency:
            return {}
        numbers = self.by_currency[min(place, len(self.by_currency) - 1)]
        return {name: number.replace("{currency}", currency) for name, number in numbers.items()}


@dataclass(frozen=True, slots=True)
class Onboarding:
    """What the interview asks for one ERP. The first preset is the default.

    accounts    where the numbers by role go
    currencies  where the accounts of each currency go; "" for an ERP that keeps none by currency
    creditor    where the GoCardless creditor goes, for an ERP whose companies each have their own
    decisions   settings with a default that a person should look at: they are written out
    """

    questions: Sequence[Question]
    presets: Sequence[Preset]
    accounts: str = "accounts"
    currencies: str = "currencies"
    creditor: str = ""
    decisions: Values = field(default_factory=dict)

    def section(
        self,
        kind: str,
        answers: Mapping[str, Any],
        preset: Preset,
        currencies: Sequence[str],
        creditor: str,
    ) -> dict[str, Any]:
        """The `erp` section of a connection file, from one answer per question and a preset."""
        section: dict[str, Any] = {"kind": kind}
        for question in self.questions:
            if question.path:
                put(section, question.path.format(**answers), answers[question.key])
        if self.creditor:
            put(section, self.creditor.format(**answers), creditor)
        for path, value in {**self.decisions, **preset.settings}.items():
            put(section, path.format(**answers), value)
        if not preset.implied:
            put(section, self.accounts.format(**answers), dict(preset.accounts))
        for place, currency in enumerate(currencies if self.currencies else ()):
            put(section, f"{self.currencies.format(**answers)}.{currency}", preset.for_currency(currency, place))
        return section


def put(section: dict[str, Any], path: str, value: Any) -> None:
    """Set the setting at the dotted `path`, making the sections on the way.

    Raises `ConfigurationError` when the path leads through a setting that is no section.
    """
    *parents, last = path.split(".")
    for name in parents:
        section = section.setdefault(name, {})
        if not isinstance(section, dict):
            raise ConfigurationError(f"{path}: {name} is no section, nothing can be set in it.")
    section[last] = value
