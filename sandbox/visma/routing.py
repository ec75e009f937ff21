"""Which handler a path leads to: case-insensitive names, `b64(...)` values, and no reserved characters otherwise
(1.2).
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from urllib.parse import unquote

Target = TypeVar("Target")

#: characters that a path value may hold only inside `b64(...)`.
RESERVED = frozenset(":/?#[]@&*+;")
_B64 = re.compile(r"b64\(([A-Za-z0-9_-]*)\)", re.IGNORECASE)


@dataclass(slots=True)
class _Node(Generic[Target]):
    names: dict[str, _Node[Target]] = field(default_factory=dict)
    value: _Node[Target] | None = None
    parameter: str = ""
    targets: dict[str, Target] = field(default_factory=dict)


class Routes(Generic[Target]):
    """Paths such as `/v1/customer/{number}/invoice`, each with a target per method. Literal names win over values."""

    def __init__(self) -> None:
        self._root: _Node[Target] = _Node()

    def add(self, method: str, template: str, target: Target) -> None:
        """Raises `ValueError` when one place of a path is given two parameter names."""
        node = self._root
        for part in template.strip("/").split("/"):
            if part.startswith("{"):
                name = part[1:-1]
                if node.value is None:
                    node.value, node.parameter = _Node(), name
                if node.parameter != name:
                    raise ValueError(f"{template}: the value is called {node.parameter!r} elsewhere")
                node = node.value
            else:
                node = node.names.setdefault(part.lower(), _Node())
        node.targets[method] = target

    def find(self, method: str, raw_path: str) -> tuple[Target | None, dict[str, str]]:
        """The target and the path's values; no target when nothing matches. `raw_path` is still percent-encoded."""
        node, values = self._root, {}
        for raw in raw_path.strip("/").split("/"):
            part = unquote(raw)
            if part.lower() in node.names:
                node = node.names[part.lower()]
                continue
            value = path_value(part)
            if node.value is None or value is None:
                return None, {}
            values[node.parameter] = value
            node = node.value
        return node.targets.get(method), values


def path_value(segment: str) -> str | None:
    """The value of a path segment, or None when it holds reserved characters or broken base64url."""
    encoded = _B64.fullmatch(segment)
    if encoded is None:
        return None if not segment or RESERVED & set(segment) else segment
    text = encoded.group(1)
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
