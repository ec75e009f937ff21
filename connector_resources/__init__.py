"""I/O: HTTP transport, vault, store, GoCardless client, the posting protocol and one folder per ERP."""
