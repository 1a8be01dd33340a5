"""Keyturn: one key turns every model."""

__version__ = "0.1.0"
