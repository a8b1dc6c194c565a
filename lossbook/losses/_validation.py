"""Checks of arguments: each names the argument, what is expected and what came.

Checks of shapes, dtypes and devices always run; they read no values. Checks of values (is every label in
range?) go through `known`, which looks only where looking is free.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

REDUCTIONS = ("none", "mean", "sum")
TASKS = ("multiclass", "multilabel", "binary")


def known(tensor: Tensor, condition: Callable[[], Tensor]) -> bool | None:
    """The truth of a condition on values, or `None` where finding out costs a synchronization or a graph break.

    Values are looked at in eager mode on the CPU, outside `vmap`; elsewhere nobody looks.
    """
    if torch.compiler.is_compiling() or tensor.device.type != "cpu":
        return None
    try:
        return bool(condition())
    except RuntimeError:  # inside vmap, or on fake tensors, a tensor has no truth value
        return None


def check_choice(name: str, value: object, choices: Iterable[str]) -> None:
    """`value` is one of `choices`."""
    choices = tuple(choices)
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")


def check_reduction(reduction: str) -> None:
    """`reduction` is one of torch's three."""
    check_choice("reduction", reduction, REDUCTIONS)


def check_positive(name: str, value: float, *, zero: bool = False) -> None:
    """`value` is above zero (or, with `zero`, not below it)."""
    if not (value >= 0 if zero else value > 0):
        raise ValueError(f"{name} must be {'at least' if zero else 'above'} 0, got {value}")


def check_fraction(name: str, value: float) -> None:
    """`value` lies between zero and one."""
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must lie in [0, 1], got {value}")


def check_tensors(**tensors: Tensor | None) -> None:
    """All given arguments are tensors of real numbers on one device."""
    first_name, first = "", None
    for name, tensor in tensors.items():
        if tensor is None:
            continue
        if not isinstance(tensor, Tensor):
            raise TypeError(f"{name} must be a tensor, got {type(tensor).__name__}")
        if tensor.is_complex():
            raise TypeError(f"{name} must hold real numbers, got {tensor.dtype}")
        if first is None:
            first_name, first = name, tensor
        elif tensor.device != first.device:
            raise ValueError(
                f"{name} is on {tensor.device}, but {first_name} is on {first.device}; they must share one"
            )


def check_floating(name: str, tensor: Tensor) -> None:
    """`tensor` holds real floating-point numbers."""
    if not tensor.is_floating_point():
        raise TypeError(f"{name} must be a floating-point tensor, got {tensor.dtype}")


def check_layout(name: str, tensor: Tensor, *layout: int | str) -> None:
    """`tensor` has this layout: a number is the size of a dimension, a letter stands for any size.

    `check_layout("boxes", boxes, "N", 4)`; a last `"*"` stands for any further dimensions.
    """
    fixed = layout[:-1] if layout[-1:] == ("*",) else layout
    fits = tensor.dim() >= len(fixed) if len(fixed) < len(layout) else tensor.dim() == len(fixed)
    if not fits or any(isinstance(want, int) and want != have for want, have in zip(fixed, tensor.shape, strict=False)):
        wanted = ", ".join(map(str, layout)) + ("," if len(layout) == 1 else "")
        raise ValueError(f"{name} must have shape ({wanted}), got {tuple(tensor.shape)}")


def check_same_shape(name: str, tensor: Tensor, other_name: str, other: Tensor) -> None:
    """Both tensors have one shape; nothing is broadcast silently."""
    if tensor.shape != other.shape:
        raise ValueError(f"{name} must have the shape of {other_name}, {tuple(other.shape)}, got {tuple(tensor.shape)}")


def check_spread(name: str, tensor: Tensor, shape: Sequence[int], of: str = "prediction") -> None:
    """`tensor` can be broadcast to `shape` (and does not enlarge it)."""
    ends = zip(reversed(tensor.shape), reversed(shape), strict=False)
    if tensor.dim() > len(shape) or any(size != 1 and size != wanted for size, wanted in ends):
        raise ValueError(
            f"{name} must have the shape of {of}, {tuple(shape)}, or one that is broadcast to it, "
            f"got {tuple(tensor.shape)}"
        )


def check_weight(weight: Tensor | None, shape: Sequence[int], of: str = "prediction") -> None:
    """`weight` holds one non-negative number per entry, or can be broadcast to that."""
    if weight is None:
        return
    check_spread("weight", weight, shape, of)
    if weight.numel() and known(weight, lambda: weight.detach().min() >= 0) is False:
        raise ValueError(f"weight must not be negative, got values from {weight.min().item():g}")


