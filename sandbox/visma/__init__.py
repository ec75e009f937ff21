"""A strict local stand-in of Visma.net ERP: its service API over real HTTP, its documents' life cycles, its own
books.
"""
