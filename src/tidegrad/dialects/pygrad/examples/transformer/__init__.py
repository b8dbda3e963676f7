"""Floor 8. What pygrad's translation program imports beside it."""
