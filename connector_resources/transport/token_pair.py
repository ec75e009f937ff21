"""Access and refresh token with their times, as they are kept in the vault (one JSON value, sealed as a whole)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from connector_resources.transport.redaction import register_secret

LONGEST_LIFE_S = 100 * 366 * 86_400


@dataclass(frozen=True, slots=True)
class TokenPair:
    """`expires_at` None: the token does not expire by itself. `granted_at`: when a person last consented.

    refused  True once the provider said the refresh token is dead: nobody asks again until a person has consented.
    refresh_started_at  when the refresh token was sent and no answer has been noted yet: its reply may be lost.
    """

    access_token: str = field(repr=False)
    obtained_at: datetime
    granted_at: datetime
    expires_at: datetime | None = None
    refresh_token: str = field(default="", repr=False)
    refused: bool = False
    refresh_started_at: datetime | None = None

    @classmethod
    def from_reply(cls, fields: Mapping[str, Any], now: datetime, replaces: TokenPair | None = None) -> TokenPair:
        """From a token endpoint's parsed reply. The old refresh token stays valid when the reply names no new one.

        Raises `ValueError` or `TypeError` when the reply is not a token reply, or names a life beyond a hundred years.
        """
        expires_in = fields.get("expires_in")
        access_token = fields.get("access_token")
        if not isinstance(access_token, str) or not access_token:
            raise ValueError("the reply holds no access token")
        pair = cls(
            access_token=access_token,
            obtained_at=now,
            granted_at=replaces.granted_at if replaces else now,
            expires_at=now + timedelta(seconds=_life_s(expires_in)) if expires_in else None,
            refresh_token=str(fields.get("refresh_token") or (replaces.refresh_token if replaces else "")),
        )
        pair.register()
        return pair

    @classmethod
    def from_text(cls, text: str) -> TokenPair:
        """Raises `ValueError` when the stored text is not a token pair."""
        try:
            stored = json.loads(text)
            expires_at, started_at = stored["expires_at"], stored.get("refresh_started_at")
            pair = cls(
                access_token=stored["access_token"],
                obtained_at=datetime.fromisoformat(stored["obtained_at"]),
                granted_at=datetime.fromisoformat(stored["granted_at"]),
                expires_at=datetime.fromisoformat(expires_at) if expires_at else None,
                refresh_token=stored["refresh_token"],
                refused=stored["refused"],
                refresh_started_at=datetime.fromisoformat(started_at) if started_at else None,
            )
        except (ValueError, KeyError, TypeError):
            pair = None
        if pair is None:
            raise ValueError("the stored value is not a token pair")
        pair.register()
        return pair

    def to_text(self) -> str:
        return json.dumps(
            {
                "access_token": self.access_token,
                "refresh_token": self.refresh_token,
                "obtained_at": self.obtained_at.astimezone(UTC).isoformat(),
                "granted_at": self.granted_at.astimezone(UTC).isoformat(),
                "expires_at": _written(self.expires_at),
                "refused": self.refused,
                "refresh_started_at": _written(self.refresh_started_at),
            }
        )

    def is_fresh(self, now: datetime, margin_s: int) -> bool:
        """True while more than `margin_s` remain; of short-lived tokens at most a quarter of the life is given up."""
        if self.refused:
            return False
        if self.expires_at is None:
            return True
        margin = min(timedelta(seconds=margin_s), (self.expires_at - self.obtained_at) / 4)
        return now < self.expires_at - margin

    def dead(self) -> TokenPair:
        return replace(self, refused=True)

    def refreshing(self, started_at: datetime | None) -> TokenPair:
        """The same pair with the note that its refresh token was sent at `started_at`."""
        return replace(self, refresh_started_at=started_at)

    def register(self) -> None:
        """Make sure that neither token is ever written to a log."""
        register_secret(self.access_token)
        register_secret(self.refresh_token)


def _written(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat() if moment else None


def _life_s(expires_in: Any) -> int:
    life_s = int(expires_in)
    if not 0 <= life_s <= LONGEST_LIFE_S:
        raise ValueError("the reply names an absurd life of the token")
    return life_s
