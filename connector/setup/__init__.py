"""Setting a connection up: the interview, the file it writes, and what follows until the first plan can be looked at."""