def check_class_weight(weight: Tensor | None, classes: int, name: str = "weight") -> None:
    """`weight` holds one non-negative number per class."""
    if weight is None:
        return
    if weight.shape != (classes,):
        raise ValueError(f"{name} must have shape ({classes},), one number per class, got {tuple(weight.shape)}")
    check_floating(name, weight)
    if known(weight, lambda: (weight >= 0).all()) is False:
        raise ValueError(f"{name} must not be negative, got {weight.tolist()}")


def check_class_scores(name: str, scores: Tensor) -> None:
    """`scores` is laid out as `(N, C, *)` with at least two classes."""
    if scores.dim() < 2:
        raise ValueError(f"{name} must have shape (N, C, *), got {tuple(scores.shape)}")
    if scores.shape[1] < 2:
        raise ValueError(
            f"{name} has {scores.shape[1]} channel of classes, shape {tuple(scores.shape)}; task='multiclass' needs "
            "two or more. For one foreground channel use task='binary'"
        )


def can_hold(target: Tensor, value: int) -> bool:
    """Whether an entry can have this value at all: compared with a byte, -100 would be 156."""
    if target.is_floating_point() or target.dtype == torch.bool:
        return True
    limits = torch.iinfo(target.dtype)
    return limits.min <= value <= limits.max


def check_labels(target: Tensor, shape: tuple[int, ...], name: str, ignore_index: int | None) -> None:
    """`target` holds class indices `(N, *)` for scores of `shape` `(N, C, *)`; each is in range or the ignored one."""
    shape = tuple(shape)
    expected = (shape[0], *shape[2:])
    if target.is_floating_point() or target.dtype == torch.bool or target.is_complex():
        raise TypeError(
            f"target must hold integer class indices of shape {expected}, got {target.dtype} of shape "
            f"{tuple(target.shape)}"
        )
    if target.shape != expected:
        raise ValueError(
            f"target must have shape {expected} to go with {name} of shape {shape}, got {tuple(target.shape)}"
        )
    classes = shape[1]
    if ignore_index is not None and not can_hold(target, ignore_index):
        ignore_index = None

    def in_range() -> Tensor:
        low, high = target.aminmax()  # one pass; only where it finds something odd is a second one due
        if ignore_index is None or (low >= 0 and high < classes):
            return (low >= 0) & (high < classes)
        return (((target >= 0) & (target < classes)) | (target == ignore_index)).all()

    if target.numel() and known(target, in_range) is False:
        also = "" if ignore_index is None else f" or ignore_index={ignore_index}"
        raise ValueError(
            f"target must hold labels 0 to {classes - 1}{also}, got values from {int(target.min())} "
            f"to {int(target.max())}"
        )


def check_probabilities(name: str, tensor: Tensor, ignore_index: int | None = None) -> None:
    """Every entry lies in [0, 1], but for rounding (of a mask that was resized), or is the ignored value."""
    if tensor.dtype == torch.bool:
        return
    lowest, highest = -1e-5, 1 + 1e-5

    def in_range() -> Tensor:
        low, high = tensor.aminmax()
        if ignore_index is None or (low >= lowest and high <= highest):
            return (low >= lowest) & (high <= highest)
        return (((tensor >= lowest) & (tensor <= highest)) | (tensor == ignore_index)).all()

    if tensor.numel() and known(tensor, in_range) is False:
        also = "" if ignore_index is None else f" or ignore_index={ignore_index}"
        raise ValueError(f"{name} must lie in [0, 1]{also}, got values outside")


def valid_entries(target: Tensor, ignore_index: int | None) -> Tensor | None:
    """A mask of the entries that count, or `None` where all of them do (so that nothing needs to be masked)."""
    if ignore_index is None or not can_hold(target, ignore_index):
        return None

    def out_of_reach() -> Tensor:  # a tenth of what the mask costs
        low, high = target.aminmax()
        return (ignore_index < low) | (ignore_index > high)

    if target.numel() and known(target, out_of_reach):
        return None
    valid = target != ignore_index
    return None if known(valid, lambda: valid.all()) else valid


def weighted_entries(weight: Tensor | None) -> Tensor | None:
    """A mask of the entries whose weight is not zero, or `None` where all are seen to count.

    A weight that is learned has a gradient at zero too, which is what its entry costs: nothing is hidden then.
    """
    if weight is None or weight.requires_grad or known(weight, lambda: not weight.numel() or weight.min() > 0):
        return None
    return weight != 0


def hidden(mask: Tensor | None, *tensors: Tensor, neutral: int = 0) -> tuple[Tensor, ...]:
    """The tensors, with a harmless value wherever the mask says that nothing counts.

    A weight of zero does not do that by itself: zero times NaN is NaN, in the loss or in the gradient.
    """
    return tensors if mask is None else tuple(torch.where(mask, tensor, neutral) for tensor in tensors)
