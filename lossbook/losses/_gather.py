"""Embeddings of all processes, with their gradients: what a contrastive loss over several devices needs."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.autograd.function import once_differentiable

__all__ = ["gather_with_gradient"]


class _Gather(torch.autograd.Function):
    """Concatenate the tensors of all processes; the gradient of each comes back to the process that it is from."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, average: bool) -> Tensor:
        rows = _rows_of_all(tensor)
        ctx.average, ctx.rows, ctx.start = average, len(tensor), sum(rows[: dist.get_rank()])
        own = tensor.contiguous()
        if len(tensor) < max(rows):  # a collective takes tensors of one size
            own = torch.cat([own, own.new_zeros(max(rows) - len(own), *own.shape[1:])])
        parts = [torch.empty_like(own) for _ in rows]
        dist.all_gather(parts, own)
        return torch.cat([part[:count] for part, count in zip(parts, rows, strict=True)])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None]:
        total = slope.contiguous().clone()
        dist.all_reduce(total)  # every process has its own loss, and each of them depends on every embedding
        if ctx.average:
            total /= dist.get_world_size()
        return total[ctx.start : ctx.start + ctx.rows], None


def _rows_of_all(tensor: Tensor) -> list[int]:
    """How many rows each process has."""
    counts = [torch.zeros(1, dtype=torch.long, device=tensor.device) for _ in range(dist.get_world_size())]
    dist.all_gather(counts, torch.full_like(counts[0], len(tensor)))
    return torch.cat(counts).tolist()


def gather_with_gradient(tensor: Tensor, *, average: bool = False) -> Tensor:
    """Concatenate a tensor over all processes of `torch.distributed`, in the order of their ranks.

    A contrastive loss needs the embeddings of the whole batch on every process. A plain all-gather has no gradient
    towards the other processes: each would then see its own embeddings move and all others stand still, and the
    gradient would not be that of the batch. Here the slopes of all processes are added.

    `DistributedDataParallel` averages the gradients of the weights over the processes; with the sum (the default)
    its result is the gradient of one process that holds the whole batch. With `average=True` the gradient of the
    embeddings themselves is that of one process, which is what a loop without that wrapper needs if it adds up the
    gradients of the weights.

    The processes first tell each other how many rows they have, for which a GPU is waited for once: without that, a
    last batch of another size on one of them would end all of them, or stop them forever.

    Args:
        tensor: `(N, *)`; the number of rows may differ between processes, everything else may not.
        average: whether the slopes of the processes are averaged instead of added.

    Returns:
        The rows of all processes, `(sum of their N, *)`; the tensor itself where no process group was started, or where
        it has one process.
    """
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return tensor
    return _Gather.apply(tensor, average)
