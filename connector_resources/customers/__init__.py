"""Customers of both sides, aligned: who is who, and what each side should know of the other."""
