"""Fixed windows of real time with the three headers on every reply (gocardless.md section 5)."""

from __future__ import annotations

from datetime import datetime, timedelta
from email.utils import format_datetime

from sandbox.gocardless.problems import ApiProblem
from sandbox.gocardless.world import World


class RateLimits:
    """One budget for everything and a smaller one for `/balances`. Real time, because callers really wait."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._windows: dict[str, tuple[datetime, int]] = {}

    def spend(self, budget: str) -> tuple[dict[str, str], ApiProblem | None]:
        """Count a call; returns the headers of its reply and the refusal when the window is used up."""
        limit = self._limit(budget)
        now = self._world.wall_clock()
        started, used = self._windows.get(budget, (now, 0))
        span = timedelta(seconds=self._world.settings.rate_window_s)
        if now >= started + span:
            started, used = now, 0
        used += 1
        self._windows[budget] = (started, used)
        # The header has whole seconds: rounded up, so that a caller who waits until then is let in.
        reset = (started + span).replace(microsecond=0) + timedelta(seconds=1)
        headers = {
            "RateLimit-Limit": str(limit),
            "RateLimit-Remaining": str(max(0, limit - used)),
            "RateLimit-Reset": format_datetime(reset, usegmt=True),
        }
        if used > limit:
            reason = {"reason": "rate_limit_exceeded", "message": "Rate limit exceeded"}
            return headers, ApiProblem(429, "invalid_api_usage", "Rate limit exceeded", [reason])
        return headers, None

    def _limit(self, budget: str) -> int:
        settings = self._world.settings
        return settings.balances_rate_limit if budget == "balances" else settings.rate_limit
