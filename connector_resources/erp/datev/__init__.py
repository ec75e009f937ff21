"""DATEV: bookings as EXTF files through the Buchungsdatenservice, vouchers and posting proposals where switched on."""
