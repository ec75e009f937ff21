"""Signals: the webhook receiver, and the sensors and schedules that turn new inbox rows and time into runs."""
