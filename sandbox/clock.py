"""The sandbox's own time: real by default, or set and moved by the control API, so that a month passes in a minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class SandboxClock:
    """Aware UTC time that either follows the machine or stands still until it is moved. It never goes back."""

    def __init__(self, frozen_at: datetime | None = None) -> None:
        self._frozen_at = frozen_at

    def now(self) -> datetime:
        return self._frozen_at if self._frozen_at is not None else datetime.now(UTC)

    def set(self, moment: datetime) -> None:
        """Stop at `moment`. Raises `ValueError` when that lies before the present sandbox time of a stopped clock."""
        if self._frozen_at is not None and moment < self._frozen_at:
            raise ValueError(f"the sandbox clock stands at {self._frozen_at.isoformat()} and does not go back")
        self._frozen_at = moment

    def advance(self, span: timedelta) -> datetime:
        self.set(self.now() + span)
        return self.now()
