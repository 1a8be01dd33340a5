"""How a credential is presented: one file per scheme. ``None`` is "not mine", a refusal is "mine, but bad"."""
