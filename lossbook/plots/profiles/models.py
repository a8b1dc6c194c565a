"""Lines of generative models."""

from __future__ import annotations

from ...catalogue import LossCard
from ._lines import Line, double, line

_GAMES = (
    "minimax", "non_saturating", "least_squares", "wasserstein", "hinge", "relativistic", "relativistic_average",
)  # fmt: skip


@line(losses=tuple(f"{game}_{side}_loss" for game in _GAMES for side in ("discriminator", "generator")))
def _score_of_the_critic(card: LossCard) -> Line:
    both = len(card.domain) > 1
    others = [double(0.0)] * both
    return Line(
        "score of the real example" if both else "score of the generated example",
        -4.0,
        4.0,
        lambda x: (x.unsqueeze(0), *others),
        "One real example, beside a generated one of score 0." if both else "One generated example.",
    )


@line(losses=("conditional_adversarial_loss",))
def _generated_pixel(_: LossCard) -> Line:
    target = double([0.0])
    return Line(
        "error of the picture",
        -1.0,
        1.0,
        lambda x: (x.reshape(1, 1), target, double(0.0)),
        "A picture of one pixel, which the discriminator finds as likely real as not.",
    )


@line(losses=("mean_feature_matching_loss",))
def _mean_of_a_feature(_: LossCard) -> Line:
    features, target = double([-0.5, 0.0], [0.5, 0.0]), double([-1.0, 0.0], [1.0, 0.0])
    return Line(
        "mean of the generated feature",
        -2.0,
        2.0,
        lambda x: (features + x * double(1.0, 0.0), target),
        "Two generated and two real examples; the mean of the real ones is 0.",
    )


@line(losses=("gaussian_kl_loss",))
def _mean_of_the_code(_: LossCard) -> Line:
    return Line(
        "mean of the code",
        -3.0,
        3.0,
        lambda x: (x.reshape(1, 1), double([-1.0])),
        "One code of one number with log-variance -1, beside a standard normal distribution.",
    )


@line(losses=("vae_loss",))
def _one_pixel_rebuilt(_: LossCard) -> Line:
    return Line(
        "error of the reconstruction",
        -3.0,
        3.0,
        lambda x: (x.reshape(1, 1) + 0.5, double([0.5]), double([0.5]), double([-1.0])),
        "An example of one number; its code, of mean 0.5 and log-variance -1, costs the same everywhere.",
    )


@line(losses=("vq_commitment_loss", "diffusion_loss", "variational_diffusion_loss", "flow_matching_loss",
              "denoising_score_matching_loss", "discretized_gaussian_nll_loss"))  # fmt: skip
def _one_number_of_a_model(card: LossCard) -> Line:
    target = double([0.25])
    rest = {
        "signal shares": double(0.5),
        "earlier signal shares": double(0.6),
        "noise widths": double(1.0),
        "log-scales of pictures": double([-2.0]),
        "numbers of order one": double([-0.25]),
    }
    others = [rest[kind] for kind in list(card.domain.values())[2:]]
    return Line(
        "what the model says",
        -1.0,
        1.0,
        lambda x: (x.reshape(1, 1), target, *others),
        "An example of one number, 0.25" + (" (and -0.25, or half of the variance, as noise)." if others else "."),
    )


@line(losses=("consistency_model_loss",))
def _what_is_said_of_the_noisier_form(_: LossCard) -> Line:
    target, sigma, previous = double([0.25]), double(1.0), double(0.5)
    return Line(
        "what the model says of the noisier form",
        -1.0,
        1.0,
        lambda x: (x.reshape(1, 1), target, sigma, previous),
        "An example of one number: of its form with noise of width 0.5 the model says 0.25, and the other has width 1.",
        {"c": 0.25},
    )
