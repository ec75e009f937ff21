"""`make demo`: a month of business on local stand-ins, through a real Dagster, judged by the stand-ins' own books."""
