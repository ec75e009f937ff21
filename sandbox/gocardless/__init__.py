"""A stand-in of the GoCardless API over real HTTP: strict per the fact sheet, deterministic per seed, wholly in
memory.
"""
