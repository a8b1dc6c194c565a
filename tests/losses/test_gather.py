"""Embeddings of several processes, as many on each or not: value and gradient are those of one process."""

from __future__ import annotations

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor

import lossbook as lb

ROWS = {2: (3, 3), 3: (3, 5, 1)}


def rows(seed: int, count: int) -> Tensor:
    return torch.randn(count, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _on_each_rank(rank: int, world: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=world)
    counts = ROWS[world]
    own = slice(sum(counts[:rank]), sum(counts[: rank + 1]))
    answers = []
    for average in (False, True):
        inputs = [rows(seed, sum(counts))[own].requires_grad_() for seed in (0, 1)]
        value = lb.clip_loss(*(lb.gather_with_gradient(each, average=average) for each in inputs))
        value.backward()
        answers.append((value.detach(), [each.grad for each in inputs]))
    torch.save((own.start, own.stop, answers), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.parametrize("world", ROWS)
def test_each_process_gets_the_gradient_of_its_rows(world, tmp_path):
    """Also of the last batch of an epoch, which has other sizes on other processes."""
    mp.spawn(_on_each_rank, (world, str(tmp_path)), nprocs=world)
    whole = [rows(seed, sum(ROWS[world])).requires_grad_() for seed in (0, 1)]
    expected = lb.clip_loss(*whole)
    expected.backward()
    for rank in range(world):
        start, stop, answers = torch.load(tmp_path / f"{rank}.pt")
        for (value, gradients), factor in zip(answers, (world, 1), strict=True):
            assert torch.isclose(value, expected, rtol=1e-12)
            for found, all_rows in zip(gradients, whole, strict=True):
                assert torch.allclose(found, factor * all_rows.grad[start:stop], rtol=1e-10)
