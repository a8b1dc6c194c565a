"""Losses over very many classes, without the memory that a table of all scores takes.

A language model ends in a linear layer with one row for each word of its vocabulary: `(N, d)` hidden states and
`(V, d)` weights make `(N, V)` scores, the largest tensor of the whole network. :func:`linear_cross_entropy` never forms
it; :func:`sampled_softmax_loss` compares with a sample of the classes instead. Where rare classes may do with fewer
dimensions, torch has `torch.nn.AdaptiveLogSoftmaxWithLoss` (Grave et al., 2017, https://arxiv.org/abs/1609.04309).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ._card import gradient_of, loss, no, not_applicable, yes
from ._module import as_module
from ._reduction import full_precision, narrow, reduce, together
from ._validation import (
    can_hold,
    check_floating,
    check_fraction,
    check_layout,
    check_positive,
    check_reduction,
    check_tensors,
    known,
    valid_entries,
)

__all__ = [
    "LinearCrossEntropyLoss",
    "SampledSoftmaxLoss",
    "linear_cross_entropy",
    "log_uniform_log_probability",
    "log_uniform_sample",
    "sampled_softmax_loss",
]

_MOST, _ENOUGH, _ROWS = 2**24, 2**22, 256  # scores of a chunk; more than so many scores or rows save no time
_ROLES = not_applicable("the prediction is a hidden state, the target a class")
_STEEP = no(
    "the slope grows with the weights",
    first=[[1e-3, 0.0]], other=[[0.0, 0.0]], weight=[[-1e4, 0.0], [1e4, 0.0]], target=[0],
)  # fmt: skip


# --- the operator -----------------------------------------------------------------------------------------------------


def _walk(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor,
    target: Tensor,
    share: Tensor,
    label_smoothing: float,
    z_loss: float,
    soft_cap: float,
    chunk_size: int,
    for_hidden: bool,
    for_weight: bool,
    for_bias: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """The losses of all rows, their sum weighted by `share`, and on demand the gradients of that sum with respect to
    `hidden`, `weight` and `bias`, with scores for `chunk_size` rows at a time.

    Args:
        hidden: `(N, d)`.
        weight: `(V, d)`.
        bias: `(V,)`, or empty where there is none.
        target: class indices `(N,)`, all in range.
        share: what each row counts in the sum, `(N,)`.
        label_smoothing: share of the target that is spread over the classes.
        z_loss: weight of the squared logarithm of the partition function.
        soft_cap: bound of the scores, or zero for none.
        chunk_size: number of rows whose scores are held at once.
        for_hidden: whether the gradient with respect to `hidden` is formed; else it is empty.
        for_weight: the same for `weight`.
        for_bias: the same for `bias`.
    """
    losses = hidden.new_empty(len(hidden))
    wanted = for_hidden, for_weight, for_bias
    d_hidden, d_weight, d_bias = _gradients_like(hidden, weight, bias, *wanted)
    d_weight.zero_()
    d_bias.zero_()
    table = hidden.new_empty(min(chunk_size, len(hidden)), len(weight))
    slopes = torch.empty_like(table) if soft_cap and any(wanted) else table[:0]
    with full_precision(hidden):
        for start in range(0, len(hidden), chunk_size):
            rows = slice(start, start + chunk_size)
            h, y = hidden[rows], target[rows].unsqueeze(1)
            scores, slope = table[: len(h)], slopes[: len(h)]
            if len(bias):
                torch.addmm(bias, h, weight.T, out=scores)
            else:
                torch.mm(h, weight.T, out=scores)
            if soft_cap:
                scores.div_(soft_cap).tanh_()
                if any(wanted):
                    torch.square(scores, out=slope).neg_().add_(1)
                scores.mul_(soft_cap)
            top, expected = scores.amax(1, keepdim=True), scores.gather(1, y)
            if label_smoothing:
                expected.lerp_(scores.mean(1, keepdim=True), label_smoothing)
            total = scores.sub_(top).exp_().sum(1, keepdim=True)
            log_total = top + total.log()
            losses[rows] = (log_total - expected + z_loss * log_total**2).squeeze(1)
            if not any(wanted):
                continue
            counts = share[rows].unsqueeze(1)
            scores.mul_(counts * (1 + 2 * z_loss * log_total) / total)
            if label_smoothing:
                scores.sub_(counts * (label_smoothing / len(weight)))
            scores.scatter_add_(1, y, -counts * (1 - label_smoothing))
            if soft_cap:
                scores.mul_(slope)
            if for_hidden:
                torch.mm(scores, weight, out=d_hidden[rows])
            if for_weight:
                d_weight.addmm_(scores.T, h)
            if for_bias:
                d_bias.add_(scores.sum(0))
    return losses, (losses * share).sum(), d_hidden, d_weight, d_bias


def _gradients_like(hidden: Tensor, weight: Tensor, bias: Tensor, *wanted: bool) -> tuple[Tensor, ...]:
    """Room for each of the three gradients that is wanted, an empty tensor for the others."""
    return tuple(
        torch.empty_like(tensor, memory_format=torch.contiguous_format) if room else tensor.new_empty(0)
        for tensor, room in zip((hidden, weight, bias), wanted, strict=True)
    )


_in_chunks = torch.library.custom_op("lossbook::linear_cross_entropy", _walk, mutates_args=())


@_in_chunks.register_fake
def _(hidden, weight, bias, *others):
    gradients = _gradients_like(hidden, weight, bias, *others[-3:])
    return (hidden.new_empty(len(hidden)), hidden.new_empty(()), *gradients)


def _keep(ctx, inputs, output) -> None:
    ctx.save_for_backward(*inputs[:5], output[0], *output[2:])
    ctx.settings = inputs[5:]
    ctx.set_materialize_grads(False)


def _backward(ctx, g_losses, g_total, *g_gradients):
    """The gradients formed on the way forward, times what comes from above; one more walk over the chunks where one
    that is needed was not formed; and where someone takes a derivative of them, the whole table of scores."""
    hidden, weight, bias, target, share, losses, *formed = ctx.saved_tensors
    *settings, chunk_size = ctx.settings[:-3]
    needed, ready = ctx.needs_input_grad[:3], ctx.settings[-3:]
    results: list[Tensor | None] = [None] * 4  # for hidden, weight, bias, share

    def add(*parts: Tensor | None) -> None:
        for place, part in enumerate(parts):
            if part is not None:
                results[place] = part if results[place] is None else results[place] + part

    upstream = g_losses
    if g_total is not None:
        add(None, None, None, g_total * losses)
        if all(there or not need for need, there in zip(needed, ready, strict=True)):
            add(*(g_total * gradient if need else None for need, gradient in zip(needed, formed, strict=True)))
        else:
            upstream = g_total * share if upstream is None else upstream + g_total * share
    if upstream is not None and any(needed):
        walk = _differentiable(hidden, weight, bias, target, upstream, *settings, chunk_size, *needed)[2:]
        add(*(gradient if need else None for need, gradient in zip(needed, walk, strict=True)))
    if any(g is not None for g in g_gradients):
        add(*_second_order(hidden, weight, bias, target, share, settings, *g_gradients))
    return (*results[:3], None, results[3], *[None] * 7)


def _second_order(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor,
    target: Tensor,
    share: Tensor,
    settings: list[float],
    u_hidden: Tensor | None,
    u_weight: Tensor | None,
    u_bias: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor | None, Tensor]:
    """The derivatives of the sum of the gradients, each times its `u`, with the whole table of scores in memory.

    With scores `z`, the gradient of a row is `g_c = a_c t_c`: `a` that of the loss by the scores, `t` the slope of the
    cap. The sum is `sum_c g_c q_c` with `q` the change of the scores along all the `u`.
    """
    label_smoothing, z_loss, soft_cap = settings
    z = hidden @ weight.T
    z = z + bias if len(bias) else z
    along = torch.zeros_like(z)
    along = along if u_hidden is None else along + u_hidden @ weight.T
    along = along if u_weight is None else along + hidden @ u_weight.T
    along = along if u_bias is None or not len(bias) else along + u_bias
    z = soft_cap * torch.tanh(z / soft_cap) if soft_cap else z
    slope = 1 - (z / soft_cap) ** 2 if soft_cap else torch.ones_like(z)
    p, log_total, counts = z.softmax(1), z.logsumexp(1, keepdim=True), share.unsqueeze(1)
    growth = 1 + 2 * z_loss * log_total
    truth = F.one_hot(target, len(weight)).to(z.dtype)
    a = growth * p - (1 - label_smoothing) * truth - label_smoothing / len(weight)
    q = slope * along
    average = (p * q).sum(1, keepdim=True)
    curve = slope * (growth * p * (q - average) + 2 * z_loss * p * average)
    if soft_cap:
        curve = curve - 2 * a * along * slope * z / soft_cap**2
    curve, gradient = counts * curve, counts * a * slope
    d_hidden, d_weight = curve @ weight, curve.T @ hidden
    d_hidden = d_hidden if u_weight is None else d_hidden + gradient @ u_weight
    d_weight = d_weight if u_hidden is None else d_weight + gradient.T @ u_hidden
    return d_hidden, d_weight, curve.sum(0) if len(bias) else None, (a * q).sum(1)


_in_chunks.register_autograd(_backward, setup_context=_keep)


class _InChunks(torch.autograd.Function):
    """The same for `torch.func`, whose transforms look into functions of autograd and not into operators; in eager
    mode it also starts faster."""

    setup_context = staticmethod(_keep)
    backward = staticmethod(_backward)

    @staticmethod
    def forward(*arguments):
        return _walk(*arguments)

    @staticmethod
    def vmap(info, in_dims, *arguments):
        """One call for each entry of the mapped dimension: the memory stays what it is for one."""
        results = []
        for index in range(info.batch_size):
            one = [a if axis is None else a.select(axis, index) for a, axis in zip(arguments, in_dims, strict=True)]
            results.append(_InChunks.apply(*one))
        return tuple(torch.stack(parts) for parts in zip(*results, strict=True)), (0,) * 5


def _differentiable(*arguments):
    """The operator in the form that the caller can differentiate: `torch.compile` takes the operator as a whole."""
    return _in_chunks(*arguments) if torch.compiler.is_compiling() else _InChunks.apply(*arguments)


# --- losses -----------------------------------------------------------------------------------------------------------


@loss(
    tasks=("challenges and future", "text-to-image", "time series"),
    names=("fused linear cross-entropy", "chunked cross-entropy", "scalable", "categorical cross-entropy"),
    domain={"hidden": "hidden states", "weight": "output weights", "target": "class ids"},
    range=(0.0, float("inf")),
    properties={
        "minimum_at_target": not_applicable("which hidden state is best depends on the weights"),
        "convex": yes,
        "lipschitz": _STEEP,
        "smooth": yes,
        "bounded": no(
            "a confident mistake costs as much as its score",
            first=[[100.0, 0.0]], weight=[[-1.0, 0.0], [1.0, 0.0]], target=[0],
        ),
        "symmetric": _ROLES,
        "proper": not_applicable("cross-entropy is, of the scores; the prediction here is a hidden state"),
        "scale_invariant": _ROLES,
        "permutation_invariant": yes,
    },
    cases=({"bias": (0.1, -0.2, 0.3, 0.0, 0.5)}, {"ignore_index": 1}, {"label_smoothing": 0.1},
           {"soft_cap": 5.0, "z_loss": 0.01}, {"chunk_size": 3}),
    differentiable=("hidden", "weight"),
    chapter=17,
)  # fmt: skip
def linear_cross_entropy(
    hidden: Tensor,
    weight: Tensor,
    target: Tensor,
    *,
    bias: Tensor | None = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    z_loss: float = 0.0,
    soft_cap: float | None = None,
    chunk_size: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Linear cross-entropy: cross-entropy of a last linear layer over very many classes, without its table of scores.

    .. math::

        \ell_i = \log \sum_{c=1}^{V} e^{z_{ic}} - z_{i y_i} + \lambda \Big( \log \sum_c e^{z_{ic}} \Big)^2,
        \qquad z_{ic} = \kappa \tanh \frac{w_c^\top h_i + b_c}{\kappa}

    (without a cap, :math:`z_{ic} = w_c^\top h_i + b_c`). The number is that of
    `cross_entropy(hidden @ weight.T + bias, target)`. The scores are formed for a few rows at a time and given up
    again. Where a gradient is due and the losses are averaged or summed, it is formed in the same walk, so that no
    score is computed twice: the three matrix products of the plain way, and no more; two of them, and no room for the
    gradient of the weights, where these are frozen. Half precision is computed in float32, with copies of both.

    How it goes on from there: with `reduction="none"` the weights from above are known on the way back alone, so there
    is a second walk, with one more product. A derivative of the gradient (`create_graph=True`, nested
    :func:`torch.func.grad`) is correct, but forms the whole table. :func:`torch.func.vmap` calls the operator once
    for each entry. There is no forward mode (:func:`torch.func.jvp`, hence :func:`torch.func.hessian`).
    :func:`torch.compile` sees one operator and keeps the graph whole.

    Args:
        hidden: hidden states, `(*, d)`.
        weight: one row for each class, `(V, d)`.
        target: class indices, integers `(*)`: the shape of the hidden states without their last dimension.
        bias: one number per class, `(V,)`.
        ignore_index: label of positions that do not count.
        label_smoothing: share of the target that is spread evenly over the classes, in [0, 1].
        z_loss: weight :math:`\lambda` of the squared logarithm of the partition function, which keeps scores from
            drifting; 0 leaves it out.
        soft_cap: bound :math:`\kappa` of the scores, above 0; `None` leaves them free.
        chunk_size: number of rows whose scores are held at once; by default 256, or as many as make 16 MiB in float32
            if these are more, but never more than 64 MiB.
        reduction: `"none"` gives `(*)`; `"mean"` divides by the number of counted positions.

    Returns:
        The loss in nats: a scalar, or `(*)` for `reduction="none"`. Where every label is ignored the mean is a zero
        attached to the graph, and the gradient at an ignored position is zero even where its hidden state is NaN.

    Raises:
        TypeError: hidden states that are not floating-point, labels that are not integers.
        ValueError: shapes that do not go together, labels or settings out of range, an unknown reduction.

    References:
        Wijmans et al., Cut your losses in large-vocabulary language models, 2024, https://arxiv.org/abs/2411.09009;
        gradients on the way forward: Hsu et al., Liger kernel, 2024, https://arxiv.org/abs/2410.10989; z-loss:
        Chowdhery et al., PaLM, 2022, https://arxiv.org/abs/2204.02311; cap: Gemma 2, 2024,
        https://arxiv.org/abs/2408.00118.

    Example:
        >>> hidden, weight = torch.tensor([[2.0, 0.0]]), torch.eye(2)
        >>> linear_cross_entropy(hidden, weight, torch.tensor([0]))
        tensor(0.1269)
    """
    check_tensors(hidden=hidden, weight=weight, target=target, bias=bias)
    check_floating("hidden", hidden)
    check_reduction(reduction)
    check_fraction("label_smoothing", label_smoothing)
    check_positive("z_loss", z_loss, zero=True)
    if soft_cap is not None:
        check_positive("soft_cap", soft_cap)
    if chunk_size is not None:
        check_positive("chunk_size", chunk_size)
    _check_layer(hidden, weight, bias, target)
    _check_ids("target", target, len(weight), ignore_index)
    h, w, *rest = together(hidden, weight) if bias is None else together(hidden, weight, bias)
    b = rest[0] if rest else w.new_empty(0)
    h, labels, valid = h.reshape(-1, h.shape[-1]), target.reshape(-1).long(), valid_entries(target, ignore_index)
    share = h.new_ones(len(h))
    if valid is not None:  # NaN under an ignored label must not reach the gradient
        valid = valid.reshape(-1)
        h, labels = torch.where(valid.unsqueeze(1), h, 0.0), torch.where(valid, labels, 0)
        share = valid.to(h.dtype)
    if reduction == "mean":
        share = share / share.sum().clamp_min(1)
    now = torch.is_grad_enabled() and reduction != "none"
    gradients = (now and h.requires_grad, now and w.requires_grad, now and b.requires_grad)
    if chunk_size is None:
        chunk_size = max(1, min(_MOST // len(w), max(_ENOUGH // len(w), _ROWS)))
    losses, total, *_ = _differentiable(
        h, w, b, labels, share, float(label_smoothing), float(z_loss), float(soft_cap or 0.0), chunk_size, *gradients
    )
    if reduction != "none":
        return narrow(total, hidden.dtype)
    losses = losses if valid is None else torch.where(valid, losses, 0.0)
    return narrow(losses.reshape(target.shape), hidden.dtype)


LinearCrossEntropyLoss = as_module("LinearCrossEntropyLoss", linear_cross_entropy)


def _check_layer(hidden: Tensor, weight: Tensor, bias: Tensor | None, target: Tensor) -> None:
    """Hidden states `(*, d)`, weights `(V, d)`, a bias `(V,)` and a target `(*)`."""
    if hidden.dim() < 1:
        raise ValueError("hidden must have shape (N, d), got a scalar")
    check_layout("weight", weight, "V", hidden.shape[-1])
    check_floating("weight", weight)
    if len(weight) == 0:
        raise ValueError(f"weight must have shape (V, d) with at least one class, got {tuple(weight.shape)}")
    if bias is not None:
        check_layout("bias", bias, len(weight))
        check_floating("bias", bias)
    if target.is_floating_point() or target.dtype == torch.bool:
        raise TypeError(f"target must hold integer class indices, got {target.dtype}")
    if target.shape != hidden.shape[:-1]:
        raise ValueError(
            f"target must have shape {tuple(hidden.shape[:-1])} to go with hidden of shape {tuple(hidden.shape)}, "
            f"got {tuple(target.shape)}"
        )


def _check_ids(name: str, ids: Tensor, classes: int, ignore_index: int | None = None) -> None:
    """Every index is one of `classes`, or the ignored one."""
    ignored = ignore_index is not None and can_hold(ids, ignore_index)

    def in_range() -> Tensor:
        fits = (ids >= 0) & (ids < classes)
        return (fits | (ids == ignore_index) if ignored else fits).all()

    if ids.numel() and known(ids, in_range) is False:
        also = "" if ignore_index is None else f" or ignore_index={ignore_index}"
        raise ValueError(
            f"{name} must hold indices 0 to {classes - 1}{also}, got values from {int(ids.min())} to {int(ids.max())}"
        )


@gradient_of(linear_cross_entropy)
def _linear_cross_entropy_gradient(hidden: Tensor, weight: Tensor, target: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial h_i = \tfrac1N \sum_c (p_{ic} - [c = y_i])\, w_c`: what is predicted minus
    what is true, sent back through the layer; and
    :math:`\partial\mathcal L / \partial w_c = \tfrac1N \sum_i (p_{ic} - [c = y_i])\, h_i`."""
    p = (hidden @ weight.T).softmax(-1)
    return (p - F.one_hot(target, len(weight))) @ weight / target.numel()


@loss(
    tasks=("challenges and future", "text-to-image"),
    names=("sampled softmax", "scalable"),
    domain={
        "hidden": "hidden states",
        "weight": "output weights",
        "target": "class ids",
        "samples": "sampled classes",
    },
    range=(0.0, float("inf")),
    properties={
        "minimum_at_target": not_applicable("which hidden state is best depends on the weights"),
        "convex": yes,
        "lipschitz": no(
            "the slope grows with the weights",
            first=[[1e-3, 0.0]], other=[[0.0, 0.0]], weight=[[-1e4, 0.0], [1e4, 0.0]], target=[0], samples=[1],
        ),
        "smooth": yes,
        "bounded": no(
            "a confident mistake costs as much as its score",
            first=[[100.0, 0.0]], weight=[[-1.0, 0.0], [1.0, 0.0]], target=[0], samples=[1],
        ),
        "symmetric": _ROLES,
        "proper": not_applicable("it estimates cross-entropy of the scores; the prediction here is a hidden state"),
        "scale_invariant": _ROLES,
        "permutation_invariant": yes,
    },
    cases=({"bias": (0.1, -0.2, 0.3, 0.0, 0.5)}, {"log_proposal": (-1.0, -1.5, -2.0, -1.8, -2.2)},
           {"correct_target": True}, {"remove_hits": False}, {"ignore_index": 1}),
    differentiable=("hidden", "weight"),
    chapter=17,
)  # fmt: skip
def sampled_softmax_loss(
    hidden: Tensor,
    weight: Tensor,
    target: Tensor,
    samples: Tensor,
    *,
    bias: Tensor | None = None,
    log_proposal: Tensor | None = None,
    correct_target: bool = False,
    remove_hits: bool = True,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    r"""Sampled softmax: cross-entropy over very many classes, estimated from the true class and a few drawn ones.

    .. math::

        \ell_i = \log\Big( e^{z_{i y_i}} + \sum_{s \in S,\; s \ne y_i} e^{z_{is} - \log (|S|\, q_s)} \Big) - z_{i y_i}

    The scores of the drawn classes are corrected by the number of times that each is expected among them. Then the sum
    is, on average over the draws, the whole partition function, and its logarithm, hence the loss, becomes that of the
    full softmax as the sample grows (from below: the logarithm of an average exceeds the average of logarithms).

    TensorFlow corrects the score of the true class, too (`correct_target=True`). The corrected scores are then those of
    a softmax over the candidates; the best scores are the same, but the number is no estimate of the cross-entropy.

    Args:
        hidden: hidden states, `(*, d)`.
        weight: one row for each class, `(V, d)`.
        target: class indices, integers `(*)`.
        samples: indices of the classes drawn, with replacement, for all rows together, `(S,)`; see
            :func:`log_uniform_sample`.
        bias: one number per class, `(V,)`.
        log_proposal: logarithm of the probability with which each class is drawn, `(V,)`; by default all are equal.
        correct_target: whether the score of the true class is corrected as well.
        remove_hits: whether a drawn class that is the true one is left out.
        ignore_index: label of positions that do not count.
        reduction: `"none"` gives `(*)`; `"mean"` divides by the number of counted positions.

    Returns:
        The loss in nats: a scalar, or `(*)` for `reduction="none"`. Where all drawn classes are the true one, it is 0.
        Where every label is ignored the mean is a zero attached to the graph, and the gradient at an ignored position
        is zero even where its hidden state is NaN.

    Raises:
        TypeError: hidden states that are not floating-point, indices that are not integers.
        ValueError: shapes that do not go together, indices out of range, an unknown reduction.

    References:
        Bengio and Senécal, Adaptive importance sampling to accelerate training of a neural probabilistic language
        model, 2008, https://doi.org/10.1109/TNN.2007.912312; Jean, Cho, Memisevic and Bengio, On using very large
        target vocabulary, 2015, https://arxiv.org/abs/1412.2007.

    Example:
        >>> hidden, weight = torch.tensor([[1.0, 0.0]]), torch.eye(2)
        >>> sampled_softmax_loss(hidden, weight, torch.tensor([0]), torch.tensor([1, 1, 0, 0]))
        tensor(0.3133)
    """
    check_tensors(hidden=hidden, weight=weight, target=target, samples=samples, bias=bias, log_proposal=log_proposal)
    check_floating("hidden", hidden)
    check_reduction(reduction)
    _check_layer(hidden, weight, bias, target)
    classes = len(weight)
    _check_ids("target", target, classes, ignore_index)
    if samples.is_floating_point() or samples.dtype == torch.bool:
        raise TypeError(f"samples must hold integer class indices, got {samples.dtype}")
    if samples.dim() != 1 or len(samples) == 0:
        raise ValueError(f"samples must have shape (S,) with at least one class, got {tuple(samples.shape)}")
    _check_ids("samples", samples, classes)
    if log_proposal is not None:
        check_layout("log_proposal", log_proposal, classes)
    h, w = together(hidden, weight)
    labels, drawn, valid = target.long(), samples.long(), valid_entries(target, ignore_index)
    if valid is not None:
        h, labels = torch.where(valid.unsqueeze(-1), h, 0.0), torch.where(valid, labels, 0)
    log_q = h.new_full((classes,), -math.log(classes)) if log_proposal is None else log_proposal.to(h.dtype)
    expected = log_q + math.log(len(drawn))
    offset = h.new_zeros(classes) if bias is None else bias.to(h.dtype)
    true = (h * w[labels]).sum(-1) + offset[labels]
    if correct_target:
        true = true - expected[labels]
    with full_precision(h):
        others = h @ w[drawn].T + (offset - expected)[drawn]
    if remove_hits:
        others = torch.where(drawn == labels.unsqueeze(-1), -torch.inf, others)
    values = torch.cat([true.unsqueeze(-1), others], -1).logsumexp(-1) - true
    if valid is None:
        return reduce(values, reduction, dtype=hidden.dtype)
    return reduce(torch.where(valid, values, 0.0), reduction, valid.to(values.dtype), hidden.dtype)


SampledSoftmaxLoss = as_module("SampledSoftmaxLoss", sampled_softmax_loss)


@gradient_of(sampled_softmax_loss)
def _sampled_softmax_gradient(hidden: Tensor, weight: Tensor, target: Tensor, samples: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial h_i = \tfrac1N \big( \sum_{c \in \{y_i\} \cup S} \hat p_{ic} w_c - w_{y_i}
    \big)` with :math:`\hat p` the softmax of the corrected scores of the candidates."""
    others = hidden @ weight[samples].T - math.log(len(samples) / len(weight))
    others = torch.where(samples == target.unsqueeze(-1), -torch.inf, others)
    true = (hidden * weight[target]).sum(-1, keepdim=True)
    p = torch.cat([true, others], -1).softmax(-1)
    mean = p[..., :1] * weight[target] + p[..., 1:] @ weight[samples]
    return (mean - weight[target]) / target.numel()


def log_uniform_log_probability(
    classes: int, *, dtype: torch.dtype | None = None, device: torch.device | str | None = None
) -> Tensor:
    r"""The logarithm of the log-uniform (Zipf) distribution, :math:`q_c = \log\frac{c + 2}{c + 1} / \log(V + 1)`,
    `(V,)`: for classes that are sorted from the most to the least frequent.

    Args:
        classes: number of classes, at least 1.
        dtype: floating-point dtype of the result, torch's default if not given.
        device: where the result lives.

    Returns:
        Logarithms of probabilities that add up to one.

    Raises:
        ValueError: a number of classes below 1.

    Example:
        >>> log_uniform_log_probability(3).exp()
        tensor([0.5000, 0.2925, 0.2075])
    """
    check_positive("classes", classes)
    rank = torch.arange(1, classes + 1, dtype=dtype or torch.get_default_dtype(), device=device)
    return torch.log(torch.log1p(1 / rank) / math.log(classes + 1))


def log_uniform_sample(
    count: int, classes: int, *, generator: torch.Generator | None = None, device: torch.device | str | None = None
) -> Tensor:
    """Class indices drawn with replacement from the log-uniform distribution, `(count,)`.

    Args:
        count: number of draws.
        classes: number of classes, at least 1.
        generator: source of randomness.
        device: where the result lives.

    Returns:
        Integers from 0 to `classes - 1`.

    Raises:
        ValueError: a number of classes below 1.

    Example:
        >>> log_uniform_sample(1000, 50, generator=torch.Generator().manual_seed(0)).bincount()[:3]
        tensor([173, 112,  67])
    """
    check_positive("classes", classes)
    uniform = torch.rand(count, dtype=torch.float64, generator=generator, device=device)
    return ((uniform * math.log(classes + 1)).exp().long() - 1).clamp(0, classes - 1)
