"""Settings: what there is to set, and where each value came from."""
