"""The reason why a posting cannot become documents of its ERP as it is; planning turns it into a hold for a person."""

from __future__ import annotations


class CannotBook(Exception):
    """`code` is stable, `reason` says what is wrong, `next_step` what a person does about it."""

    def __init__(self, code: str, reason: str, next_step: str) -> None:
        self.code = code
        self.reason = reason
        self.next_step = next_step
        super().__init__(f"{code}: {reason}")
