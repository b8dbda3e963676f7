"""How much memory a process of its own has, now and at most: text for programs that measure it."""

# Linux counts in ru_maxrss what the parent had before the program began, which is far more.
PEAK = """
import os, resource, sys

def resident(what):
    if os.path.exists("/proc/self/status"):
        with open("/proc/self/status") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith(what)) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit

def peak():
    return resident("VmHWM")

def memory():
    return resident("RssAnon")
"""
