"""Processes of an installation that is spread over machines: each is a session of its own, can be killed, and writes a log."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: patience for a step on a busy machine; nothing is asserted of how fast it goes.
PATIENCE_S = 600.0
LOOK_EVERY_S = 0.5


@dataclass(slots=True)
class Processes:
    """What runs, by name. All have the same environment."""

    environment: dict[str, str]
    logs: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, *words: str) -> None:
        with (self.logs / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                _program(words), env=self.environment, stdout=log, stderr=log, cwd=self.logs, start_new_session=True
            )

    def call_at_once(self, *commands: tuple[str, ...]) -> None:
        """Run the commands beside one another to their end. Raises `AssertionError` with what one said that failed."""
        begun = [
            subprocess.Popen(
                _program(words),
                env=self.environment,
                cwd=self.logs,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for words in commands
        ]
        said = [process.communicate(timeout=PATIENCE_S)[0] for process in begun]
        for process, text in zip(begun, said, strict=True):
            assert process.returncode == 0, text

    def kill(self, name: str) -> None:
        """What a power cut does to a machine: every process of it is gone at once."""
        process = self.running.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=60)

    def stop(self) -> None:
        for process in reversed(self.running.values()):
            process.terminate()
        for process in self.running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=60)
            # Children of its own end with the session.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=60)

    def said(self, name: str) -> str:
        return (self.logs / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    def wait(self, what: str, is_so: Callable[[], Any]) -> Any:
        """What `is_so` answers as soon as it is true. Raises `AssertionError` when it never is, or a process has stopped."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            for name, process in self.running.items():
                assert process.poll() is None, f"{name} has stopped: {self.said(name)[-4000:]}"
            if found := is_so():
                return found
            time.sleep(LOOK_EVERY_S)
        told = "\n".join(f"{name}: {self.said(name)[-3000:]}" for name in self.running)
        raise AssertionError(f"not within {PATIENCE_S:.0f} s: {what}\n{told}")


def _program(words: tuple[str, ...]) -> list[str]:
    return [str(Path(sys.executable).parent / words[0]), *words[1:]]
