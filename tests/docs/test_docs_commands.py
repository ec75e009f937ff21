"""Every command that a page shows exists with those options, and every one that needs no remote system is really run."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from connector.cli import COMMANDS, main

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [*sorted(DOCS.rglob("*.md")), ROOT / "CHANGELOG.md", *sorted(ROOT.glob("README.md"))]
START = DOCS / "start-in-ten-minutes.md"
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", flags=re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(connector [^`]+)`")

#: commands that work on the home alone, and those that talk to a remote system or stay up.
LOCAL = {
    "connections", "correct", "credentials", "customers", "forget", "held", "init", "prune", "release", "report", "schema",
    "status", "trace", "trail", "upgrade", "withdraw",
}  # fmt: skip
REMOTE = {
    "authorize",
    "code-server",
    "collections",
    "demo",
    "ping",
    "plan",
    "replay",
    "run",
    "sandbox",
    "serve",
    "subscriptions",
    "webhooks",
}
#: commands that write files where they are told; `tests/connector/test_cli_backup.py` runs them.
FILES = {"backup", "metrics", "restore"}
#: other programs: those that are run here, and those that install, serve, or need a database server.
RUN_IN_SHELL = {"cp", "mkdir", "openssl"}
NOT_RUN = {
    ".venv/bin/python", "cd", "celery", "dagster", "dagster-daemon", "dagster-webserver", "docker", "export", "git", "helm",
    "install", "journalctl", "kubectl", "make", "python", "python3.11", "sh", "sudo", "systemctl",
}  # fmt: skip


@dataclass(frozen=True)
class Shown:
    """One line of a shell block. `piped` when something is piped into it."""

    page: Path
    line: str

    @property
    def words(self) -> list[str]:
        return shlex.split(self.line.rpartition("|")[2], comments=True)

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}: {self.line}"


def shown_lines(page: Path) -> Iterator[Shown]:
    for _, language, block in FENCE.findall(page.read_text(encoding="utf-8")):
        if language == "sh":
            lines = block.replace("\\\n", " ").splitlines()
            yield from (
                Shown(page, line.strip()) for line in lines if line.strip() and not line.strip().startswith("#")
            )


LINES = [line for page in PAGES for line in shown_lines(page)]
CONNECTOR_LINES = [line for line in LINES if line.words[0] == "connector"]
MENTIONS = [Shown(page, text) for page in PAGES for text in INLINE.findall(page.read_text(encoding="utf-8"))]


def found(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that `words` call, and the words left for it. Fails when there is none."""
    command: click.Command = main
    rest = words[1:]
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        inner = command.get_command(click.Context(command), rest[0])
        assert inner is not None, f"there is no command {' '.join(words)}"
        command, rest = inner, rest[1:]
    return command, rest


def test_every_command_is_told_apart_as_local_or_remote() -> None:
    assert set(COMMANDS) == LOCAL | REMOTE | FILES
    assert len(COMMANDS) == len(LOCAL) + len(REMOTE) + len(FILES)


def test_the_pages_show_commands() -> None:
    assert len(CONNECTOR_LINES) > 30
    assert {line.words[1] for line in CONNECTOR_LINES} >= LOCAL


def test_every_other_program_is_known() -> None:
    unknown = [str(line) for line in LINES if line.words[0] not in {"connector", *RUN_IN_SHELL, *NOT_RUN}]
    assert not unknown


@pytest.mark.parametrize("line", CONNECTOR_LINES, ids=str)
def test_a_shown_command_is_accepted_with_its_options_and_arguments(line: Shown) -> None:
    command, rest = found(line.words)
    with command.make_context(line.words[-1], rest, **main.context_settings) as context:
        assert context.command is command


@pytest.mark.parametrize("mention", MENTIONS, ids=str)
def test_a_mentioned_command_exists_with_those_options(mention: Shown) -> None:
    command, rest = found(mention.words)
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    assert {word.partition("=")[0] for word in rest if word.startswith("--")} <= known | {"--help", "--version"}


def run_page(page: Path, environment: dict[str, str]) -> int:
    """Run what `page` shows, in its order; returns how many lines were run."""
    count = 0
    for line in shown_lines(page):
        if line.words[0] == "connector" and line.words[1] in LOCAL:
            # The interview takes its defaults, and is given secrets later.
            given = "\n" * 60 if line.words[1] == "init" else "a-secret-value\n"
            result = CliRunner().invoke(main, line.words[1:], input=given, catch_exceptions=False)
            assert result.exit_code == 0, f"{line}\n{result.output}"
        elif line.words[0] in RUN_IN_SHELL:
            done = subprocess.run(["bash", "-c", line.line], cwd=ROOT, env=environment, capture_output=True, text=True)
            assert done.returncode == 0, f"{line}\n{done.stderr}"
        else:
            continue
        count += 1
    return count


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page not in (START, DOCS / "commands.md") and list(shown_lines(page))],
    ids=lambda page: page.name,
)
def test_the_commands_of_a_page_work_where_work_is_waiting(page: Path, home_with_work: Path) -> None:
    local = [line for line in shown_lines(page) if line.words[0] == "connector" and line.words[1] in LOCAL]
    assert run_page(page, dict(os.environ)) >= len(local)
    assert home_with_work.exists()
