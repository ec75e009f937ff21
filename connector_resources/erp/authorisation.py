"""A person's consent under way: what the command line needs of it, whatever system asks for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Authorisation:
    """Send the person to `url`. The browser comes back to `redirect_uri`; give the whole address to `complete`.

    `complete` seals the tokens into the vault and answers with a sentence for the person. It raises `ConsentExpired` for
    a refusal or a foreign address, `TokenRefused` when the application itself is refused, and `NotSent`.
    """

    url: str = field(repr=False)
    redirect_uri: str
    complete: Callable[[str], str]
