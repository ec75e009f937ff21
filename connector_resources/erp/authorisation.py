"""A person's consent, under way and afterwards: what the rest of the project needs of it, whatever system asks for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Authorisation:
    """Send the person to `url`. The browser comes back to `redirect_uri`; give the whole address to `complete`.

    `complete` seals the tokens into the vault and answers with a sentence for the person. It raises `ConsentExpired` for
    a refusal or a foreign address, `TokenRefused` when the application itself is refused, and `NotSent`.
    """

    url: str = field(repr=False)
    redirect_uri: str
    complete: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class ConsentState:
    """How a consent stands that ends when nobody uses it. `ends_at`: when it does without further use; None without any.

    `problem` is filled when a person must do `next_step`, which it ends with; in time if `ends_at` lies ahead.
    """

    ends_at: datetime | None
    problem: str = ""
    next_step: str = ""
