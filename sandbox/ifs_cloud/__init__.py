"""A stand-in for IFS Cloud: its identity service, its projections and the books behind them. See `app.py`."""
