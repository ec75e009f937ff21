"""Telling people that they are needed: what is said, each thing once a day, by e-mail and webhook."""
