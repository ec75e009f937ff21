"""How properties are tried: the same examples in every run, unless somebody goes looking for new ones.

`make test` must say the same of the same code on every machine. `make explore` draws other examples each time.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("steady", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("explore", max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")
