"""What `import tidegrad` does to a process: nothing but bring the package."""

import json

LOOK = """
    import gc, json, os, signal, sys, threading, warnings
    import numpy as np

    def state():
        numpy_random = np.random.get_state(legacy=False)["state"]
        return {
            "float errors": np.geterr(),
            "float error call": repr(np.geterrcall()),
            "printing": str(np.get_printoptions()),
            "numpy random": [int(numpy_random["pos"]), numpy_random["key"].tolist()],
            "warning filters": repr(warnings.filters),
            "environment": dict(os.environ),
            "recursion limit": sys.getrecursionlimit(),
            "threads": threading.active_count(),
            "interrupt": repr(signal.getsignal(signal.SIGINT)),
            "hooks": [repr(sys.excepthook), repr(sys.displayhook), repr(sys.meta_path)],
            "collector": [gc.isenabled(), gc.get_threshold()],
        }

    before, loaded = state(), set(sys.modules)
    import tidegrad
    after = state()
    changed = [name for name in before if before[name] != after[name]]
    print(json.dumps({"changed": changed, "loaded": sorted(set(sys.modules) - loaded)}))
"""
OPTIONAL = {"IPython", "jax", "llvmlite", "matplotlib", "scipy", "sklearn", "torch", "tqdm"}


def test_import_prints_nothing(alone):
    assert alone("import tidegrad") == ""


def test_import_changes_nothing_process_wide(alone):
    assert json.loads(alone(LOOK))["changed"] == []


def test_import_loads_no_optional_package(alone):
    loaded = {name.partition(".")[0] for name in json.loads(alone(LOOK))["loaded"]}
    assert "tidegrad" in loaded
    assert not loaded & OPTIONAL
