"""One folder per ERP, all of the same shape; `contract.py` is what they share, `registry.py` knows them all."""
