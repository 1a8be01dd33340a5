"""Statements as tables and as pages to print."""
