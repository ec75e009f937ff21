"""One month of believable business for the sandboxes: planned from a seed, played through the GoCardless stand-in,
and the books it must lead to, stated independently of any connector.
"""
