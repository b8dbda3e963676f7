"""Floor 6. The functions that a Map's text may call, in generated code."""
