"""The questions of `connector init`: each has an option that answers it, a default that is shown, and a check of its own.

What comes out is the content of a connection file. Secrets are not asked for here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import click
import yaml
from pydantic import TypeAdapter, ValidationError
from rich.table import Table

from bookkeeping.collection_schemes import CURRENCIES
from bookkeeping.postings import AccountRole
from connector.cli.output import console
from connector.setup.kept_answers import KeptAnswers
from connector.setup.stand_ins import Known
from connector_resources.connections.template import DECISIONS, preset_called, typed_answers
from connector_resources.erp.onboarding import Preset, Question, put
from connector_resources.erp.registry import ErpKind
from connector_resources.errors import ConfigurationError

Check = Callable[[str], str]
CREDITOR = r"CR\w+"


@dataclass(frozen=True, slots=True)
class Given:
    """What options said: one answer by question, account numbers by role or `EUR.<field>`, any setting by path."""

    answers: Mapping[str, str]
    accounts: Mapping[str, str]
    settings: Mapping[str, str]


class Interview:
    """Asks what options left open. With `asks` False nothing is asked: defaults are taken, and shown."""

    def __init__(self, given: Given, known: Known, kept: KeptAnswers, *, asks: bool) -> None:
        self._given = given
        self._known = known
        self._kept = kept
        self._asks = asks

    def document(self, name: str, erp: str, kind: ErpKind, today: date) -> dict[str, Any]:
        """The content of the connection file `name`. Raises `ConfigurationError` for an option that fits no question."""
        environment = self.answer(
            "environment", "GoCardless environment (live or sandbox)", "sandbox", one_of("live", "sandbox")
        )
        currencies = self._currencies(kind)
        creditor = self._creditor(kind)
        time_zone = self.answer("time_zone", "Time zone of the company", self._known.time_zone or "Europe/Berlin", zone)
        cut_over = self.answer(
            "cut_over", "First day that is posted (the cut-over)", (self._known.cut_over or today).isoformat(), day
        )
        section = self._erp_section(erp, kind, currencies, creditor)
        document: dict[str, Any] = {
            "name": name,
            "gocardless": {"environment": environment, **self._known.gocardless},
            "books": {"time_zone": time_zone, "cut_over": date.fromisoformat(cut_over), **DECISIONS},
            "erp": section,
        }
        if creditor and not kind.onboarding.creditor:
            document["gocardless"]["creditor"] = creditor
        if kind.traits.collects and self._collects():
            document |= {"collections": {"enabled": True}, **self._known.sections}
        for path, text in self._given.settings.items():
            put(document, path, yaml.safe_load(text))
        return document

    def answer(self, key: str, text: str, default: str, check: Check) -> str:
        """One answer: the option's, or the person's, or the default; checked. An option's wrong answer ends the command."""
        given = self._given.answers.get(key)
        if given is not None:
            try:
                value = check(given)
            except click.UsageError as error:
                raise click.UsageError(f"--{key.replace('_', '-')}: {error.message}") from error
        elif self._asks:
            value = click.prompt(text, default=self._kept.get(key) or default, value_proc=check)
        else:
            value = check(default)
            console.print(f"{text}: {value}", markup=False)
        self._kept.keep(key, value)
        return value

    def _currencies(self, kind: ErpKind) -> list[str]:
        if not kind.onboarding.currencies or self._known.erp:
            # Booked without accounts of their own, or the stand-in's chart says which there are.
            return []
        text = self.answer("currencies", "Currencies you collect, with commas", "EUR", currency_list)
        return text.split(",")

    def _creditor(self, kind: ErpKind) -> str:
        """Asked for where every company has its own; elsewhere an option for accounts with several."""
        if not kind.onboarding.creditor:
            return self._given.answers.get("creditor") or ""
        if self._known.erp:
            return ""
        return self.answer("creditor", "GoCardless creditor of this company (CR…)", "CR000123", matching(CREDITOR))

    def _collects(self) -> bool:
        default = "yes" if "collections" in self._known.sections else "no"
        return self.answer("collections", "Collect due invoices (yes or no)", default, one_of("yes", "no")) == "yes"

    def _erp_section(self, erp: str, kind: ErpKind, currencies: Sequence[str], creditor: str) -> dict[str, Any]:
        answers = self._erp_answers(erp, kind)
        typed = typed_answers(erp, answers)
        if self._known.erp:
            own = Preset("stand_in", "the stand-in's own", {}, implied=True)
            built = kind.onboarding.section(erp, typed, own, (), creditor)
            section = laid_over(built, self._known.erp, kind.onboarding.questions, answers)
        else:
            preset = self._preset(kind)
            section = kind.onboarding.section(erp, typed, preset, currencies, creditor)
            self._accounts(kind, section, preset, answers)
        return section

    def _erp_answers(self, erp: str, kind: ErpKind) -> dict[str, str]:
        answers: dict[str, str] = {}
        for question in kind.onboarding.questions:
            default = self._default(kind, question, answers)
            answers[question.key] = self.answer(question.key, question.text, default, setting_check(kind, question))
        return answers

    def _default(self, kind: ErpKind, question: Question, answers: Mapping[str, str]) -> str:
        value: Any = self._known.erp
        # A question that is a part of paths is answered by the first key where the paths have it.
        path = question.path.format(**answers) or kind.onboarding.accounts.partition("{")[0].rstrip(".")
        for step in path.split("."):
            value = value.get(step) if isinstance(value, Mapping) else None
        if isinstance(value, Mapping):
            value = next(iter(value))
        return question.example if value is None else str(value)

    def _preset(self, kind: ErpKind) -> Preset:
        presets = kind.onboarding.presets
        if len(presets) > 1 and self._asks and "chart" not in self._given.answers:
            for preset in presets:
                console.print(f"  {preset.name}: {preset.label}", markup=False)
        names = [preset.name for preset in presets]
        chosen = self.answer("chart", f"Account numbers to begin with ({', '.join(names)})", names[0], one_of(*names))
        found = preset_called(kind.onboarding, chosen)
        assert found is not None, chosen
        return found

    def _accounts(self, kind: ErpKind, section: dict[str, Any], preset: Preset, answers: Mapping[str, str]) -> None:
        """Show the accounts; take other numbers from options, or ask for each when the person says they are not right."""
        numbers = self._numbers(kind, section, preset, answers)
        unknown = sorted(set(self._given.accounts) - set(numbers) - {role.value for role in AccountRole})
        if unknown:
            raise ConfigurationError(
                f"--account {unknown[0]}=…: there is no such account; there are {', '.join(numbers)}."
            )
        asks = False
        if self._asks:
            _show_accounts({**{key: number for key, (_, number) in numbers.items()}, **self._given.accounts})
            asks = not click.confirm("Are these the numbers of your chart?", default=True)
        for key, (path, number) in numbers.items():
            text = self._given.accounts.get(key) or str(number)
            if asks and key not in self._given.accounts:
                text = self.answer(f"account {key}", f"Account for {key}", text, matching(r"\S+"))
            if text != str(number) or not preset.implied:
                put(section, path, _as(number, text))
        for role in sorted(set(self._given.accounts) - set(numbers)):
            put(section, f"{kind.onboarding.accounts.format(**answers)}.{role}", self._given.accounts[role])

    def _numbers(
        self, kind: ErpKind, section: Mapping[str, Any], preset: Preset, answers: Mapping[str, str]
    ) -> dict[str, tuple[str, str | int]]:
        """`fees` or `EUR.bank_account` -> where it stands in the section, and its number so far."""
        onboarding = kind.onboarding
        roles = onboarding.accounts.format(**answers)
        numbers: dict[str, tuple[str, str | int]] = {
            role: (f"{roles}.{role}", number) for role, number in preset.accounts.items()
        }
        if onboarding.currencies:
            path = onboarding.currencies.format(**answers)
            found: Any = section
            for step in path.split("."):
                found = found[step]
            for currency, accounts in found.items():
                for name, number in accounts.items():
                    numbers[f"{currency}.{name}"] = (f"{path}.{currency}.{name}", number)
        return numbers


