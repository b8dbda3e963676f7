"""Floor 6. The compiler: a function of tensors, traced once, becomes one native program."""
