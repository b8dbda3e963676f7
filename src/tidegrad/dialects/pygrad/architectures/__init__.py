"""Floor 8. The models that pygrad shows itself by, as its users import them."""
