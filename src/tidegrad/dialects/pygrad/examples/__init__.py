"""Floor 8. What pygrad's example programs import beside it."""
