"""How chapters train: one loop for networks, linear models at their minimum, two adversaries; and what comes after:
prediction, and the metrics of segmentation.

Everything that could differ between two losses but should not is fixed by the seed: the initial weights
(:func:`build`), the order of the examples, the augmentation and the step-size schedule (:func:`fit`).
"""

import math
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from .losses.generative import minimax_discriminator_loss

Targets = Tensor | tuple[Tensor, ...]


class NonFiniteLossError(RuntimeError):
    """The loss became infinite or not a number during training."""


@dataclass
class History:
    """What :func:`fit` observed.

    Attributes:
        label: name of the run.
        losses: training loss of each step.
        evaluations: what ``evaluate`` returned, each with the key ``"step"``: number of steps taken before
            it.
        seconds: wall-clock time of training, evaluations left out.
        settings: steps, batch_size, lr, schedule, weight_decay, seed, device, mixed_precision.
    """

    label: str = ""
    losses: list[float] = field(default_factory=list)
    evaluations: list[dict[str, float]] = field(default_factory=list)
    seconds: float = 0.0
    settings: dict[str, object] = field(default_factory=dict)

    def curve(self, metric: str) -> tuple[list[int], list[float]]:
        """Steps and values of ``metric`` over the evaluations."""
        if not self.evaluations:
            raise ValueError("metric: this run was not evaluated; pass evaluate= and eval_every= to fit")
        if metric not in self.evaluations[0]:
            raise ValueError(f"metric: expected one of {sorted(self.evaluations[0])}, got {metric!r}")
        return [int(e["step"]) for e in self.evaluations], [e[metric] for e in self.evaluations]

    def steps_to(self, metric: str, quality: float) -> int | None:
        """First evaluated step at which ``metric`` reaches ``quality``; None if it never does."""
        steps, values = self.curve(metric)
        return next((step for step, value in zip(steps, values, strict=True) if value >= quality), None)

    @property
    def final(self) -> dict[str, float]:
        """The last evaluation."""
        return self.evaluations[-1]


