"""Threads and processes share large operations: the results are NumPy's, bit for bit."""

import os
import subprocess
import sys
import textwrap
import threading
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tidegrad as tg
from tidegrad.backends import arena, pieces, processes
from tidegrad.kinds import sum_

KINDS = ["threads", "processes"]
SHAPES = [
    ((600, 500), (500,)),
    ((600, 500), (600, 1)),
    ((3, 100_003), (3, 100_003)),
    ((1, 300_000), (300_000,)),
    ((300_001, 1), ()),
    ((50, 100, 61), (100, 61)),
]


@pytest.fixture(autouse=True)
def sooner(monkeypatch):
    """Sharing begins at a few hundred elements, so that the tests are quick."""
    monkeypatch.setattr(pieces, "ENOUGH", dict.fromkeys(pieces.ENOUGH, 256))


def program(x, y):
    """Values and gradients of all kinds of operations that are shared."""
    x, y = (tg.tensor(a, requires_grad=True) for a in (x, y))
    z = (tg.exp(x) * y + 2).sum() + (x * y).mean(axis=0).sum() + tg.max(x * 2)
    z = z + tg.std(x, axis=1).sum() + (x / (y * y + 1)).sum(axis=-1).max() + tg.min(-x)
    z = z + tg.where(x > 0, tg.sigmoid(x - y), tg.relu(x)).sum() + tg.max(x.T * 3, axis=0).sum()
    z.backward()
    return [z.numpy(), x.grad.numpy(), y.grad.numpy()]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_results_and_gradients_are_numpys(kind, shapes, dtype, rng):
    x, y = (rng.normal(size=shape).astype(dtype) for shape in shapes)
    expected = program(x, y)
    for workers in (1, 2, 3, 8) if kind == "threads" else (2, 3):
        with tg.backends.use(kind, workers=workers):
            found = program(x, y)
        for one, two in zip(found, expected, strict=True):
            assert one.dtype == two.dtype and np.array_equal(one, two)


@given(
    n=st.integers(1, 5000), workers=st.integers(1, 9), dtype=st.sampled_from("efdbil"),
    seed=st.integers(0, 100),
)  # fmt: skip
def test_sums_are_cut_where_numpy_cuts_them(n, workers, dtype, seed):
    x = np.random.default_rng(seed).normal(scale=100, size=n).astype(dtype)
    params = {"axes": (0,), "keepdims": False}
    expected = np.add.reduce(x)
    job = pieces.jobs_of(sum_, [x], params, workers, np.empty)
    if dtype == "e":
        assert job is None
        return
    found = np.asarray(job.join([pieces.compute(job, k) for k in range(len(job.pieces))]))
    assert found.dtype == expected.dtype and found.tobytes() == expected.tobytes()


@pytest.mark.parametrize("order", ["C", "F", "transposed", "flipped", "strided", "broadcast"])
@pytest.mark.parametrize("kind", KINDS)
def test_memory_lies_as_numpy_would_have_it(kind, order, rng):
    x = rng.normal(size=(60, 40, 8))
    x = {
        "C": x,
        "F": np.asfortranarray(x),
        "transposed": x.transpose(1, 2, 0),
        "flipped": x[::-1, :, ::-1],
        "strided": x[::2, ::3],
        "broadcast": np.broadcast_to(x[:1], (60, 40, 8)),
    }[order]
    tensor = tg.tensor(0.0)
    tensor.array = x
    results = []
    for name, options in (("numpy", {}), (kind, {"workers": 2})):
        with tg.backends.use(name, **options):
            t = tensor
            folds = t.sum(), t.max(axis=1), t.sum(axis=(0, 2), keepdims=True)
            results.append((t * 2 + 1, tg.tanh(t), *folds))
    for one, two in zip(*results, strict=True):
        assert np.array_equal(one.numpy(), two.numpy())
    assert results[0][0].array.strides == results[1][0].array.strides


@pytest.mark.parametrize("kind", KINDS)
def test_warnings_and_errors_are_the_callers(kind):
    x = tg.tensor(np.zeros(4000))
    with tg.backends.use(kind, workers=2):
        with pytest.warns(RuntimeWarning, match="divide by zero"):
            tg.log(x)
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("error")
            assert np.isinf(tg.log(x).numpy()).all()
        with np.errstate(divide="raise"), pytest.raises(FloatingPointError, match="divide by zero"):
            tg.log(x)
        assert (tg.exp(x).numpy() == 1).all()  # and it goes on


@pytest.mark.parametrize("kind", KINDS)
def test_small_and_unshareable_operations_run_whole(kind, rng):
    x = rng.normal(size=(40, 50))
    with tg.backends.use(kind, workers=2, min_elements=10_000):
        assert (tg.tensor(x) + 1).array.base is None
    with tg.backends.use(kind, workers=2):
        t = tg.tensor(x)
        assert np.array_equal(tg.prod(t).numpy(), x.prod())
        assert np.array_equal((t @ t.T).numpy(), x @ x.T)
        assert np.array_equal(tg.cumulative_sum(t, axis=1).numpy(), x.cumsum(1))
        assert tg.tensor([1.0]).sum().item() == 1 and (tg.tensor(2) + 1).item() == 3


