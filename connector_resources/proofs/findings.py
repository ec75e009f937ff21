"""The result of a check: everything found wrong, in sentences with a next step; empty means it holds."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not hold. `subject` is the GoCardless id or posting key it is about."""

    subject: str
    message: str
    next_step: str = ""


@dataclass(slots=True)
class Findings:
    """`checked` things were looked at; `severe` findings make the check an error, others a warning."""

    what: str
    checked: int = 0
    rows: list[Finding] = field(default_factory=list)
    severe: bool = True

    def add(self, subject: str, message: str, next_step: str = "") -> None:
        self.rows.append(Finding(subject, message, next_step))

    def sentence(self) -> str:
        if not self.rows:
            return f"{self.checked} {self.what} looked at, all in order."
        return f"{len(self.rows)} of {self.checked} {self.what} need a look. First: {self.rows[0].message}"
