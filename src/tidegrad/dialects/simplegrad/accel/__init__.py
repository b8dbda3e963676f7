"""Floor 8. simplegrad's accelerators, by their modules' names."""
