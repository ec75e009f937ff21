"""Connections: one YAML file each, the schema they are held to, and what is built from them at run time."""
