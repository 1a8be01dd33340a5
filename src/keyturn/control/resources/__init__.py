"""The nouns of the management API, one module each."""
