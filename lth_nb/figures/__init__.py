"What is drawn from a table; no torch."
