"""The `nn.Module` form of a loss, derived from its function: same names, same defaults, nothing written twice."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar, Concatenate, Generic, ParamSpec, overload

from torch import Tensor, nn

from ._validation import check_reduction, check_tensors

P = ParamSpec("P")


class LossModule(nn.Module, Generic[P]):
    """A loss with its settings fixed.

    `FocalLoss(gamma=3.0)(logits, target)` is `focal_loss(logits, target, gamma=3.0)`; tensors may also be given by
    name.

    Settings are keyword arguments and become attributes, which may be changed later. Tensor settings (class
    weights) are buffers: they move with `.to(device)` and are saved in the `state_dict`.
    """

    function: ClassVar[Callable[..., Tensor]]
    settings: ClassVar[tuple[str, ...]]

    def __init__(self, *args: P.args, **kwargs: P.kwargs) -> None:
        super().__init__()
        name = type(self).__name__
        if args:
            raise TypeError(f"{name} takes its settings by keyword, got {len(args)} positional argument(s)")
        unknown = [key for key in kwargs if key not in self.settings]
        if unknown:
            raise TypeError(f"{name} has no setting {unknown[0]!r}; it has {', '.join(self.settings)}")
        parameters = inspect.signature(type(self).function).parameters
        for key in self.settings:
            value = kwargs.get(key, parameters[key].default)
            if parameters[key].annotation == "Tensor | None":
                check_tensors(**{key: value})
                self.register_buffer(key, value)
            elif isinstance(value, Tensor):
                self.register_buffer(key, value)
            else:
                setattr(self, key, value)
        if "reduction" in self.settings:
            check_reduction(self.reduction)

    def forward(self, *tensors: Tensor, **named: Tensor) -> Tensor:
        """The loss of the tensors that the function takes, by position or by name."""
        for key in named:
            if key in self.settings:
                raise TypeError(f"{key} is a setting of {type(self).__name__}: give it when the module is made")
        return type(self).function(*tensors, **named, **{key: getattr(self, key) for key in self.settings})

    def extra_repr(self) -> str:
        """The settings, as they were given."""
        return ", ".join(f"{key}={_short(getattr(self, key))}" for key in self.settings)


def _short(value: Any) -> str:
    return f"tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else repr(value)


@overload
def as_module(
    name: str, function: Callable[Concatenate[Tensor, Tensor, Tensor, Tensor, Tensor, P], Tensor]
) -> type[LossModule[P]]: ...
@overload
def as_module(
    name: str, function: Callable[Concatenate[Tensor, Tensor, Tensor, Tensor, P], Tensor]
) -> type[LossModule[P]]: ...
@overload
def as_module(name: str, function: Callable[Concatenate[Tensor, Tensor, Tensor, P], Tensor]) -> type[LossModule[P]]: ...
@overload
def as_module(name: str, function: Callable[Concatenate[Tensor, Tensor, P], Tensor]) -> type[LossModule[P]]: ...
@overload  # objectives: a model, then tensors
def as_module(
    name: str, function: Callable[Concatenate[Any, Tensor, Tensor, Tensor, P], Tensor]
) -> type[LossModule[P]]: ...
@overload
def as_module(name: str, function: Callable[Concatenate[Any, Tensor, Tensor, P], Tensor]) -> type[LossModule[P]]: ...
@overload
def as_module(name: str, function: Callable[Concatenate[Any, Tensor, P], Tensor]) -> type[LossModule[P]]: ...
@overload
def as_module(name: str, function: Callable[Concatenate[Any, P], Tensor]) -> type[LossModule[P]]: ...
def as_module(name: str, function: Callable[..., Tensor]) -> type[LossModule[Any]]:
    """Derive the module class called `name`; assign it to that very name in the module of the function.

    The class then pickles, deep-copies and works with `isinstance`; editors and type checkers see its
    settings.
    """
    parameters = inspect.signature(function).parameters.values()
    settings = [parameter for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
    tensors = ", ".join(parameter.name for parameter in parameters if parameter.kind is not parameter.KEYWORD_ONLY)
    call = f"Module form of `{function.__name__}`: settings here, then call it with `({tensors})`."
    text = (inspect.getdoc(function) or "").partition("\nExample:\n")[0]  # the example is the function's, tested there
    return type(
        name,
        (LossModule,),
        {
            "__module__": function.__module__,
            "__qualname__": name,
            "__doc__": f"{call}\n\n{text}",
            "__signature__": inspect.Signature(settings),
            "function": staticmethod(function),
            "settings": tuple(parameter.name for parameter in settings),
        },
    )
