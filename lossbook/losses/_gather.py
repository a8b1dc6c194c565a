"""Embeddings of all processes, with their gradients: what a contrastive loss over several devices needs."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

__all__ = ["gather_with_gradient"]


class _Gather(torch.autograd.Function):
    """Concatenate the tensors of all processes; the gradient of each comes back to the process that it is from."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, average: bool) -> Tensor:
        ctx.average, ctx.rows = average, tensor.shape[0]
        parts = [torch.empty_like(tensor, memory_format=torch.contiguous_format) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, tensor.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None]:
        total = slope.contiguous().clone()
        dist.all_reduce(total)  # every process has its own loss, and each of them depends on every embedding
        if ctx.average:
            total /= dist.get_world_size()
        start = dist.get_rank() * ctx.rows
        return total[start : start + ctx.rows], None


def gather_with_gradient(tensor: Tensor, *, average: bool = False) -> Tensor:
    """Concatenate a tensor over all processes of `torch.distributed`, in the order of their ranks.

    A contrastive loss needs the embeddings of the whole batch on every process. A plain all-gather has no gradient
    towards the other processes: each would then see its own embeddings move and all others stand still, and the
    gradient would not be that of the batch. Here the slopes of all processes are added.

    `DistributedDataParallel` averages the gradients of the weights over the processes; with the sum (the default)
    its result is the gradient of one process that holds the whole batch. With `average=True` the gradient of the
    embeddings themselves is that of one process, which is what a loop without that wrapper needs if it adds up the
    gradients of the weights.

    Args:
        tensor: `(N, *)`; every process has the same shape.
        average: whether the slopes of the processes are averaged instead of added.

    Returns:
        `(world size * N, *)`; the tensor itself where no process group was started, or where it has one process.
    """
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return tensor
    return _Gather.apply(tensor, average)
