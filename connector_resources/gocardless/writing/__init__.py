"""GoCardless as a target of the posting protocol: collections and customers, written like documents of an ERP."""
