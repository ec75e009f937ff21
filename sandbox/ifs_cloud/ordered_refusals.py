"""Refusals to order: an ORA number and tag that the next matching write is answered with, without any effect.

For numbers that no rule of the stand-in raises by itself, such as locked rows and deadlocks (fact sheet 6.2).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sandbox.ifs_cloud.refusals import Business

_WRITES = ("POST", "PUT", "PATCH", "DELETE")


@dataclass(slots=True)
class _Order:
    ora: int
    tag: str
    text: str
    path: str
    times: int


class Refusals:
    """Orders in their sequence; each is used up by the writes it matches."""

    def __init__(self) -> None:
        self._orders: list[_Order] = []

    def __len__(self) -> int:
        return len(self._orders)

    def add(self, ora: int, tag: str, text: str = "Refused.", path: str = ".*", times: int = 1) -> None:
        """Refuse the next `times` writes whose path holds the regular expression `path`."""
        re.compile(path)
        self._orders.append(_Order(ora, tag, text, path, times))

    def check(self, method: str, path: str) -> None:
        """Raises `Business` when a refusal was ordered for this write."""
        if method not in _WRITES:
            return
        for order in self._orders:
            if re.search(order.path, path):
                order.times -= 1
                if order.times <= 0:
                    self._orders.remove(order)
                raise Business(order.ora, order.tag, order.text)
