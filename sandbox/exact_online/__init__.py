"""A strict local stand-in of Exact Online: OAuth, OData v3, XML match sets and webhooks over real HTTP, with its own
books.
"""
