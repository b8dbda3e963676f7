"""Twenty thousand compiled calls, with the garbage collector off, leave nothing behind."""

import os

import pytest

# Memory is the process's own, machine code and LLVM included.
HARNESS = """
import gc, resource, sys
import tidegrad as tg

tg.random.seed(0)
net = tg.nn.Sequential(tg.nn.Linear(3, 8), tg.nn.Tanh(), tg.nn.Dropout(0.1), tg.nn.Linear(8, 2))
opt = tg.optim.Adam(net.parameters(), lr=1e-3)
x, y = tg.random.normal((5, 3)), tg.random.normal((5, 2))
w = tg.tensor([1.0, 2.0], requires_grad=True)

@tg.jit
def trained(x, y):
    opt.zero_grad()
    loss = tg.nn.functional.mse_loss(net(x), y)
    loss.backward()
    opt.step()
    return loss

@tg.jit
def slope(v, rate=0.5):
    return (tg.sin(w * v) * rate).sum()

@tg.jit
def routine(v):
    return tg.sort(v * 2), {"first": tg.argsort(v)}

kinds = {
    "step": lambda k: trained(x, y),
    "gradient": lambda k: slope(w, rate=1.0 / (k + 1)).backward(),
    "state": lambda k: (net.state_dict(), trained(x, y)),
    "routines": lambda k: routine(w),
    "sizes": lambda k: slope(w[: 1 + k % 2], rate=0.1),
    "errors": lambda k: refused(k),
}

@tg.jit
def wrong(v):
    return v.item()

def refused(k):
    try:
        wrong(w)
    except Exception:
        return
    raise AssertionError

once, steps = kinds[sys.argv[1]], int(sys.argv[2])

def memory():  # what this process has now, in bytes; its peak is that of compiling
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()

for k in range(2000):  # programs are made; caches and free lists fill
    once(k)
w.grad = None
gc.collect()
gc.disable()
for k in range(500):
    once(k)
objects, blocks, before = len(gc.get_objects()), sys.getallocatedblocks(), memory()
for k in range(steps):
    once(k)
w.grad = None
print(memory() - before, len(gc.get_objects()) - objects, sys.getallocatedblocks() - blocks)
"""
STEPS = 20_000


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs Linux's /proc")
@pytest.mark.parametrize("kind", ["step", "gradient", "state", "routines", "sizes", "errors"])
def test_calls_leave_nothing_behind(alone, kind):
    memory, objects, blocks = map(int, alone(HARNESS, kind, STEPS).split())
    assert memory < 1_000_000
    assert objects < 10 and blocks < STEPS / 4
