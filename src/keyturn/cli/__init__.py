"""The command line: one file per noun, every command one call of the management API."""
