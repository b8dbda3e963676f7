"""Threads do not disturb each other: their results are, bit for bit, those of one thread."""

import threading

import tidegrad as tg

PROGRAM = """
import sys, threading
import numpy as np
import tidegrad as tg

THREADS, STEPS = 8, 1000
sys.setswitchinterval(1e-5)
rng = np.random.default_rng(0)
net = tg.nn.Sequential(tg.nn.Linear(3, 4), tg.nn.Linear(4, 2)).requires_grad_(False)
weight = tg.tensor(rng.normal(size=(3, 3)))
memory = rng.normal(size=3)
custom = tg.custom_vjp(lambda a: a * a)
custom.defvjp(lambda a: (a * a, a), lambda a, g: (2 * a * g,))
folded = tg.checkpoint(lambda a: tg.exp(-a * a).sum())
square = tg.checkpoint(lambda a: (net(a) ** 2).sum())

def plain(x):
    y = (tg.sin(x @ weight) * x).sum()
    y.backward()
    return x.grad

def in_place(x):
    y = x * 2
    y[0] = y[1] * y[2]
    y += x
    (y * y).sum().backward()
    return x.grad

def second(x):
    (x**3).sum().backward(create_graph=True)
    first, x.grad = x.grad, None
    (first * first).sum().backward()
    return x.grad

def unrecorded(x):
    with tg.no_grad():
        y = x * x
        assert not y.requires_grad and not tg.is_grad_enabled()
        inner = tg.grad(lambda v: (v * v).sum())(x)
    assert tg.is_grad_enabled() and (x * x).requires_grad
    return y + inner

def shared(x):
    y = (x * tg.asarray(memory, copy=False)).sum()
    y.backward()
    return x.grad

def networks(x):
    square(x.astype(tg.float32)).backward()
    return x.grad

def strict(x):
    with tg.detect_anomaly():
        tg.log(x * x + 1).sum().backward()
    return x.grad

def failing(x):
    try:
        x @ tg.ones((4, 4))
    except ValueError:
        pass
    tg.max(x).backward()
    return x.grad

KINDS = [
    plain, in_place, second, unrecorded, shared, networks, strict, failing,
    lambda x: tg.hessian(lambda v: (v**3 * weight[0]).sum())(x),
    lambda x: tg.jvp(tg.grad(lambda v: folded(v)), [x], [weight[0]])[1],
    lambda x: tg.vjp(custom, x)[1](weight[1])[0],
    lambda x: tg.jacobian(lambda v: tg.softmax(v @ weight))(x),
]

def work(k):
    random, found = np.random.default_rng(k), []
    for step in range(STEPS):
        x = tg.tensor(random.normal(size=3), requires_grad=True)
        found.append(KINDS[(step * 7 + k) % len(KINDS)](x).numpy().tobytes())
    return found

serial = [work(k) for k in range(THREADS)]
parallel = [None] * THREADS
def run(k):
    start.wait()
    parallel[k] = work(k)
start = threading.Barrier(THREADS)
threads = [threading.Thread(target=run, args=(k,)) for k in range(THREADS)]
for t in threads: t.start()
for t in threads: t.join()
assert all(len(found) == STEPS for found in serial)
assert serial == parallel, [k for k in range(THREADS) if serial[k] != parallel[k]]
assert all(p.grad is None for p in net.parameters()) and weight.grad is None
"""


def test_eight_threads_get_the_same_bits_as_one(alone):
    alone(PROGRAM)


def in_thread(f):
    found = []
    thread = threading.Thread(target=lambda: found.append(f()))
    thread.start()
    thread.join()
    return found[0]


def test_recording_is_each_threads_own():
    x = tg.ones(2, requires_grad=True)
    with tg.no_grad():
        assert in_thread(tg.is_grad_enabled)
        assert in_thread(lambda: (x * 2).requires_grad)
        assert not (x * 2).requires_grad

    def turn_off():
        tg.no_grad().__enter__()
        return tg.is_grad_enabled()

    assert not in_thread(turn_off)
    assert tg.is_grad_enabled()


def test_a_decorated_function_runs_in_many_threads_at_once():
    inside = threading.Barrier(2, timeout=30)

    @tg.no_grad()
    def f():
        inside.wait()
        return tg.is_grad_enabled()

    found = []
    threads = [
        threading.Thread(target=lambda: found.append((f(), tg.is_grad_enabled()))) for _ in "ab"
    ]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert found == [(False, True)] * 2


def test_anomalies_are_looked_for_in_one_thread_alone():
    with tg.detect_anomaly():
        assert in_thread(lambda: (tg.tensor([float("nan")]) * 2).isnan().item())


def test_leaves_that_threads_share_add_up():
    """Each gradient is added as a whole; the engine makes no promise beyond that."""
    x = tg.ones(3, requires_grad=True)
    lock = threading.Lock()

    def add():
        y = (x * 2).sum()
        with lock:
            y.backward()

    threads = [threading.Thread(target=add) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert x.grad.tolist() == [16, 16, 16]
