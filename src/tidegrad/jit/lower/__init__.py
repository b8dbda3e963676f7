"""Floor 6. From a graph to loops: index maps, fusion, memory, and the code of every loop."""
