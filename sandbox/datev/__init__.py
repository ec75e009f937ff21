"""DATEV's online services as a local stand-in, and the tax adviser who reads what was delivered and keeps the books."""
