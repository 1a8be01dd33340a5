"""The data plane of one worker: from a client's socket to a provider's and back, awaiting nothing but bytes."""
