"""The dated page of one run of all measurements: the targets first, the reasons of the misses, then the tables.

It holds nothing that was not measured in that run, and nothing that names the machine beyond its kind.
"""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.measure import Page
from benchmarks.target import Verdict

#: whose version changes figures.
DISTRIBUTIONS = ("dagster", "orjson", "psycopg2-binary", "pydantic", "requests", "sqlalchemy", "starlette", "uvicorn")


@dataclass(frozen=True, slots=True)
class Chapter:
    """One measurement: what it found, or how it failed."""

    name: str
    title: str
    seconds: float
    pages: Sequence[Page] = ()
    verdicts: Sequence[Verdict] = ()
    failure: str = ""

    @classmethod
    def of(cls, name: str, title: str, seconds: float, found: Mapping[str, Any]) -> Chapter:
        """From what the measurement's process wrote, a `Found` as plain JSON."""
        pages = [Page(**page) for page in found["pages"]]
        return cls(name, title, seconds, pages, [Verdict(**verdict) for verdict in found["verdicts"]])


@dataclass(slots=True)
class Report:
    """`part` names the measurements when not all were run: a part never stands in place of the whole."""

    machine: dict[str, str]
    quick: bool
    part: Sequence[str] = ()
    chapters: list[Chapter] = field(default_factory=list)

    @property
    def stem(self) -> str:
        """`2026-11-21`, or `2026-11-21-quick-writing`: quick figures never stand in place of whole ones either."""
        return "-".join([self.machine["measured_at"][:10], *(["quick"] if self.quick else []), *self.part])

    def markdown(self) -> str:
        verdicts = [(chapter, verdict) for chapter in self.chapters for verdict in chapter.verdicts]
        met = sum(verdict.met for _, verdict in verdicts)
        lines = [f"# Measured on {self.machine['measured_at'][:10]}", ""]
        lines += [f"{met} of {len(verdicts)} targets are met. {self._how()}", "", *self._made_of(), ""]
        lines += ["| measurement | target | wanted | found | |", "| --- | --- | --- | --- | --- |"]
        for chapter, verdict in verdicts:
            cells = [
                chapter.title,
                verdict.target,
                verdict.wanted,
                verdict.figure,
                "met" if verdict.met else "**not met**",
            ]
            lines.append("| " + " | ".join(cells) + " |")
        lines += ["", *self._misses(verdicts)]
        for chapter in self.chapters:
            lines += self._told(chapter)
        return "\n".join(lines).rstrip("\n") + "\n"

    def write(self, folder: Path) -> tuple[Path, Path]:
        """`<date>.md` and `<date>.json` in `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        text, figures = folder / f"{self.stem}.md", folder / f"{self.stem}.json"
        text.write_text(self.markdown(), encoding="utf-8")
        told = {
            "machine": self.machine,
            "quick": self.quick,
            "chapters": [asdict(chapter) for chapter in self.chapters],
        }
        figures.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
        return text, figures

    def _how(self) -> str:
        part = f' ONLY="{" ".join(self.part)}"' if self.part else ""
        command = f"make bench{' QUICK=1' if self.quick else ''}{part}"
        seconds = sum(chapter.seconds for chapter in self.chapters)
        how = f"`{command}` measured for {seconds / 60:.0f} minutes; contestants take turns, figures are medians."
        return f"{how} Quick sizes: take the figures as an indication." if self.quick else how

    def _made_of(self) -> list[str]:
        machine = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in self.machine.items())
        installed = ((name, importlib.metadata.version(name)) for name in DISTRIBUTIONS)
        return [
            f"- Machine: {machine}.",
            f"- Versions: {', '.join(f'{name} {version}' for name, version in installed)}.",
        ]

    @staticmethod
    def _misses(verdicts: Sequence[tuple[Chapter, Verdict]]) -> list[str]:
        lines: list[str] = []
        for chapter, verdict in verdicts:
            if not verdict.met:
                lines += [f"### Not met: {chapter.title}, {verdict.target}", ""]
                lines += [
                    f"{verdict.figure} where {verdict.wanted} is wanted. {verdict.reason or 'Not explained yet.'}",
                    "",
                ]
        return ["## Misses", "", *lines] if lines else []

    @staticmethod
    def _told(chapter: Chapter) -> list[str]:
        lines = [f"## {chapter.title}", ""]
        if chapter.failure:
            return [*lines, f"It failed: `{chapter.failure}`", ""]
        for page in chapter.pages:
            lines += [*([page.question, ""] if page.question else []), *page.table(), ""]
            lines += [*(f"- {note}" for note in page.notes), ""] if page.notes else []
        return [*lines, f"`python -m benchmarks --only {chapter.name}`, {chapter.seconds:.0f} s.", ""]
