"""What operators do: use cases over the store, without a framework."""
