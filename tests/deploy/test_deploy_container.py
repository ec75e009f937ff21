"""The image is made of what the project has: every file copied is there, every step's command can be run, nothing is root's."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

INSTRUCTIONS = {
    "FROM", "ENV", "RUN", "COPY", "USER", "WORKDIR", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD", "ARG", "LABEL",
}  # fmt: skip


def instructions(root: Path) -> Iterator[tuple[str, str]]:
    """(instruction, rest) of the Dockerfile, continued lines joined, comments left out."""
    text = (root / "deploy/container/Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if line.strip():
            name, _, rest = line.strip().partition(" ")
            yield name, rest.strip()


@pytest.fixture
def steps(root: Path) -> list[tuple[str, str]]:
    return list(instructions(root))


def rest_of(steps: list[tuple[str, str]], name: str) -> list[str]:
    return [rest for found, rest in steps if found == name]


def test_every_instruction_is_one_that_docker_knows(steps: list[tuple[str, str]]) -> None:
    assert {name for name, _ in steps} <= INSTRUCTIONS
    assert steps[0][0] == "FROM"


def test_base_images_are_pinned_to_a_version_of_the_supported_python(steps: list[tuple[str, str]]) -> None:
    bases = [rest.split()[0] for rest in rest_of(steps, "FROM")]
    assert bases
    assert all(re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", base) for base in bases)
    assert len(set(bases)) == 1


def test_everything_that_is_copied_exists_and_reaches_the_builder(root: Path, steps: list[tuple[str, str]]) -> None:
    let_in = {
        line[1:] for line in (root / ".dockerignore").read_text(encoding="utf-8").splitlines() if line.startswith("!")
    }
    copied = [rest for rest in rest_of(steps, "COPY") if not rest.startswith("--from=")]
    for rest in copied:
        *sources, _ = rest.split()
        for source in sources:
            assert (root / source).exists(), source
            assert source.split("/")[0] in let_in, source
    assert {"bookkeeping", "connector_resources", "connector_assets", "sensors", "connector", "sandbox"} <= {
        rest.split()[0] for rest in copied
    }


def test_only_locked_and_hashed_packages_are_installed(root: Path, steps: list[tuple[str, str]]) -> None:
    installs = [run for run in rest_of(steps, "RUN") if "pip install" in run]
    assert len(installs) == 2
    assert "--require-hashes" in installs[0]
    assert "--no-deps" in installs[1]
    locked = (root / "requirements/base.txt").read_text(encoding="utf-8")
    assert "--hash=sha256:" in locked
    assert not re.search(r"^(--index-url|--extra-index-url|--find-links)", locked, flags=re.MULTILINE)


def test_the_image_runs_as_a_user_without_rights_and_holds_no_secret(steps: list[tuple[str, str]]) -> None:
    (user,) = rest_of(steps, "USER")
    assert int(user.split(":")[0]) >= 10_000
    names = [name for name, _ in steps]
    assert names.index("USER") > max(n for n, name in enumerate(names) if name in ("RUN", "COPY"))
    for rest in (*rest_of(steps, "ENV"), *rest_of(steps, "ARG")):
        assert not re.search(r"PASSWORD|SECRET|TOKEN|VAULT_KEY\b", rest)


def test_processes_start_without_a_shell_and_are_ended_properly(steps: list[tuple[str, str]]) -> None:
    (entry,) = rest_of(steps, "ENTRYPOINT")
    (command,) = rest_of(steps, "CMD")
    assert shlex.split(entry.strip("[]").replace(",", " ")) == ["/usr/bin/tini", "--"]
    assert command.startswith("[")
    (check,) = rest_of(steps, "HEALTHCHECK")
    assert "CMD [" in check
    assert "/health" in check
