"""Miniatures of networks for series: what each architecture adds, in a few thousand parameters.

The forecasters map a past `(N, L)` to a forecast `(N, H, K)`: K numbers for each of H steps, which a loss reads as
points, as quantiles or as parameters of a distribution. Inputs are expected to be of the order of one. The seasonal
naive forecast, which each of them has to beat, stands first.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .tiny import dense

__all__ = [
    "DeepAR",
    "GRUForecaster",
    "LinearForecaster",
    "NBeats",
    "PatchTransformer",
    "SCIBlock",
    "SCIForecaster",
    "SeriesClassifier",
    "seasonal_naive",
]


def seasonal_naive(past: Tensor, *, horizon: int, season: int) -> Tensor:
    """Repeat the last season.

    Args:
        past: `(N, L)` with `L` at least `season`.
        horizon: steps to forecast.
        season: steps of one season.

    Returns:
        `(N, horizon)`.

    Example:
        >>> seasonal_naive(torch.tensor([[9.0, 1.0, 2.0]]), horizon=3, season=2)
        tensor([[1., 2., 1.]])
    """
    if past.shape[1] < season:
        raise ValueError(f"past: expected at least one season of {season} steps, got {past.shape[1]}")
    return past[:, -season:][:, torch.arange(horizon) % season]


class LinearForecaster(nn.Module):
    """Each step of the future is a weighted sum of the past: a direct autoregression.

    Shapes: `(N, context)` to `(N, horizon, outputs)`.
    """

    def __init__(self, context: int, horizon: int, outputs: int = 1) -> None:
        super().__init__()
        self.horizon, self.outputs = horizon, outputs
        self.map = nn.Linear(context, horizon * outputs)

    def forward(self, past: Tensor) -> Tensor:
        return self.map(past).unflatten(1, (self.horizon, self.outputs))


class NBeats(nn.Module):
    """Generic N-BEATS: each block explains a part of the past, subtracts it, and adds its part of the forecast.

    Shapes: `(N, context)` to `(N, horizon, outputs)`. The original has stacks of up to 30 blocks of width 512, shared
    weights, and ensembles of 180 models (Oreshkin et al., 2019, https://arxiv.org/abs/1905.10437).
    """

    def __init__(self, context: int, horizon: int, outputs: int = 1, *, width: int = 64, blocks: int = 2) -> None:
        super().__init__()
        self.context, self.horizon, self.outputs = context, horizon, outputs
        self.blocks = nn.ModuleList(dense(context, width, width, context + horizon * outputs) for _ in range(blocks))

    def decompose(self, past: Tensor) -> tuple[list[Tensor], list[Tensor], Tensor]:
        """Backcasts `(N, context)` and forecasts `(N, horizon, outputs)` of the blocks, and what of the past is left
        unexplained `(N, context)`."""
        backcasts, forecasts, rest = [], [], past
        for block in self.blocks:
            backcast, forecast = block(rest).split([self.context, self.horizon * self.outputs], dim=1)
            backcasts.append(backcast)
            forecasts.append(forecast.unflatten(1, (self.horizon, self.outputs)))
            rest = rest - backcast
        return backcasts, forecasts, rest

    def forward(self, past: Tensor) -> Tensor:
        return torch.stack(self.decompose(past)[1]).sum(0)


class GRUForecaster(nn.Module):
    """A gated recurrent unit reads the past, `patch` steps at a time; its last state is mapped to the whole horizon.

    Shapes: `(N, context)`, a multiple of `patch`, to `(N, horizon, outputs)`. Cho et al., 2014,
    https://arxiv.org/abs/1406.1078.
    """

    def __init__(self, horizon: int, outputs: int = 1, *, patch: int = 6, width: int = 48) -> None:
        super().__init__()
        self.horizon, self.outputs, self.patch = horizon, outputs, patch
        self.recurrent = nn.GRU(patch, width, batch_first=True)
        self.head = nn.Linear(width, horizon * outputs)

    def states(self, past: Tensor) -> Tensor:
        """State after each patch, `(N, context / patch, width)`: none sees a later patch."""
        return self.recurrent(past.unflatten(1, (-1, self.patch)))[0]

    def forward(self, past: Tensor) -> Tensor:
        return self.head(self.states(past)[:, -1]).unflatten(1, (self.horizon, self.outputs))


class SCIBlock(nn.Module):
    """Sample convolution and interaction: even and odd steps are parted, and each is scaled and shifted by the other.

    Shapes: `(N, channels, T)` with even T, to two tensors `(N, channels, T / 2)`: even, odd. Liu et al., SCINet, 2021,
    https://arxiv.org/abs/2106.09305.
    """

    def __init__(self, channels: int, *, width: int = 8) -> None:
        super().__init__()

        def convolutions() -> nn.Module:
            return nn.Sequential(
                nn.Conv1d(channels, width, 5, padding=2, padding_mode="replicate"),
                nn.LeakyReLU(0.01),
                nn.Conv1d(width, channels, 3, padding=1, padding_mode="replicate"),
                nn.Tanh(),
            )

        self.scale_odd, self.scale_even, self.shift_odd, self.shift_even = (convolutions() for _ in range(4))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        even, odd = x[..., ::2], x[..., 1::2]
        scaled_odd, scaled_even = odd * self.scale_odd(even).exp(), even * self.scale_even(odd).exp()
        return scaled_even + self.shift_even(scaled_odd), scaled_odd - self.shift_odd(scaled_even)


class SCIForecaster(nn.Module):
    """A tree of :class:`SCIBlock`, whose leaves are put back in order and added to the past; then a linear map.

    Shapes: `(N, context)`, a multiple of `2 ** levels`, to `(N, horizon, outputs)`. The original stacks several such
    trees, supervises each, and drops units.
    """

    def __init__(self, context: int, horizon: int, outputs: int = 1, *, levels: int = 2, width: int = 8) -> None:
        super().__init__()
        self.levels = levels
        self.tree = nn.ModuleList(SCIBlock(1, width=width) for _ in range(2**levels - 1))
        self.head = LinearForecaster(context, horizon, outputs)

    def _branch(self, x: Tensor, node: int, level: int) -> Tensor:
        if level == self.levels:
            return x
        halves = self.tree[node](x)
        parts = [self._branch(half, 2 * node + 1 + side, level + 1) for side, half in enumerate(halves)]
        return torch.stack(parts, dim=-1).flatten(-2)  # even, odd, even, odd, ...

    def forward(self, past: Tensor) -> Tensor:
        return self.head(past + self._branch(past.unsqueeze(1), 0, 0).squeeze(1))


class PatchTransformer(nn.Module):
    """A small transformer encoder over patches of the past, in which no patch attends to a later one.

    Shapes: `(N, context)`, a multiple of `patch`, to `(N, horizon, outputs)`. Of the temporal fusion transformer (Lim
    et al., 2019, https://arxiv.org/abs/1912.09363) it has the attention and the quantile head, not the gates, the
    selection of variables and the static inputs.
    """

    def __init__(
        self,
        context: int,
        horizon: int,
        outputs: int = 1,
        *,
        patch: int = 12,
        width: int = 32,
        layers: int = 1,
        heads: int = 4,
    ) -> None:
        super().__init__()
        self.horizon, self.outputs, self.patch = horizon, outputs, patch
        tokens = context // patch
        self.embed = nn.Linear(patch, width)
        self.position = nn.Parameter(0.02 * torch.randn(tokens, width))
        layer = nn.TransformerEncoderLayer(width, heads, 2 * width, dropout=0.0, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.register_buffer("mask", torch.ones(tokens, tokens).triu(1).bool(), persistent=False)
        self.head = nn.Linear(tokens * width, horizon * outputs)

    def states(self, past: Tensor) -> Tensor:
        """State of each patch, `(N, context / patch, width)`: none sees a later patch."""
        tokens = self.embed(past.unflatten(1, (-1, self.patch))) + self.position
        return self.encoder(tokens, mask=self.mask)

    def forward(self, past: Tensor) -> Tensor:
        return self.head(self.states(past).flatten(1)).unflatten(1, (self.horizon, self.outputs))


class DeepAR(nn.Module):
    """An autoregressive recurrent network that predicts a distribution for each step.

    The state at step t has read the values up to t - 1 and the covariates up to t. Values are divided by one plus the
    mean of their context, and the parameters are multiplied by it again, as in the original (Salinas et al., 2017,
    https://arxiv.org/abs/1704.04110), which has several layers, learned embeddings and many series.

    Args:
        covariates: number C of covariates that are known in advance.
        context: steps that are known. The scale is that of the context alone: the horizon must not leak into it.
        head: `"gaussian"` (mean, standard deviation), `"student_t"` (center, scale, degrees of freedom above 2) or
            `"negative_binomial"` (mean, dispersion).
        width: size of the state.

    Shapes: values and covariates in one tensor `(N, T, 1 + C)`, to parameters `(N, T - context, P)` of the steps from
    `context` on, in the unit of the values.
    """

    HEADS = {"gaussian": 2, "student_t": 3, "negative_binomial": 2}  # noqa: RUF012

    def __init__(self, covariates: int, *, context: int, head: str = "gaussian", width: int = 32) -> None:
        super().__init__()
        if head not in self.HEADS:
            raise ValueError(f"head: expected one of {sorted(self.HEADS)}, got {head!r}")
        self.context, self.head_name = context, head
        self.recurrent = nn.GRU(1 + covariates, width, batch_first=True)
        self.head = nn.Linear(width, self.HEADS[head])

    def scale(self, inputs: Tensor) -> Tensor:
        """One plus the mean of the context, `(N, 1, 1)`."""
        return 1 + inputs[:, : self.context, :1].mean(1, keepdim=True)

    def forward(self, inputs: Tensor) -> Tensor:
        scale = self.scale(inputs)
        before = F.pad(inputs[:, :-1, :1] / scale, (0, 0, 1, 0))
        states, _ = self.recurrent(torch.cat([before, inputs[..., 1:]], dim=2))
        return self.parameters_of(states[:, self.context :], scale)

    def parameters_of(self, states: Tensor, scale: Tensor) -> Tensor:
        """Parameters of the distribution, `(N, T, P)`."""
        first, spread, *rest = self.head(states).split(1, dim=2)
        spread = F.softplus(spread) + 1e-3
        if self.head_name == "negative_binomial":
            return torch.cat([scale * (F.softplus(first) + 1e-3), spread / scale.sqrt()], dim=2)
        return torch.cat([scale * first, scale * spread, *(2.1 + F.softplus(z) for z in rest)], dim=2)

    @torch.no_grad()
    def sample(self, inputs: Tensor, *, paths: int, seed: int = 0) -> Tensor:
        """Draw futures step by step, each step fed with what was drawn: `(N, T - context, paths)`.

        Values of `inputs` from `context` on are not looked at; covariates are.
        """
        scale = self.scale(inputs)
        known, covariates = inputs[:, : self.context, :1] / scale, inputs[..., 1:]
        start = torch.cat([F.pad(known[:, :-1], (0, 0, 1, 0)), covariates[:, : self.context]], dim=2)
        _, state = self.recurrent(start)
        state = state.repeat_interleave(paths, 1)
        scale, value = scale.repeat_interleave(paths, 0), known[:, -1:].repeat_interleave(paths, 0)
        drawn = []
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            for t in range(self.context, inputs.shape[1]):
                now = covariates[:, t : t + 1].repeat_interleave(paths, 0)
                hidden, state = self.recurrent(torch.cat([value, now], dim=2), state)
                draw = self.distribution(self.parameters_of(hidden, scale)).sample().unsqueeze(2)
                drawn.append(draw)
                value = draw / scale
        return torch.cat(drawn, dim=2).reshape(len(inputs), paths, -1).transpose(1, 2)

    def distribution(self, parameters: Tensor) -> torch.distributions.Distribution:
        """The torch distribution of parameters `(*, P)`."""
        first, spread, *rest = parameters.unbind(-1)
        if self.head_name == "gaussian":
            return torch.distributions.Normal(first, spread)
        if self.head_name == "student_t":
            return torch.distributions.StudentT(rest[0], first, spread)
        return torch.distributions.NegativeBinomial(1 / spread, logits=(spread * first).log())


class SeriesClassifier(nn.Module):
    """Convolutions find local shapes, with a residual connection; a gated recurrent unit puts them in order.

    Shapes: `(N, channels, T)` to logits `(N, classes)`.
    """

    def __init__(self, channels: int, classes: int, *, width: int = 24) -> None:
        super().__init__()
        self.first = nn.Conv1d(channels, width, 5, stride=2, padding=2)
        self.second = nn.Conv1d(width, width, 3, padding=1)
        self.recurrent = nn.GRU(width, width, batch_first=True)
        self.head = nn.Linear(2 * width, classes)

    def forward(self, windows: Tensor) -> Tensor:
        x = F.relu(self.first(windows))
        x = F.max_pool1d(F.relu(x + self.second(x)), 2)
        states, _ = self.recurrent(x.transpose(1, 2))
        return self.head(torch.cat([states[:, -1], states.amax(1)], dim=1))
