"""The stand-ins' director, from afar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import requests

from tests.kills.household import PATIENCE_S


@dataclass(frozen=True, slots=True)
class Director:
    """Speaks to the process of `stand_ins.py`."""

    address: str

    def ask(self, what: str, **given: Any) -> dict[str, Any]:
        """Raises `requests.RequestException`."""
        answer = requests.post(f"{self.address}/{what}", json=given, timeout=PATIENCE_S)
        answer.raise_for_status()
        return dict(answer.json())
