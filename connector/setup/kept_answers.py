"""Answers of an interview that was broken off, kept in the home until the connection file is written. Never a secret."""

from __future__ import annotations

import json
from pathlib import Path


class KeptAnswers:
    """Answer by key, written to the file after each one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._answers: dict[str, str] = {}
        if path.exists():
            self._answers = {str(key): str(value) for key, value in json.loads(path.read_text("utf-8")).items()}

    @property
    def any(self) -> bool:
        return bool(self._answers)

    def get(self, key: str) -> str | None:
        """The answer given earlier."""
        return self._answers.get(key)

    def keep(self, key: str, answer: str) -> None:
        """Remember the answer; it survives whatever happens to this process."""
        self._answers[key] = answer
        self._path.parent.mkdir(parents=True, exist_ok=True)
        written = self._path.with_suffix(".new")
        written.write_text(json.dumps(self._answers, indent=1), encoding="utf-8")
        written.replace(self._path)

    def forget(self) -> None:
        """The interview has ended; its file says everything now."""
        self._path.unlink(missing_ok=True)
