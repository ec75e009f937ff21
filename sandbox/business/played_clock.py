"""The clock of a month that passes in minutes: it goes on like the machine's, and jumps ahead when days are played.

Everything that has to live through the month shares it: the ledgers of this process as an object, other processes by a file
that says how many whole seconds it stands from the machine's clock.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sandbox.clock import SandboxClock

_SECOND = timedelta(seconds=1)


class PlayedClock(SandboxClock):
    """Begins at `start`. `file`, if given, is written at once and at each jump; it is never half-written."""

    def __init__(self, start: datetime, file: Path | None = None) -> None:
        super().__init__()
        self._file = file
        self._seconds = 0
        self._move(start)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._seconds * _SECOND

    def set(self, moment: datetime) -> None:
        """Jump ahead to `moment`, at most a second further. Raises `ValueError` when it is past already."""
        if moment < self.now():
            raise ValueError(f"the played clock shows {self.now().isoformat()} and does not go back")
        self._move(moment)

    def _move(self, moment: datetime) -> None:
        self._seconds = -((datetime.now(UTC) - moment) // _SECOND)
        if self._file is not None:
            whole = self._file.with_suffix(".new")
            whole.write_text(f"{self._seconds}\n", encoding="ascii")
            os.replace(whole, self._file)
