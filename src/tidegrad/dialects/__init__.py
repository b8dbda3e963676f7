"""Floor 8. The dialects: names and habits of five small engines, and micrograd's, over tidegrad.

Each is a thin layer over public names: `from tidegrad.dialects.NAME import ...` is the only line
that a program changes, and `python -m tidegrad run --as NAME program.py` changes not even that.
"""

__all__ = ["maligrad", "micrograd", "picograd", "pygrad", "simplegrad"]