def build(make_model: Callable[[], nn.Module], seed: int) -> nn.Module:
    """Call ``make_model`` with torch's random numbers seeded; the caller's random state is left as it was.

    The same seed gives the same initial weights, whatever was built or trained before.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make_model()


def fit(
    model: nn.Module,
    loss: Callable[..., Tensor],
    inputs: Tensor,
    targets: Targets,
    *,
    steps: int,
    batch_size: int,
    lr: float,
    seed: int,
    device: torch.device | str | None = None,
    schedule: str = "cosine",
    warmup: float = 0.1,
    weight_decay: float = 0.0,
    clip_norm: float | None = None,
    amp: bool | str = "auto",
    augment: Callable[..., tuple[Tensor, ...]] | None = None,
    eval_every: int | None = None,
    evaluate: Callable[[nn.Module], dict[str, float]] | None = None,
    progress: bool = True,
    label: str = "",
) -> History:
    """Train ``model`` in place with AdamW.

    Args:
        model: network; moved to ``device``.
        loss: called as ``loss(outputs, *targets_of_the_batch)``, returns a scalar tensor.
        inputs: (N, ...) tensor; moved to ``device`` once.
        targets: (N, ...) tensor, or a tuple of such tensors (labels and distance maps, for example).
        steps: number of updates.
        batch_size: examples per update. Each pass over the data is a new permutation, whose tail that fills
            no batch is left out.
        lr: largest step size.
        seed: seeds the order of examples, augmentation and dropout.
        device: where to train; the model's device unless given.
        schedule: ``"cosine"`` (down to 0) or ``"constant"``, both after a linear warm-up.
        warmup: share of ``steps`` that the warm-up takes.
        weight_decay: AdamW's.
        clip_norm: largest norm of the gradient; None leaves it alone.
        amp: mixed precision: ``"auto"`` uses it on a GPU, True the same, False nowhere. On the CPU it is
            always off.
        augment: called as ``augment(inputs, *targets)`` on each batch, returns the same number of tensors.
        eval_every: steps between evaluations; the last step is always evaluated.
        evaluate: called with the model in evaluation mode, returns a dictionary of floats.
        progress: show a bar in plain text, which leaves one line.
        label: text before the bar.

    Raises:
        NonFiniteLossError: the loss is infinite or NaN; the message names the step.
    """
    targets = (targets,) if isinstance(targets, Tensor) else tuple(targets)
    device = torch.device(device) if device is not None else next(model.parameters()).device
    _check_fit(inputs, targets, steps, batch_size, schedule, amp, eval_every, evaluate)
    model.to(device).train()
    tensors = [tensor.to(device) for tensor in (inputs, *targets)]
    mixed = device.type == "cuda" and amp is not False
    # bfloat16 has float32's range, so that no loss scaling is needed; GPUs without it train in float32.
    mixed = mixed and torch.cuda.is_bf16_supported(including_emulation=False)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=weight_decay)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, _schedule(schedule, steps, warmup))
    history = History(label=label)
    history.settings = {
        "steps": steps,
        "batch_size": batch_size,
        "lr": lr,
        "schedule": schedule,
        "weight_decay": weight_decay,
        "seed": seed,
        "device": device.type,
        "mixed_precision": mixed,
    }
    recent: list[Tensor] = []
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        batches = _batches(len(inputs), batch_size, steps, seed)
        started = time.perf_counter()
        for step, index in enumerate(progress_bar(batches, label, total=steps, show=progress), start=1):
            batch = [tensor[index.to(device)] for tensor in tensors]
            if augment is not None:
                batch = augment(*batch)
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled=mixed):
                outputs = model(batch[0])
            value = loss(outputs.float() if mixed else outputs, *batch[1:])
            optimizer.zero_grad(set_to_none=True)
            value.backward()
            if clip_norm is not None:
                nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
            optimizer.step()
            scheduler.step()
            recent.append(value.detach())
            due = evaluate is not None and (step == steps or (eval_every and step % eval_every == 0))
            if device.type == "cpu" or due or step == steps or len(recent) == 50:
                _collect(recent, history.losses)  # waits for the GPU, hence not at every step
            if due:
                history.seconds += time.perf_counter() - started
                history.evaluations.append({"step": step, **_evaluated(model, evaluate)})
                started = time.perf_counter()
        history.seconds += time.perf_counter() - started
    model.eval()
    return history


def predict(model: nn.Module, inputs: Tensor, *, batch_size: int = 128) -> Tensor:
    """Outputs of ``model`` in evaluation mode, without gradients, on the device of ``inputs``; (N, ...)
    float32."""
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    with torch.inference_mode():
        outputs = [model(batch.to(device)).float().to(inputs.device) for batch in inputs.split(batch_size)]
    model.train(was_training)
    return torch.cat(outputs)


def fit_linear(
    loss: Callable[[Tensor, Tensor], Tensor], inputs: Tensor, target: Tensor, *, outputs: int = 1
) -> nn.Linear:
    """A linear model at the minimum of its loss, from zero by L-BFGS in float64.

    Args:
        loss: called as ``loss(scores, target)`` with scores (N, outputs); convex and smooth if the minimum is to be
            the only one.
        inputs: (N, columns).
        target: (N,).
        outputs: scores per row.

    Returns:
        A layer in float64, without gradients.

    Example:
        >>> x, y = torch.tensor([[0.0], [1.0], [2.0]]), torch.tensor([1.0, 3.0, 5.0])
        >>> line = fit_linear(lambda z, y: ((z[:, 0] - y) ** 2).mean(), x, y)
        >>> round(line.bias.item(), 4), round(line.weight.item(), 4)
        (1.0, 2.0)
    """
    inputs, target = inputs.double(), target.double()
    model = nn.utils.skip_init(nn.Linear, inputs.shape[1], outputs, dtype=torch.float64)
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    solver = torch.optim.LBFGS(
        model.parameters(), max_iter=300, tolerance_grad=1e-9, tolerance_change=1e-15, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        solver.zero_grad()
        value = loss(model(inputs), target)
        value.backward()
        return value

    solver.step(closure)
    return model.requires_grad_(False)


def fit_linear_models(loss: Callable[..., Tensor], inputs: Tensor, targets: Tensor, *, steps: int = 150) -> Tensor:
    """Fit R linear models side by side, each to its own training set, by Adam from zero.

    Args:
        loss: called as ``loss(prediction, target, reduction="none")``, entry by entry.
        inputs: (R, n, d); a column of ones stands for the intercept.
        targets: (R, n).
        steps: number of updates; the step size falls from 0.1 to 0 along a cosine.

    Returns:
        Weights (R, d).
    """
    weights = torch.zeros(len(inputs), inputs.shape[2], dtype=inputs.dtype, requires_grad=True)
    optimizer = torch.optim.Adam([weights], lr=0.1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        optimizer.zero_grad()
        predictions = torch.einsum("rnd,rd->rn", inputs, weights)
        loss(predictions, targets, reduction="none").mean(1).sum().backward()  # the models do not touch each other
        optimizer.step()
        schedule.step()
    return weights.detach()


def fit_adversaries(
    generator: nn.Module,
    discriminator: nn.Module,
    generator_loss: Callable[[Tensor], Tensor],
    real: Tensor,
    *,
    noise: int,
    steps: int,
    batch_size: int,
    lr: float,
    seed: int,
) -> None:
    """Train both networks in place, by turns: one step of the discriminator, one of the generator.

    Both use Adam with a first moment of 0.5. The discriminator's loss is
    :func:`~lossbook.minimax_discriminator_loss`: two logistic losses, of real and of generated examples.

    Args:
        generator: maps noise (N, noise) to examples shaped like those of ``real``.
        discriminator: maps examples to one logit each, (N, 1) or (N,); positive says "real".
        generator_loss: takes the discriminator's logits of generated examples, as
            :func:`~lossbook.minimax_generator_loss` or :func:`~lossbook.non_saturating_generator_loss`.
        real: (M, ...) real examples; each step draws ``batch_size`` of them with replacement.
        noise: numbers that the generator is given for an example.
        steps: number of turns.
        batch_size: real and generated examples in a turn.
        lr: step size of both networks.
        seed: seeds noise and order of the examples.

    Reference: Goodfellow et al., "Generative adversarial networks", 2014, https://arxiv.org/abs/1406.2661

    Example:
        >>> from lossbook import non_saturating_generator_loss
        >>> G, D = nn.Linear(1, 2), nn.Linear(2, 1)
        >>> settings = {"noise": 1, "steps": 3, "batch_size": 4, "lr": 1e-3, "seed": 0}
        >>> fit_adversaries(G, D, non_saturating_generator_loss, torch.rand(8, 2), **settings)
    """
    judge, forger = (
        torch.optim.Adam(net.parameters(), lr=lr, betas=(0.5, 0.999)) for net in (discriminator, generator)
    )
    random = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        shown = real[torch.randint(len(real), (batch_size,), generator=random).to(real.device)]
        fake = generator(torch.randn(batch_size, noise, generator=random).to(real.device))
        judge.zero_grad()
        minimax_discriminator_loss(discriminator(shown), discriminator(fake.detach())).backward()
        judge.step()
        forger.zero_grad()
        generator_loss(discriminator(fake)).backward()
        forger.step()


def progress_bar(items: Iterable, label: str = "", *, total: int | None = None, show: bool = True) -> Iterable:
    """Iterate over ``items`` under a plain-text bar on standard output that leaves one line behind."""
    if not show:
        return items
    from tqdm import tqdm

    return tqdm(items, desc=label or None, total=total, file=sys.stdout, ncols=90, mininterval=0.5, leave=True)


def evaluate_segmentation(
    logits: Tensor,
    target: Tensor,
    *,
    class_names: Sequence[str] | None = None,
    ignore_index: int | None = None,
    calibration: bool = True,
) -> dict[str, float]:
    """Metrics of a segmentation, counted by torchmetrics over all pixels of all images together.

    Args:
        logits: (N, C, *) scores of C classes, class 0 being the background; or (N, *) and (N, 1, *) scores of
            the foreground in a binary task.
        target: (N, *) integer labels, or 0 and 1 in a binary task (any dtype).
        class_names: names of the C classes, used in the keys; ``"0"``, ``"1"``, ... unless given.
        ignore_index: label that does not count.
        calibration: also compute ``ece`` and ``nll``, which cost more than all the rest.

    Returns:
        dict of floats. With TP, FP, FN counted in pixels of the whole set, per class:

        - ``dice/<class>`` 2 TP / (2 TP + FP + FN), ``iou/<class>`` TP / (TP + FP + FN),
          ``precision/<class>`` TP / (TP + FP), ``recall/<class>`` TP / (TP + FN);
          NaN where the denominator is 0;
        - ``dice``, ``iou``: their means over the foreground classes that occur in the prediction or in the
          target;
        - ``precision``, ``recall``: their means over the foreground classes that occur in the target;
          precision counts as 0 there when the class was never predicted;
        - ``accuracy``: share of pixels that are right;
        - ``ece``: expected calibration error of the largest probability, 15 bins of equal width, L1;
        - ``nll``: mean negative logarithm of the true class's probability, in nats per pixel.
    """
    from torchmetrics.functional.classification import multiclass_calibration_error, multiclass_stat_scores

    logits, target = _as_multiclass(logits.float(), target)
    num_classes = logits.shape[1]
    names = [str(c) for c in range(num_classes)] if class_names is None else list(class_names)
    if len(names) != num_classes:
        raise ValueError(f"class_names: expected {num_classes} names, got {len(names)}")
    counts = multiclass_stat_scores(
        logits.argmax(1), target, num_classes=num_classes, average=None, ignore_index=ignore_index
    ).double()
    true_positive, false_positive, _, false_negative, support = counts.unbind(1)
    missed_and_wrong = false_positive + false_negative
    per_class = {
        "dice": 2 * true_positive / (2 * true_positive + missed_and_wrong),
        "iou": true_positive / (true_positive + missed_and_wrong),
        "precision": true_positive / (true_positive + false_positive),
        "recall": true_positive / support,
    }
    result = {
        f"{metric}/{name}": value.item()
        for metric, values in per_class.items()
        for name, value in zip(names, values, strict=True)
    }
    present = support[1:] > 0
    result["dice"] = per_class["dice"][1:].nanmean().item()
    result["iou"] = per_class["iou"][1:].nanmean().item()
    result["precision"] = per_class["precision"][1:][present].nan_to_num(0.0).mean().item()
    result["recall"] = per_class["recall"][1:][present].mean().item()
    result["accuracy"] = (true_positive.sum() / support.sum()).item()
    if calibration:
        keyword = {"num_classes": num_classes, "n_bins": 15, "norm": "l1", "ignore_index": ignore_index}
        result["ece"] = multiclass_calibration_error(logits.softmax(1), target, **keyword).item()
        skipped = -100 if ignore_index is None else ignore_index
        result["nll"] = nn.functional.cross_entropy(logits, target, ignore_index=skipped).item()
    return result


def _as_multiclass(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """A binary task as two classes with logits 0 and z, whose softmax is the sigmoid of z."""
    if logits.ndim == target.ndim + 1 and logits.shape[1] == 1:
        logits = logits[:, 0]
    if logits.shape == target.shape:
        logits = torch.stack([torch.zeros_like(logits), logits], dim=1)
    if logits.ndim != target.ndim + 1 or logits.shape[:1] + logits.shape[2:] != target.shape:
        raise ValueError(
            "target: expected the shape of logits without its class dimension, got "
            f"logits {tuple(logits.shape)} and target {tuple(target.shape)}"
        )
    return logits, target.long()


def _check_fit(inputs, targets, steps, batch_size, schedule, amp, eval_every, evaluate) -> None:
    lengths = [len(tensor) for tensor in targets]
    if any(length != len(inputs) for length in lengths):
        raise ValueError(f"targets: expected {len(inputs)} entries like inputs, got {lengths}")
    if not 1 <= batch_size <= len(inputs):
        raise ValueError(f"batch_size: expected 1 to {len(inputs)} (the number of examples), got {batch_size}")
    if steps < 1:
        raise ValueError(f"steps: expected at least 1, got {steps}")
    if schedule not in ("cosine", "constant"):
        raise ValueError(f"schedule: expected 'cosine' or 'constant', got {schedule!r}")
    if amp not in ("auto", True, False):
        raise ValueError(f"amp: expected 'auto', True or False, got {amp!r}")
    if eval_every is not None and (eval_every < 1 or evaluate is None):
        raise ValueError("eval_every: expected a positive number of steps together with evaluate=")


def _schedule(name: str, steps: int, warmup: float) -> Callable[[int], float]:
    warm_steps = round(warmup * steps)

    def factor(step: int) -> float:
        if step < warm_steps:
            return (step + 1) / warm_steps
        if name == "constant":
            return 1.0
        return 0.5 * (1 + math.cos(math.pi * (step - warm_steps) / max(1, steps - warm_steps)))

    return factor


def _batches(count: int, batch_size: int, steps: int, seed: int) -> Iterable[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    per_pass = count // batch_size
    for step in range(steps):
        if step % per_pass == 0:
            order = torch.randperm(count, generator=generator)
        first = step % per_pass * batch_size
        yield order[first : first + batch_size]


def _collect(recent: list[Tensor], losses: list[float]) -> None:
    for value in torch.stack(recent).float().tolist():
        if not math.isfinite(value):
            raise NonFiniteLossError(
                f"The loss is {value} at step {len(losses) + 1}. Look at the inputs, at the step size and at the loss."
            )
        losses.append(value)
    recent.clear()


def _evaluated(model: nn.Module, evaluate: Callable[[nn.Module], dict[str, float]]) -> dict[str, float]:
    model.eval()
    result = evaluate(model)
    model.train()
    return result
