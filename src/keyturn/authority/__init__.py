"""Who owns the counters: one port, one conformance suite, one implementation for each place they can live in."""
