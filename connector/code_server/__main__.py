"""`python -m connector.code_server` is Dagster's command line, with our code server."""

import sys

from connector.code_server import main

main(sys.argv[1:])
