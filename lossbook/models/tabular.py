"""Small networks for tables: entity embeddings, a perceptron on top of them, and TabNet in miniature.

A table is one tensor `(N, columns)`: first the numeric columns, where NaN marks a missing value, then the
categorical ones as codes 0, 1, 2, ..., of which 0 is "missing or never seen".
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["MixedInputs", "TabNet", "TabularMLP", "sparsemax"]


def sparsemax(scores: Tensor, dim: int = -1) -> Tensor:
    r"""Sparsemax: the point of the probability simplex that is nearest to the scores.

    .. math::

        \mathrm{sparsemax}(z) = \arg\min_{p \in \Delta} \lVert p - z \rVert^2 = \max(z - \tau(z), 0)

    The threshold :math:`\tau` makes the sum one. Unlike softmax it gives exact zeros.

    Args:
        scores: any shape.
        dim: the dimension along which probabilities sum to one.

    Returns:
        Probabilities, the shape of the scores.

    References:
        Martins and Astudillo, From softmax to sparsemax, 2016, https://arxiv.org/abs/1602.02068.

    Example:
        >>> sparsemax(torch.tensor([1.0, 0.8, -1.0]))
        tensor([0.6000, 0.4000, 0.0000])
    """
    if not scores.is_floating_point():
        raise TypeError(f"scores must be a floating-point tensor, got {scores.dtype}")
    z = scores.movedim(dim, -1)
    ordered = z.sort(dim=-1, descending=True).values
    ranks = torch.arange(1, z.shape[-1] + 1, device=z.device, dtype=z.dtype)
    sums = ordered.cumsum(-1)
    size = (1 + ranks * ordered > sums).sum(-1, keepdim=True)  # how many entries stay above zero
    threshold = (sums.gather(-1, size - 1) - 1) / size
    return (z - threshold).clamp_min(0).movedim(-1, dim)


class MixedInputs(nn.Module):
    """Numeric and categorical columns of a table as one vector.

    A numeric column becomes two numbers: its value, or a learned stand-in where it is missing, and an indicator
    that says which. A categorical column becomes a vector that is looked up in a table and learned with the rest:
    an entity embedding.

    Args:
        numeric: number of numeric columns.
        categories: for each categorical column the number of its codes, 0 included.
        width: length of the longest embedding; a column of k codes gets min(width, (k + 1) // 2).
        one_hot: give categories as indicators instead, without anything learned.

    Shape:
        input (N, numeric + len(categories)), output (N, sum of `widths`).

    Attributes:
        widths: the length that each column has in the output, in order of the columns.

    References:
        Guo and Berkhahn, Entity embeddings of categorical variables, 2016, https://arxiv.org/abs/1604.06737.

    Example:
        >>> MixedInputs(2, [5, 9])(torch.tensor([[0.5, float("nan"), 3.0, 0.0]])).shape
        torch.Size([1, 12])
    """

    def __init__(self, numeric: int, categories: Sequence[int], *, width: int = 8, one_hot: bool = False) -> None:
        super().__init__()
        if numeric < 0 or any(size < 1 for size in categories) or numeric + len(categories) == 0:
            raise ValueError(f"expected columns with at least one code each, got {numeric} and {list(categories)}")
        self.numeric, self.categories, self.one_hot = numeric, tuple(categories), one_hot
        lengths = [size if one_hot else min(width, (size + 1) // 2) for size in categories]
        self.widths = [2] * numeric + lengths
        self.stand_in = nn.Parameter(torch.zeros(numeric))
        tables = () if one_hot else zip(categories, lengths, strict=True)
        self.embeddings = nn.ModuleList(nn.Embedding(size, length) for size, length in tables)

    def forward(self, table: Tensor) -> Tensor:
        if table.dim() != 2 or table.shape[1] != len(self.widths):
            raise ValueError(f"table must have shape (N, {len(self.widths)}), got {tuple(table.shape)}")
        values, codes = table[:, : self.numeric], table[:, self.numeric :].long()
        missing = values.isnan()
        filled = torch.where(missing, self.stand_in.to(values.dtype), values.nan_to_num(0.0))
        parts = [torch.stack([filled, missing.to(values.dtype)], -1).flatten(1)]
        for column, size in enumerate(self.categories):
            code = codes[:, column]
            parts.append(F.one_hot(code, size).to(values.dtype) if self.one_hot else self.embeddings[column](code))
        return torch.cat(parts, 1)


class TabularMLP(nn.Module):
    """A perceptron on entity embeddings; without hidden layers a linear model.

    Args:
        numeric, categories, one_hot: as in :class:`MixedInputs`.
        out_features: numbers per row of the output, such as one logit, or a logit for each class.
        hidden: widths of the hidden layers; empty for a linear model.

    Shape:
        input (N, columns), output (N, out_features).

    Example:
        >>> TabularMLP(2, [5], 3, hidden=(16,))(torch.zeros(4, 3)).shape
        torch.Size([4, 3])
    """

    def __init__(
        self,
        numeric: int,
        categories: Sequence[int],
        out_features: int = 1,
        *,
        hidden: Sequence[int] = (64, 32),
        one_hot: bool = False,
    ) -> None:
        super().__init__()
        self.inputs = MixedInputs(numeric, categories, one_hot=one_hot)
        layers: list[nn.Module] = []
        width = sum(self.inputs.widths)
        for size in hidden:
            layers += [nn.Linear(width, size), nn.ReLU()]
            width = size
        self.trunk = nn.Sequential(*layers)
        self.head = nn.Linear(width, out_features)

    def forward(self, table: Tensor) -> Tensor:
        return self.head(self.trunk(self.inputs(table)))


class TabNet(nn.Module):
    """TabNet in miniature: at each step a sparse mask chooses the columns that the step may look at.

    Steps follow each other: what a step has found out decides, by sparsemax, which columns the next one sees, and
    a column that was used is used less later on (`relaxation`). The steps' findings are added up. The original adds
    ghost batch normalization, more layers per step, a price on dense masks, and pretraining; it masks single
    numbers, ours masks whole columns, so that a mask reads as a choice of columns.

    Args:
        numeric, categories: as in :class:`MixedInputs`.
        out_features: numbers per row of the output.
        steps: number of decisions.
        width: length of a step's finding.
        relaxation: 1 lets a column be used once; larger values allow more often.

    Shape:
        input (N, columns), output (N, out_features); `masks` gives (N, steps, columns), rows that sum to one.

    References:
        Arik and Pfister, TabNet, 2019, https://arxiv.org/abs/1908.07442.

    Example:
        >>> TabNet(2, [5]).eval().masks(torch.zeros(4, 3)).shape
        torch.Size([4, 3, 3])
    """

    def __init__(
        self,
        numeric: int,
        categories: Sequence[int],
        out_features: int = 1,
        *,
        steps: int = 3,
        width: int = 16,
        relaxation: float = 1.5,
    ) -> None:
        super().__init__()
        if steps < 1 or relaxation < 1:
            raise ValueError(f"steps and relaxation: expected at least 1, got {steps} and {relaxation}")
        self.inputs = MixedInputs(numeric, categories)
        self.relaxation = relaxation
        features, columns = sum(self.inputs.widths), len(self.inputs.widths)
        lengths = torch.tensor(self.inputs.widths)
        self.register_buffer("column_of", torch.arange(columns).repeat_interleave(lengths), persistent=False)
        self.norm = nn.BatchNorm1d(features)
        self.shared = nn.Linear(features, 4 * width)
        self.first = _GatedUnit(2 * width)
        self.units = nn.ModuleList(_GatedUnit(2 * width) for _ in range(steps))
        self.choices = nn.ModuleList(
            nn.Sequential(nn.Linear(width, columns), nn.BatchNorm1d(columns)) for _ in range(steps)
        )
        self.head = nn.Linear(width, out_features)

    def forward(self, table: Tensor) -> Tensor:
        return self.head(self._decide(table)[0])

    def masks(self, table: Tensor) -> Tensor:
        """The mask of each step, `(N, steps, columns)`."""
        return torch.stack(self._decide(table)[1], 1)

    def _decide(self, table: Tensor) -> tuple[Tensor, list[Tensor]]:
        features = self.norm(self.inputs(table))
        _, attention = self.first(self.shared(features)).chunk(2, 1)
        allowed = features.new_ones(len(table), len(self.inputs.widths))
        masks, total = [], features.new_zeros(attention.shape)
        for choose, unit in zip(self.choices, self.units, strict=True):
            mask = sparsemax(allowed * choose(attention))
            allowed = allowed * (self.relaxation - mask)
            finding, attention = unit(self.shared(mask[:, self.column_of] * features)).chunk(2, 1)
            total = total + finding.relu()
            masks.append(mask)
        return total, masks


class _GatedUnit(nn.Module):
    """Two gated linear units, the second with a short cut: (N, 2 width) to (N, width)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(2 * width)
        self.second = nn.Sequential(nn.Linear(width, 2 * width), nn.BatchNorm1d(2 * width))

    def forward(self, hidden: Tensor) -> Tensor:
        gated = F.glu(self.norm(hidden), dim=1)
        return (gated + F.glu(self.second(gated), dim=1)) * 0.5**0.5
