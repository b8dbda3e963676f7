"""Floor 7. The first-order methods, one rule each: x and g are a parameter and its gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

import tidegrad as tg

from .optimizer import Optimizer

__all__ = ["Adagrad", "Adam", "AdamW", "Lion", "RMSprop", "SGD"]


class SGD(Optimizer):
    """Stochastic gradient descent: x - lr * g, where momentum lets g build up over steps.

    With `momentum`, v = momentum * v + (1 - dampening) * g takes the place of g (in the first
    step v = g); `nesterov` looks ahead, g + momentum * v, and takes no dampening.
    Polyak (1964); Nesterov's form as in Sutskever et al., "On the importance of initialization
    and momentum in deep learning" (2013).

    >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> tg.optim.SGD([x], lr=0.25).step()
    >>> x.tolist()
    [0.5, 1.0]
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ):
        rates = dict(lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay)
        super().__init__(params, {**rates, "nesterov": nesterov, "maximize": maximize})

    def made(self, params, options):
        group = super().made(params, options)
        if group["nesterov"] and (group.uses("dampening") or not group.uses("momentum")):
            raise ValueError("SGD: nesterov needs a momentum above 0 and a dampening of 0")
        return group

    def slots(self, group):
        return ("momentum_buffer",) if group.uses("momentum") else ()

    def numbers(self, group, step):
        lr, momentum, dampening = group.numbers("lr", "momentum", "dampening")
        return [lr, momentum, 1 - dampening * np.minimum(step - 1, 1)]

    def rule(self, group, x, g, slots, numbers):
        lr, momentum, share = numbers
        if not slots:
            return [x - lr * g]
        v = momentum * slots[0] + (share * g if group.uses("dampening") else g)
        return [x - lr * (g + momentum * v if group["nesterov"] else v), v]


class RMSprop(Optimizer):
    """Divide the gradient by the root of v = alpha * v + (1 - alpha) * g**2.

    `centered` subtracts the square of the running mean gradient from v; `momentum` lets the
    divided gradients build up.  Hinton, "Neural networks for machine learning", lecture 6e
    (2012); centered after Graves (2013).

    >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> tg.optim.RMSprop([x], lr=0.25, alpha=0.75).step()
    >>> x.tolist()
    [0.5, 1.5]
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ):
        rates = dict(lr=lr, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum)
        super().__init__(params, {**rates, "centered": centered, "maximize": maximize})

    def slots(self, group):
        moving = ("momentum_buffer",) if group.uses("momentum") else ()
        return ("square_avg", *moving, *(("grad_avg",) if group["centered"] else ()))

    def numbers(self, group, step):
        lr, alpha, eps, momentum = group.numbers("lr", "alpha", "eps", "momentum")
        return [lr, alpha, 1 - alpha, eps, momentum]

    def rule(self, group, x, g, slots, numbers):
        lr, alpha, rest, eps, momentum = numbers
        square = variance = alpha * slots.pop(0) + rest * (g * g)
        new = [square]
        if group["centered"]:
            mean = alpha * slots.pop() + rest * g
            # A variance; rounding can take it below 0 where the gradient is constant.
            variance = np.maximum(square - mean * mean, 0)
            new.append(mean)
        step = g / (np.sqrt(variance) + eps)
        if slots:
            step = momentum * slots.pop() + step
            new.insert(1, step)
        return [x - lr * step, *new]


class Adagrad(Optimizer):
    """Divide the gradient by the root of the sum of its squares over all steps.

    The rate falls as lr / (1 + lr_decay * steps before); the sum starts at
    `initial_accumulator_value`.  Duchi, Hazan and Singer, "Adaptive subgradient methods for
    online learning and stochastic optimization" (2011).

    >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> tg.optim.Adagrad([x], lr=0.25).step()
    >>> x.tolist()
    [0.75, 1.75]
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ):
        rates = dict(lr=lr, lr_decay=lr_decay, weight_decay=weight_decay, eps=eps)
        start = dict(initial_accumulator_value=initial_accumulator_value)
        super().__init__(params, {**rates, **start, "maximize": maximize})

    def slots(self, group):
        return ("sum",)

    def initial(self, name, parameter, group):
        return tg.full_like(parameter, float(group["initial_accumulator_value"]))

    def numbers(self, group, step):
        lr, fall, eps = group.numbers("lr", "lr_decay", "eps")
        return [lr / (1 + (step - 1) * fall), eps]

    def rule(self, group, x, g, slots, numbers):
        lr, eps = numbers
        total = slots[0] + g * g
        return [x - lr * g / (np.sqrt(total) + eps), total]


