"""What a program takes: its operations, the bytes it moves, the memory planned; and its code."""

import numpy as np
import pytest

import tidegrad as tg
from tidegrad.jit.native import engine, target


def one(f, *args):
    (nest,) = tg.jit(f).cost(*args).nests
    return nest


def test_elementwise_work_is_that_of_the_formula():
    x = tg.ones((30, 7))
    nest = one(lambda x: tg.exp(x * 2) + 1, x)
    assert nest == ("multiply, exp, add", 3 * 210, 4 * 210, 4 * 210)


def test_what_is_broadcast_is_read_once():
    x, row = tg.ones((30, 7)), tg.ones(7)
    nest = one(lambda x, row: x + row * 2, x, row)
    assert nest.operations == 210 + 7 and nest.read == 4 * (210 + 7) and nest.written == 840


@pytest.mark.parametrize("m, k, n", [(8, 5, 3), (64, 100, 1), (1, 7, 9)])
def test_a_product_is_two_operations_for_each_pair(m, k, n):
    cost = tg.jit(lambda x, w: x @ w).cost(tg.ones((m, k)), tg.ones((k, n)))
    assert cost.operations == 2 * m * k * n
    assert cost.outputs == 4 * m * n and cost.written >= cost.outputs


def test_a_fold_is_one_operation_for_each_element():
    assert one(lambda x: x.max(axis=1), tg.ones((30, 7))).operations == 210
    wide = tg.asarray(np.ones((30, 7)))
    assert one(lambda x: x.sum(axis=0), wide)[1:] == (210, 8 * 210, 8 * 7)


def test_what_stays_in_the_cache_is_not_moved():
    x = tg.ones((512, 40))
    cost = tg.jit(lambda x: tg.softmax(x, axis=1)).cost(x)
    assert cost.read == cost.written == x.nbytes == cost.outputs
    assert cost.arena == 0 < cost.scratch


def test_random_numbers_count():
    quiet = tg.jit(lambda x: x * 2).cost(tg.ones(1000))
    drawn = tg.jit(lambda x: tg.random.uniform((1000,)) + x).cost(tg.ones(1000))
    assert drawn.operations > 5 * quiet.operations


def test_a_training_step():
    net = tg.nn.Sequential(tg.nn.Linear(40, 30), tg.nn.ReLU(), tg.nn.Linear(30, 5))
    opt = tg.optim.Adam(net.parameters(), lr=1e-3)

    @tg.jit
    def step(x, y):
        opt.zero_grad()
        loss = tg.nn.cross_entropy(net(x), y)
        loss.backward()
        opt.step()
        return loss

    cost = step.cost(tg.ones((16, 40)), tg.tensor(np.arange(16) % 5))
    products = 2 * 16 * (2 * 40 * 30 + 3 * 30 * 5)  # the data needs no gradient
    weights = sum(p.size for p in net.parameters())
    assert products < cost.operations < 3 * products
    assert cost.outputs >= 4 * 4 * weights  # themselves, their gradients and two moments
    for total in ("operations", "read", "written"):
        assert getattr(cost, total) == sum(getattr(nest, total) for nest in cost.nests)
    assert cost.moved == cost.read + cost.written
    assert cost.planned == cost.arena + cost.scratch + cost.outputs


def test_a_loop_counts_every_step():
    def run(x):
        return tg.scan(lambda c, row: (tg.tanh(c * 2 + row), c), tg.zeros(4), x)

    costs = [tg.jit(run).cost(tg.ones((steps, 4))).operations for steps in (10, 20)]
    assert costs[0] >= 3 * 4 * 10 and costs[1] >= costs[0] + 3 * 4 * 10


def test_a_routine_that_python_calls():
    cost = tg.jit(lambda x: tg.sort(x * 2)).cost(tg.ones((3, 50)))
    assert [nest.name for nest in cost.nests][:2] == ["multiply", "argsort (called)"]


def test_the_table_is_aligned_and_says_all():
    f = tg.jit(lambda x, w: tg.tanh(x @ w).sum())
    cost = f.cost(tg.ones((100, 64)), tg.ones((64, 32)))
    *table, memory = str(cost).splitlines()
    assert len({len(line) for line in table}) == 1
    assert table[0].split("  ")[0] == "nest" and table[-1].startswith("in all")
    assert f"{cost.operations:,}" in table[-1] and f"{cost.planned:,}" in memory
    assert len(table) == len(cost.nests) + 2


def test_many_names_are_cut():
    def f(x):
        for g in (tg.exp, tg.sin, tg.cos, tg.tanh, tg.log1p, tg.sqrt, tg.abs, tg.square, tg.cosh):
            x = g(x)
        return x + 1

    assert len(one(f, tg.ones(5)).name) <= 48 and one(f, tg.ones(5)).name.endswith(", ...")


def test_costs_of_a_function_without_work():
    cost = tg.jit(lambda x: x).cost(tg.ones(3))
    assert cost.operations == cost.moved == cost.planned == 0 and "in all" in str(cost)


@pytest.mark.parametrize("debug", [False, True])
def test_source_is_the_text_that_is_compiled(debug):
    f = tg.jit(lambda x: tg.exp(x) * 3, debug=debug)
    x = tg.ones(100)
    text = f.source(x)
    assert "define" in text and f.cost(x).operations >= 200
    engine.verified(text, target.host())
    assert engine.compiled(text, target.host())
    assert f.source(x) == text != f.source(tg.ones(101))
