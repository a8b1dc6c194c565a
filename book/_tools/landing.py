"""Draw the picture of the landing page: one picture, one prediction, and where three losses push that prediction."""

from pathlib import Path

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

import lossbook as lb

TARGET = Path(__file__).resolve().parents[1] / "_static" / "landing.png"
TILE, SIZE, MARGIN = 3, 96, 8  # one region of the nuclei, in pixels
LOSSES = {
    "Cross-entropy": lambda z, g: lb.binary_cross_entropy_with_logits(z, g),
    "Dice loss": lambda z, g: lb.dice_loss(z, g, task="binary"),
    "Lovász hinge": lambda z, g: lb.lovasz_hinge_loss(z, g),
}


def disc(row: int, column: int, radius: int, size: int) -> Tensor:
    """A round spot: 1 inside, 0 outside."""
    rows, columns = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    return ((rows - row) ** 2 + (columns - column) ** 2 < radius**2).float()


def imperfect_logits(mask: Tensor) -> Tensor:
    """A prediction as networks make it: soft and a few pixels off, with one nucleus missed and one invented."""
    size = mask.shape[-1]
    seen = (mask - disc(22, 100, 17, size)).clamp(min=0) + disc(40, 42, 9, size)
    blurred = F.avg_pool2d(seen[None], 9, stride=1, padding=4)[0]
    return 9.0 * (torch.roll(blurred, (2, 3), dims=(-2, -1)) - 0.45)


def push(loss, logits: Tensor, mask: Tensor) -> Tensor:
    """The step that gradient descent takes at each pixel, scaled to at most 1."""
    logits = logits.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(logits, mask), logits)
    return -gradient[0] / gradient.abs().quantile(0.995)


def show(axes: Axes, picture: Tensor, title: str, **style) -> None:
    axes.imshow(picture, interpolation="nearest", **style)
    axes.set_title(title, fontsize=15)
    axes.set_xticks([])
    axes.set_yticks([])


def draw() -> Figure:
    images, instances = lb.data.nuclei("train", tile=SIZE + 2 * MARGIN)
    mask = (instances[TILE] > 0).float()[None]
    logits = imperfect_logits(mask)
    inner = slice(MARGIN, -MARGIN)  # away from the borders, which shifting and blurring spoil
    image, mask, logits = images[TILE, :, inner, inner], mask[:, inner, inner], logits[:, inner, inner]
    figure, axes = plt.subplots(2, 3, figsize=(9, 6.3), layout="constrained", facecolor="white")
    show(axes[0, 0], image[0], "Picture", cmap="gray")
    show(axes[0, 1], mask[0], "Truth", cmap="gray")
    show(axes[0, 2], torch.sigmoid(logits)[0], "Prediction", cmap="gray", vmin=0, vmax=1)
    for panel, (name, loss) in zip(axes[1], LOSSES.items(), strict=True):
        show(panel, push(loss, logits, mask), name, cmap="RdBu", vmin=-1, vmax=1)
    return figure


if __name__ == "__main__":
    draw().savefig(TARGET, dpi=120)
    Image.open(TARGET).convert("RGB").quantize(128).save(TARGET, optimize=True)
    print(f"{TARGET.name}: {TARGET.stat().st_size / 1024:.0f} kB")
