"""Claims and effects: a sentence, what was measured for it, and whether the measurement bears it out.

Values are either one number (an exact statement) or one paired difference per seed: the same seed, hence the
same data, initial weights and order of examples, under two losses. Of paired differences we give the mean and
the two-sided 95 % interval of Student's t; it resamples seeds and nothing else.
"""

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

CONFIDENCE = 0.95
# Below three seeds the t interval is so wide that it decides nothing (its factor is 12.7 for two seeds).
FEWEST_FOR_INTERVAL = 3

Verdict = Literal["held", "not seen", "reversed", "not tested here"]
_OPERATORS = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le, "==": operator.eq}


@dataclass(frozen=True)
class Measured:
    """Values of one quantity, one per seed, with mean and 95 % interval (None for fewer than two seeds)."""

    values: tuple[float, ...]
    mean: float
    low: float | None
    high: float | None

    def __str__(self) -> str:
        if self.low is None:
            return f"{self.mean:.3f}"
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True)
class Claim:
    """A checked sentence. ``holding`` of ``count`` seeds satisfy it one by one."""

    sentence: str
    measured: Measured
    op: str
    threshold: float
    holds: bool
    holding: int
    count: int
    skipped: bool = False

    @property
    def verdict(self) -> str:
        """``holds``, ``fails`` or ``not tested here``, with the number of seeds where there are several."""
        if self.skipped:
            return "not tested here"
        word = "holds" if self.holds else "fails"
        return word if self.count == 1 else f"{word} ({self.holding} of {self.count} seeds)"


@dataclass(frozen=True)
class Effect:
    """What a paper states, and whether it was seen."""

    key: str
    statement: str
    source: str
    verdict: Verdict
    measured: Measured | None = None
    op: str = ""
    threshold: float = 0.0
    note: str = ""


def measure(values: float | Sequence[float], confidence: float = CONFIDENCE) -> Measured:
    """Mean and two-sided t interval of ``values``.

    Example:
        >>> str(measure([0.1, 0.2, 0.3]))
        '0.200 [-0.048, 0.448]'
    """
    numbers = _as_floats(values)
    count = len(numbers)
    mean = math.fsum(numbers) / count
    if count < 2:
        return Measured(numbers, mean, None, None)
    variance = math.fsum((v - mean) ** 2 for v in numbers) / (count - 1)
    half = t_quantile((1 + confidence) / 2, count - 1) * math.sqrt(variance / count)
    return Measured(numbers, mean, mean - half, mean + half)


def paired(first: Sequence[float], second: Sequence[float]) -> list[float]:
    """``first - second`` seed by seed."""
    if len(first) != len(second):
        raise ValueError(f"second: expected {len(first)} values like first, got {len(second)}")
    return [a - b for a, b in zip(first, second, strict=True)]


def widen_for_folds(values: Sequence[float], *, ratio: float) -> list[float]:
    r"""Results of folds, spread about their mean so that Student's t interval over them is the corrected one.

    Training sets of k folds share most of their rows, so results are correlated and the plain interval is too
    short. Nadeau and Bengio replace the factor :math:`1 / k` of the variance of the mean by :math:`1 / k + r` with
    :math:`r = n_\text{test} / n_\text{train}`. The same is reached by multiplying each deviation from the mean by
    :math:`\sqrt{1 + k r}`; the mean stays. As the map is linear, it may be applied before or after a difference is
    formed.

    Args:
        values: one result, or paired difference, per fold.
        ratio: rows of a test fold over rows of its training set.

    References:
        Nadeau and Bengio, Inference for the generalization error, 2003, https://doi.org/10.1023/A:1024068626366.

    Example:
        >>> widen_for_folds([1.0, 2.0, 3.0, 4.0, 5.0], ratio=0.25)
        [0.0, 1.5, 3.0, 4.5, 6.0]
    """
    if not ratio > 0:
        raise ValueError(f"ratio: expected a positive number, got {ratio}")
    numbers = _as_floats(values)
    mean, factor = math.fsum(numbers) / len(numbers), math.sqrt(1 + len(numbers) * ratio)
    return [mean + (number - mean) * factor for number in numbers]


def check_claim(sentence: str, values: float | Sequence[float], op: str, threshold: float) -> Claim:
    """Judge a claim.

    One value holds when it satisfies the comparison. Three seeds or more hold when the whole 95 % interval
    does; two seeds, which have no useful interval, when both do.
    """
    measured, threshold = measure(values), _checked(op, threshold)
    compare = _OPERATORS[op]
    holding = sum(compare(value, threshold) for value in measured.values)
    count = len(measured.values)
    if count >= FEWEST_FOR_INTERVAL:
        holds = compare(measured.low, threshold) and compare(measured.high, threshold)
    else:
        holds = holding == count
    return Claim(sentence, measured, op, threshold, holds, holding, count)


def judge_effect(values: float | Sequence[float] | None, op: str, threshold: float) -> tuple[Verdict, Measured | None]:
    """Verdict on an effect: ``held`` when the 95 % interval lies on the stated side of the threshold,
    ``reversed`` when it lies on the other, ``not seen`` otherwise; ``not tested here`` without values or with
    two seeds only."""
    threshold = _checked(op, threshold)
    if values is None:
        return "not tested here", None
    measured = measure(values)
    compare = _OPERATORS[op]
    if len(measured.values) == 1:
        return ("held" if compare(measured.mean, threshold) else "not seen"), measured
    if len(measured.values) < FEWEST_FOR_INTERVAL:
        return "not tested here", measured
    if compare(measured.low, threshold) and compare(measured.high, threshold):
        return "held", measured
    crosses = measured.low <= threshold <= measured.high
    return ("not seen" if crosses else "reversed"), measured


def t_quantile(probability: float, degrees: int) -> float:
    """Quantile of Student's t distribution with a whole number of degrees of freedom."""
    if not 0.5 <= probability < 1 or degrees < 1:
        raise ValueError(f"expected probability in [0.5, 1) and degrees >= 1, got {probability} and {degrees}")
    high = 1.0
    while t_cdf(high, degrees) < probability:
        high *= 2
    low = 0.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if t_cdf(middle, degrees) < probability else (low, middle)
    return (low + high) / 2


def t_cdf(t: float, degrees: int) -> float:
    """Distribution function of Student's t for whole degrees of freedom, in closed form.

    The finite series in cos(theta), theta = atan(t / sqrt(degrees)): Abramowitz and Stegun, 26.7.3 and
    26.7.4.
    """
    theta = math.atan(t / math.sqrt(degrees))
    cosine_squared = math.cos(theta) ** 2
    even = degrees % 2 == 0
    term = math.sin(theta) if even else math.sin(theta) * math.cos(theta)
    total = 0.0
    for k in range(1 if even else 2, degrees, 2):
        total += term
        term *= cosine_squared * k / (k + 1)
    central = total if even else 2 / math.pi * (theta + total)
    return 0.5 + central / 2


def _checked(op: str, threshold: float) -> float:
    if op not in _OPERATORS:
        raise ValueError(f"op: expected one of {sorted(_OPERATORS)}, got {op!r}")
    return float(threshold)


def _as_floats(values: float | Sequence[float]) -> tuple[float, ...]:
    try:
        numbers = tuple(float(value) for value in values)
    except TypeError:  # a single number, or a tensor without dimensions
        numbers = (float(values),)
    if not numbers:
        raise ValueError("values: expected at least one number, got none")
    if any(not math.isfinite(number) for number in numbers):
        raise ValueError(f"values: expected finite numbers, got {numbers}")
    return numbers
