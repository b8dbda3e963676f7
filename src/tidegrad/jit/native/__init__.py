"""Floor 6. Below the code generator: machine code, BLAS, threads, and programs kept on disk."""