@pytest.mark.parametrize(
    "options, message",
    [
        ({"workers": 0}, "workers is an integer from 1 on, not 0"),
        ({"workers": -1}, "not -1"),
        ({"workers": 1.5}, "not 1.5"),
        ({"workers": True}, "not True"),
        ({"min_elements": -1}, "min_elements is an integer from 0 on"),
        ({"shards": 2}, "no option shards"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_options_that_make_no_sense(kind, options, message):
    with pytest.raises(ValueError, match=message):
        tg.backends.use(kind, **options)
    assert np.array_equal((tg.tensor([1.0]) + 1).numpy(), [2.0])


def test_arrays_that_others_write_into_are_read_afresh(rng):
    shared = rng.normal(size=4000)
    x = tg.asarray(shared, copy=False)
    with tg.backends.use("processes", workers=2):
        assert np.array_equal((x * 2).numpy(), shared * 2)
        shared[...] = 1
        assert np.array_equal((x * 2).numpy(), np.full(4000, 2.0))


def test_results_in_shared_memory_stay_what_they_are(rng):
    with tg.backends.use("processes", workers=2):
        made = [tg.tensor(np.full(4000, float(k))) + 0.5 for k in range(50)]
        del made[::2]
        more = [tg.tensor(np.full(4000, -1.0)) * 2 for _ in range(50)]
    assert all((t.numpy() == 2 * k + 1.5).all() for k, t in enumerate(made))
    assert all((t.numpy() == -2).all() for t in more)


def test_memory_is_used_again():
    with tg.backends.use("processes", workers=2):
        x, arena = tg.tensor(np.zeros(4000)), processes.Processes(2).pool.arena
        before = arena.made
        for _ in range(200):
            x = x + 1
        assert (x.numpy() == 200).all() and arena.made < before + 5


def test_a_worker_that_dies_is_named_and_replaced():
    with tg.backends.use("processes", workers=3):
        x = tg.tensor(np.ones(4000))
        y = x + 1
        worker = processes.Processes(3).pool.workers[1]
        worker.process.kill()
        with pytest.raises(RuntimeError, match=rf"worker 2 \(process {worker.process.pid}\) ended"):
            x + 1
        assert (y.numpy() == 2).all() and (x.numpy() == 1).all()
        assert ((x + 2).numpy() == 3).all()
        assert processes.Processes(3).pool.workers[1].process.poll() is None


def test_threads_that_share_the_workers_do_not_mix(rng):
    x, right = rng.normal(size=200_000), []

    def compute(k):
        with tg.backends.use("processes", workers=2):
            t = tg.tensor(x + k)
            for _ in range(30):
                found = tg.sin(t) * k
                right.append(np.array_equal(found.numpy(), np.sin(x + k) * k))

    processes.POOLS.clear()  # so that they also begin together
    threads = [threading.Thread(target=compute, args=(k,)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(right) == 180 and all(right)


def test_an_interrupted_operation_leaves_no_answer_to_the_next(monkeypatch):
    def interrupted(job, k):
        monkeypatch.undo()
        raise KeyboardInterrupt

    with tg.backends.use("processes", workers=2):
        x = tg.tensor(np.linspace(1, 2, 1_000_000))
        monkeypatch.setattr(processes, "compute", interrupted)
        with pytest.raises(KeyboardInterrupt):
            tg.max(x)
        assert tg.min(x).item() == 1 and tg.max(x).item() == 2


def test_ctrl_c_does_not_reach_the_workers():
    with tg.backends.use("processes", workers=2):
        tg.tensor(np.ones(4000)) + 1
        worker = processes.Processes(2).pool.workers[0].process
    assert os.getpgid(worker.pid) != os.getpgid(0)


@pytest.mark.parametrize("kind", KINDS)
def test_what_numpy_refuses_is_explained(kind):
    x = tg.tensor(np.ones(4000, bool))
    with tg.backends.use(kind, workers=2):
        with pytest.raises(tg.errors.DTypeError, match="subtract: is not defined for bool"):
            x - x
        assert ((x << x).numpy() == 2).all() and (x << x).dtype == np.int8


@pytest.mark.parametrize("kind", KINDS)
def test_slopes_that_are_numbers_have_the_gradients_dtype(kind):
    x = tg.tensor(np.linspace(-1, 1, 4000), requires_grad=True)
    with tg.backends.use(kind, workers=2):
        tg.leaky_relu(x, 0.2).sum().backward()
    assert x.grad[0].item() == 0.2


def test_more_workers_than_elements():
    with tg.backends.use("threads", workers=2000):
        assert tg.max(tg.tensor(np.arange(1000.0))).item() == 999


def test_a_checkpoint_that_takes_gradients_is_pushed_through_on_threads():
    w = tg.tensor([0.3, 0.7], dtype=tg.float64, requires_grad=True)
    f = tg.checkpoint(lambda x: tg.grad(lambda v: (v**3 * w).sum())(x).sum())
    x = tg.tensor([0.5, 1.2], dtype=tg.float64, requires_grad=True)
    with tg.backends.use("threads", workers=2):
        f(x).backward()
        f(x).backward(create_graph=True)
        found = tg.jvp(f, [[0.5, 1.2]], [[1.0, 1.0]])[1]
    assert found.item() == pytest.approx(6 * (0.3 * 0.5 + 0.7 * 1.2))


@pytest.mark.isolated
def test_threads_go_on_after_the_programs_end(tmp_path):
    script = tmp_path / "program.py"
    script.write_text(
        textwrap.dedent("""
        import threading, time, numpy as np, tidegrad as tg
        tg.backends.use("numpy")
        def late():
            time.sleep(0.5)
            with tg.backends.use("threads", workers=2):
                print(tg.exp(tg.tensor(np.zeros(1_000_000))).numpy().sum())
        threading.Thread(target=late).start()
        """)
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["1000000.0"], done.stderr


@pytest.mark.isolated
def test_workers_import_what_their_parent_does_not_what_lies_around(tmp_path):
    (tmp_path / "pickle.py").write_text("raise SystemExit('another pickle')")
    script = "import tidegrad as tg; tg.backends.use('processes', workers=2); "
    script += "print(tg.exp(tg.zeros(1_000_000)).sum().item())"
    done = subprocess.run(
        [sys.executable, "-P", "-c", script], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stdout.split() == ["1000000.0"], done.stderr


@pytest.mark.isolated
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_keeps_what_it_was_given(tmp_path):
    script = tmp_path / "program.py"
    script.write_text(
        textwrap.dedent("""
        import os, numpy as np, tidegrad as tg
        from tidegrad.backends.processes import Processes
        tg.backends.use("processes", workers=2)
        for k in range(5):
            x, y = tg.tensor(np.ones(1_000_000)) + k, tg.tensor(np.ones(1_000_000))
            ready, go = os.pipe()
            child = os.fork()
            if child == 0:
                os.read(ready, 1)
                os._exit(not (x.numpy() == 1 + k).all())
            del x
            z = y * 5  # where x was, if the memory were used again
            os.write(go, b"x")
            assert os.waitpid(child, 0)[1] == 0
        arena = Processes(2).pool.arena
        del y, z
        assert len(arena.blocks) < 5 and len(arena.gone) < 5
        """)
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.mark.isolated
def test_a_script_without_a_guard_runs_and_leaves_nothing(tmp_path):
    script = tmp_path / "program.py"
    script.write_text(
        textwrap.dedent("""
        import numpy as np, tidegrad as tg
        print("once")
        tg.backends.use("processes", workers=3)
        x = tg.tensor(np.ones((1000, 1000)), requires_grad=True)
        y = (tg.exp(x) * 2 + 1).sum()
        y.backward()
        print(x.grad.numpy().sum() == np.full((1000, 1000), 2 * np.exp(1.0)).sum())
    """)
    )
    before = set(os.listdir("/dev/shm")) if os.path.isdir("/dev/shm") else set()
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["once", "True"] and not done.stderr
    after = set(os.listdir("/dev/shm")) if os.path.isdir("/dev/shm") else set()
    assert not {name for name in after - before if name.startswith("tidegrad")}


@pytest.mark.isolated
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize("kind", KINDS)
def test_a_forked_child_shares_work_of_its_own(kind, tmp_path):
    script = tmp_path / "program.py"
    script.write_text(
        textwrap.dedent(f"""
        import os, numpy as np, tidegrad as tg
        tg.backends.use({kind!r}, workers=2)
        x = tg.tensor(np.ones(1_000_000))
        assert (tg.exp(x) + 1).numpy()[0] > 3
        child = os.fork()
        assert (tg.exp(x) + 1).numpy()[0] > 3
        if child == 0:
            print("child", flush=True)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        print("parent")
    """)
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["child", "parent"], done.stderr


def test_where_no_memory_is_shared_there_is_the_disk_or_an_error(monkeypatch, tmp_path):
    def full(*_):
        raise OSError("no space left")

    def computed():
        processes.POOLS.clear()
        with tg.backends.use("processes", workers=2):
            return (tg.tensor(np.ones(4000)) + 1).numpy().sum()

    with monkeypatch.context() as patch:
        patch.setattr(arena, "FAST", str(tmp_path / "missing"))
        assert computed() == 8000
        patch.setattr(arena, "FAST", str(tmp_path))
        patch.setattr(os, "posix_fallocate", full, raising=False)
        with pytest.raises(MemoryError, match="no 1048576 bytes of shared memory"):
            computed()
        assert not list(tmp_path.iterdir())
    assert computed() == 8000


@pytest.mark.parametrize("kind", KINDS)
def test_norms_beside_one_that_overflows_are_numpys(kind, rng):
    x = rng.normal(size=(60, 50)).astype(np.float32)
    x[0, 0] = 1e38
    expected = tg.linalg.vector_norm(tg.tensor(x), axis=1).numpy()
    with tg.backends.use(kind, workers=3):
        found = tg.linalg.vector_norm(tg.tensor(x), axis=1).numpy()
    assert found.tobytes() == expected.tobytes() and np.isfinite(expected).all()
