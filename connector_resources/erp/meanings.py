"""An ERP's refusals in plain sentences: which of its texts mean what, and what a person does then. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from connector_resources.erp.contract import Rejected

MESSAGE_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Meaning:
    """`pattern` is searched in the ERP's text; `sentence` says what it means and `next_step` what to do."""

    pattern: str
    code: str
    sentence: str
    next_step: str


def meaning_of(message: str, meanings: Sequence[Meaning]) -> Meaning | None:
    """The first of `meanings` that fits."""
    return next((each for each in meanings if re.search(each.pattern, message)), None)


def rejection(message: str, what: str, speaker: str, meanings: Sequence[Meaning]) -> Rejected:
    """The refusal of `what` (a request in words); the ERP's own `message` is kept in the reason."""
    text = " ".join(message.split())[:MESSAGE_CHARACTERS]
    meaning = meaning_of(message, meanings)
    if meaning is not None:
        return Rejected(meaning.code, f"{what}: {meaning.sentence}. {speaker} says: {text}", meaning.next_step)
    said = f"{speaker} says: {text}" if text else f"{speaker} gave no reason."
    return Rejected("refused", f"{what} was refused. {said}", f"Correct it in {speaker}, then release the posting.")
