"""Floor 6. Below the code generator: machine code, threads, and programs kept on disk."""
