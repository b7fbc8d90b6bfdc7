"""The verifier of a stored log: pure, fed with rows as they lie in the tables, it says what does not fit."""
