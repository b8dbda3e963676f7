"""no_grad and enable_grad as decorators, and what may be given to a tensor's attributes."""

import numpy as np
import pytest

import tidegrad as tg


def test_a_generator_records_nothing_and_its_caller_does():
    x = tg.tensor(2.0, requires_grad=True)

    @tg.no_grad()
    def steps(y):
        got = yield y * 2
        yield got * y
        return "end"

    running = steps(x)
    first = next(running)
    assert not first.requires_grad and tg.is_grad_enabled()
    second = running.send(x)
    assert not second.requires_grad and second.item() == 4
    with pytest.raises(StopIteration, match="end"):
        next(running)


def test_two_suspended_generators_leave_recording_as_it_was():
    @tg.no_grad()
    def steps():
        yield 1
        yield 2

    a, b = steps(), steps()
    next(a), next(b)
    a.close()
    b.close()
    assert tg.is_grad_enabled()


def test_the_decorator_needs_no_parentheses():
    @tg.no_grad
    def twice(x):
        return x * 2

    assert not twice(tg.tensor(1.0, requires_grad=True)).requires_grad


def test_async_functions_are_refused():
    async def later():
        return 1

    with pytest.raises(TypeError, match="async"):
        tg.no_grad()(later)


def test_a_gradient_has_its_tensors_shape_and_dtype():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    x.grad = np.ones(2, np.float32)
    (x * 2).sum().backward()
    assert x.grad.tolist() == [3, 3] and x.grad.dtype == tg.float32
    for wrong in (np.ones(2), tg.ones(3), tg.ones((2, 1))):
        with pytest.raises(ValueError, match="is not a gradient of float32"):
            x.grad = wrong
    with pytest.raises(TypeError):
        x.grad = "hello"
    assert x.grad.tolist() == [3, 3]


def test_requires_grad_takes_a_bool():
    with pytest.raises(TypeError, match="True or False"):
        tg.ones(2).requires_grad_("no")


def test_an_array_view_cannot_be_made_writeable():
    x = tg.tensor([[1.0, 2.0], [3.0, 4.0]])
    for seen in (x.numpy(), x.data, np.asarray(x), x.T.numpy(), x[0, 0].numpy(), x[:0].numpy()):
        with pytest.raises(ValueError):
            seen.flags.writeable = True
    assert x.T.numpy().tolist() == [[1, 3], [2, 4]] and np.shares_memory(x.numpy(), x.T.numpy())


@pytest.mark.parametrize("value", [[np.float64(1), 2.0], [2.0, np.float64(1)], [[1.0], np.ones(1)]])
def test_one_number_of_numpys_makes_a_list_strong(value):
    assert tg.tensor(value).dtype == tg.float64