class Adam(Optimizer):
    """Step by the running mean of the gradient over the root of the running mean of its square.

    Both means start at 0 and are corrected for it.  `amsgrad` divides by the largest mean square
    so far.  Kingma and Ba, "Adam: a method for stochastic optimization" (2015); amsgrad is Reddi,
    Kale and Kumar's (2018).

    >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> tg.optim.Adam([x], lr=0.5).step()
    >>> [round(v, 6) for v in x.tolist()]
    [0.5, 1.5]
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ):
        rates = dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)
        super().__init__(params, {**rates, "amsgrad": amsgrad, "maximize": maximize})

    def slots(self, group):
        largest = ("max_exp_avg_sq",) if group["amsgrad"] else ()
        return ("exp_avg", "exp_avg_sq", *largest)

    def numbers(self, group, step):
        b1, b2, lr, eps = group.numbers("betas", "lr", "eps")
        # Both corrections go into two numbers: with c the correction of the mean square,
        # (m / c1) / (sqrt(v / c) + eps)  =  sqrt(c) / c1 * m / (sqrt(v) + sqrt(c) * eps).
        root = np.sqrt(1 - b2**step)
        return [b1, 1 - b1, b2, 1 - b2, lr * root / (1 - b1**step), eps * root]

    def rule(self, group, x, g, slots, numbers):
        b1, rest1, b2, rest2, lr, eps = numbers
        m = b1 * slots[0] + rest1 * g
        v = b2 * slots[1] + rest2 * (g * g)
        new = [m, v, np.maximum(slots[2], v)] if group["amsgrad"] else [m, v]
        return [x - lr * m / (np.sqrt(new[-1]) + eps), *new]


class AdamW(Adam):
    """Adam with weights that decay by themselves, x - lr * weight_decay * x, outside the means.

    Loshchilov and Hutter, "Decoupled weight decay regularization" (2019).

    >>> x = tg.tensor([1.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> tg.optim.AdamW([x], lr=0.5, weight_decay=0.5).step()
    >>> round(x.item(), 6)
    0.25
    """

    decoupled = True

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ):
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)


class Lion(Optimizer):
    """Step by lr in the direction sign(beta1 * m + (1 - beta1) * g), elementwise.

    The momentum is m = beta2 * m + (1 - beta2) * g; weights decay by themselves as in AdamW.
    Chen et al., "Symbolic discovery of optimization algorithms" (2023), whose advice is a rate 3
    to 10 times smaller than Adam's and a decay as many times larger.

    >>> x = tg.tensor([1.0, -2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> tg.optim.Lion([x], lr=0.25).step()
    >>> x.tolist()
    [0.75, -1.75]
    """

    decoupled = True

    def __init__(
        self,
        params: Any,
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ):
        rates = dict(lr=lr, betas=betas, weight_decay=weight_decay)
        super().__init__(params, {**rates, "maximize": maximize})

    def slots(self, group):
        return ("exp_avg",)

    def numbers(self, group, step):
        b1, b2, lr = group.numbers("betas", "lr")
        return [b1, 1 - b1, b2, 1 - b2, lr]

    def rule(self, group, x, g, slots, numbers):
        b1, rest1, b2, rest2, lr = numbers
        (m,) = slots
        return [x - lr * np.sign(b1 * m + rest1 * g), b2 * m + rest2 * g]
