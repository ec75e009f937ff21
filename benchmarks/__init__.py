"""Repeatable measurements, one file each; never timed tests. `python -m benchmarks.protocol_overhead --quick` runs one."""