def laid_over(
    built: dict[str, Any], known: Mapping[str, Any], questions: Sequence[Question], answers: Mapping[str, str]
) -> dict[str, Any]:
    """What a stand-in tells, with the person's answers over it."""
    section = _merged(built, known)
    for question in questions:
        path = question.path.format(**answers)
        value: Any = built
        for step in path.split(".") if path else ():
            value = value[step]
        if path:
            put(section, path, value)
    return section


def one_of(*words: str) -> Check:
    """A check that lets these words through."""

    def check(text: str) -> str:
        if text not in words:
            raise click.UsageError(f"{text!r} is not one of {', '.join(words)}")
        return text

    return check


def matching(pattern: str) -> Check:
    """A check that lets through what `pattern` matches whole."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise click.UsageError(f"{text!r} does not look like {pattern}")
        return text

    return check


def zone(text: str) -> str:
    """Lets IANA time zones through."""
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError) as error:
        raise click.UsageError(f"{text!r} is not an IANA time zone such as Europe/Berlin") from error
    return text


def day(text: str) -> str:
    """Lets days through."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise click.UsageError(f"{text!r} is not a day such as 2026-06-30") from error


def currency_list(text: str) -> str:
    """Lets currencies that GoCardless collects through, with commas between them."""
    codes = [code.strip().upper() for code in text.split(",") if code.strip()]
    unknown = [code for code in codes if code not in CURRENCIES]
    if unknown or not codes:
        known = ", ".join(sorted(CURRENCIES))
        raise click.UsageError(f"{', '.join(unknown) or 'nothing'} is no currency GoCardless collects; it does {known}")
    return ",".join(dict.fromkeys(codes))


def setting_check(kind: ErpKind, question: Question) -> Check:
    """Lets through what the ERP's settings take for this question; what concerns several settings is checked at the end."""
    field = kind.settings.model_fields.get(question.path)
    if field is None:
        return matching(r"\S.*")
    kinds: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    adapter: TypeAdapter[Any] = TypeAdapter(kinds)

    def check(text: str) -> str:
        try:
            adapter.validate_python(text)
        except ValidationError as error:
            raise click.UsageError(f"{text!r}: {error.errors()[0]['msg']}") from error
        return text

    return check


def _as(example: str | int, text: str) -> str | int:
    return int(text) if isinstance(example, int) and text.isdigit() else text


def _merged(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(first)
    for key, value in second.items():
        mine = merged.get(key)
        merged[key] = _merged(mine, value) if isinstance(mine, Mapping) and isinstance(value, Mapping) else value
    return merged


def _show_accounts(numbers: Mapping[str, str | int]) -> None:
    table = Table(title="Accounts", title_justify="left")
    table.add_column("for")
    table.add_column("number")
    for key, number in numbers.items():
        table.add_row(key, str(number))
    console.print(table)
