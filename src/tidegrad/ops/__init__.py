"""Floor 3. The operations: tables of primitives and the functions that bring arguments to them."""
