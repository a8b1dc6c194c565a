"""Experiments of a chapter: profile, seeds, effects and claims, and the file that keeps what was measured."""

import ast
import hashlib
import html
import importlib.metadata
import json
import math
import os
import platform
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from .claims import Claim, Effect, Measured, check_claim, judge_effect, widen_for_folds

if TYPE_CHECKING:
    from .training import History

PROFILES = ("fast", "full")
SEEDS = {"fast": 2, "full": 5}
SCHEMA = 1
_PACKAGES = (
    "lossbook",
    "torch",
    "numpy",
    "pandas",
    "torchmetrics",
    "scikit-image",
    "scikit-learn",
    "lightgbm",
    "statsmodels",
)
_T = TypeVar("_T")
_L = TypeVar("_L")
_M = TypeVar("_M")


class Chapter:
    """The experiments of one chapter: open it in the set-up cell, finish it in the last one.

    Args:
        name: file name of the notebook without its ending, such as ``"08_semantic_segmentation"``.
        profile: ``"fast"``, ``"full"`` or ``"auto"``: the environment variable ``LOSSBOOK_PROFILE`` if it is
            set, else ``"full"`` where there is a GPU and ``"fast"`` elsewhere. The variable overrides
            ``"auto"`` only.
        seed: first of the seeds.

    Attributes:
        profile: ``"fast"`` or ``"full"``.
        device: ``torch.device``, a GPU if there is one.
        seeds: the seeds of repeated runs, 2 in the fast profile and 5 in the full one.
    """

    def __init__(self, name: str, *, profile: str = "auto", seed: int = 0) -> None:
        if not re.fullmatch(r"\w[\w-]*", name):
            raise ValueError(f"name: expected letters, digits, _ and - alone, got {name!r}")
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise ValueError(f"seed: expected a whole number of at least 0, got {seed!r}")
        self.name = name
        self.profile = resolve_profile(profile)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.seeds = list(range(seed, seed + SEEDS[self.profile]))
        self.claims: list[Claim] = []
        self._expected: dict[str, tuple[str, str]] = {}
        self._effects: dict[str, Effect] = {}
        self._records: dict[str, Any] = {}
        self._started = time.perf_counter()
        torch.manual_seed(seed)
        _use_style()

    def pick(self, *, fast: _T, full: _T) -> _T:
        """The argument that the profile names."""
        return fast if self.profile == "fast" else full

    def expect(self, key: str, statement: str, *, source: str) -> None:
        """List an effect that a paper states, before the experiment that may show it.

        Args:
            key: short name, used again in :meth:`effect`.
            statement: what the paper states, one sentence.
            source: address of the paper (DOI or arXiv).
        """
        if key in self._expected:
            raise ValueError(f"key: {key!r} is listed already")
        if not source.startswith("https://"):
            raise ValueError(f"source: expected an https address, got {source!r}")
        self._expected[key] = (statement, source)

    def effect(
        self,
        key: str,
        values: float | Sequence[float] | None,
        op: str = ">",
        threshold: float = 0.0,
        *,
        note: str = "",
    ) -> Effect:
        """Report an expected effect; never raises because of what was measured.

        Args:
            key: as in :meth:`expect`.
            values: one paired difference per seed, one number for an exact statement, None if not tested
                here.
            op: ``">"``, ``">="``, ``"<"``, ``"<="``.
            threshold: what ``values`` are compared with.
            note: said beside the verdict.

        Returns:
            Effect: with the verdict ``held``, ``not seen``, ``reversed`` or ``not tested here``.
        """
        if key not in self._expected:
            raise ValueError(f"key: expected one of {sorted(self._expected)}, got {key!r}; list it with expect() first")
        if key in self._effects:
            raise ValueError(f"key: {key!r} is reported already")
        verdict, measured = judge_effect(values, op, threshold)
        statement, source = self._expected[key]
        effect = Effect(key, statement, source, verdict, measured, op, float(threshold), note)
        self._effects[key] = effect
        return effect

    def check(
        self,
        sentence: str,
        values: float | Sequence[float],
        op: str,
        threshold: float,
        *,
        profile: str | None = None,
    ) -> None:
        """State a claim and check it.

        Args:
            sentence: what is claimed.
            values: one number for an exact statement, or one paired difference per seed.
            op: ``">"``, ``">="``, ``"<"``, ``"<="``, ``"=="``.
            threshold: what ``values`` are compared with.
            profile: the only profile in which the claim is checked; None for both.

        Raises:
            AssertionError: the claim does not hold. It is recorded nevertheless.
        """
        if profile is not None and profile not in PROFILES:
            raise ValueError(f"profile: expected one of {PROFILES} or None, got {profile!r}")
        if profile not in (None, self.profile):
            nothing = Measured((), math.nan, None, None)
            self.claims.append(Claim(sentence, nothing, op, float(threshold), False, 0, 0, skipped=True))
            print(f"Not tested in the {self.profile} profile: {sentence}")
            return
        claim = check_claim(sentence, values, op, threshold)
        self.claims.append(claim)
        line = f"{sentence}: {claim.measured} {op} {threshold:g}, {claim.verdict}"
        if not claim.holds:
            raise AssertionError(f"{line}. Values: {', '.join(f'{v:.4g}' for v in claim.measured.values)}")
        print(line)

    def say(self, markdown: str) -> None:
        """Display Markdown, made from measured numbers."""
        from IPython.display import Markdown, display

        display(Markdown(markdown))

    def record(self, name: str, metrics: Mapping[str, Any] | Sequence[Any]) -> None:
        """Keep ``metrics`` in the results file under ``name``.

        Args:
            name: for example ``"balanced/dice_loss"``.
            metrics: metrics by name, or one such mapping per seed, in the order of ``seeds``. NaN becomes
                null.
        """
        if name in self._records:
            raise ValueError(f"name: {name!r} is recorded already")
        self._records[name] = _plain(metrics, name)

    def compare(
        self,
        label: str,
        losses: Mapping[str, _L],
        train: Callable[[_L, int, float], tuple[_M, "History"]],
        *,
        step_sizes: Sequence[float],
        metric: str,
    ) -> dict[str, list[tuple[_M, "History"]]]:
        """Train once for each loss and each of ``seeds``; nothing but the loss differs.

        The step size of each loss is the one of ``step_sizes`` whose run with the first seed ends with the largest
        ``metric``; that run is kept, and the other seeds use its step size. The choices are recorded.

        Args:
            label: name of the comparison, shown at the progress bar and used in the results file.
            losses: losses by name.
            train: called as ``train(loss, seed, step_size)``; returns the model and its history, which has to hold
                evaluations on validation data.
            step_sizes: what to choose from, alike for every loss.
            metric: metric of the evaluations, larger is better; NaN counts as worst.

        Returns:
            One pair of model and history for each seed, by name of the loss.
        """
        from .training import progress_bar

        def quality(run: tuple[_M, "History"]) -> float:
            value = run[1].final[metric]
            return -math.inf if math.isnan(value) else value

        chosen: dict[str, float] = {}
        runs: dict[str, list[tuple[_M, History]]] = {name: [] for name in losses}
        for seed, name in progress_bar([(seed, name) for seed in self.seeds for name in losses], label):
            sizes = [chosen[name]] if name in chosen else step_sizes
            tried = {size: train(losses[name], seed, size) for size in sizes}
            chosen[name] = max(tried, key=lambda size: quality(tried[size]))
            runs[name].append(tried[chosen[name]])
        self.record(f"{label}/step sizes", chosen)
        return runs

    def table(
        self,
        label: str,
        results: Mapping[str, Sequence[Mapping[str, float]]],
        columns: Mapping[str, str],
        *,
        baseline: str,
        caption: str,
        fold_ratio: float | None = None,
    ) -> None:
        """Record ``results``, one mapping of metrics per seed for each loss, and display them as a table.

        ``columns``, ``baseline`` and ``caption`` are those of :func:`lossbook.plots.results_table`. Where each seed is
        a fold of a cross-validation, ``fold_ratio`` corrects the displayed intervals as
        :func:`lossbook.claims.widen_for_folds` does; what is recorded stays as measured.
        """
        from .plots import results_table

        for name, runs in results.items():
            self.record(f"{label}/{name}", runs)
        rows = {name: {metric: [run[metric] for run in runs] for metric in columns} for name, runs in results.items()}
        if fold_ratio is not None:
            caption += " Each seed is one fold; half widths are corrected for folds that overlap."
            for row in rows.values():
                row |= {k: widen_for_folds(v, ratio=fold_ratio) for k, v in row.items() if all(map(math.isfinite, v))}
        results_table(rows, columns, baseline=baseline, caption=caption)

    def report(self) -> None:
        """Display the tables of effects and claims.

        Raises:
            AssertionError: an expected effect was not reported.
        """
        missing = sorted(set(self._expected) - set(self._effects))
        if missing:
            raise AssertionError(f"These expected effects were not reported: {', '.join(missing)}")
        effects = [self._effects[key] for key in self._expected]
        rows = [(e.statement, str(e.measured or ""), _comparison(e), e.verdict, e.note, e.source) for e in effects]
        _display_table("Effects", ("The paper states", "Measured", "Expected", "Verdict", "Note", "Source"), rows)
        rows = [
            (c.sentence, "" if c.skipped else str(c.measured), f"{c.op} {c.threshold:g}", c.verdict)
            for c in self.claims
        ]
        _display_table("Claims", ("Claim", "Measured", "Required", "Verdict"), rows)

    def results(self) -> dict[str, Any]:
        """What the results file holds, as plain Python values."""
        return {
            "schema": SCHEMA,
            "chapter": self.name,
            "profile": self.profile,
            "seeds": self.seeds,
            "device": describe_device(self.device),
            "versions": versions(),
            "seconds": round(time.perf_counter() - self._started, 1),
            "source_hash": source_hash(),
            "metrics": self._records,
            "claims": [_claim_as_dict(claim) for claim in self.claims],
            "effects": [_effect_as_dict(effect) for effect in self._effects.values()],
        }

    def finish(self) -> Path:
        """Write ``<chapter>.<profile>.json`` and display how the chapter was run.

        The file goes into the folder that the environment variable ``LOSSBOOK_RESULTS`` names (``lossbook
        run`` sets it), or into the working directory, which is the notebook's.
        """
        results = self.results()
        folder = Path(os.environ.get("LOSSBOOK_RESULTS") or ".")
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.name}.{self.profile}.json"
        write_results(path, results)
        packages = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
        self.say(
            f"Profile **{self.profile}**, seeds {self.seeds[0]} to {self.seeds[-1]}, on {results['device']}, "
            f"{results['seconds']:.0f} s. Versions: {packages}."
        )
        return path


def resolve_profile(profile: str = "auto") -> str:
    """``"fast"`` or ``"full"``; see :class:`Chapter` for what ``"auto"`` means."""
    if profile == "auto":
        profile = os.environ.get("LOSSBOOK_PROFILE") or ("full" if torch.cuda.is_available() else "fast")
        if profile not in PROFILES:
            raise ValueError(f"LOSSBOOK_PROFILE: expected one of {PROFILES}, got {profile!r}")
    if profile not in PROFILES:
        raise ValueError(f"profile: expected one of {PROFILES} or 'auto', got {profile!r}")
    return profile


def describe_device(device: torch.device) -> str:
    """A device in words, without the name of the machine."""
    if device.type == "cuda":
        return f"GPU ({torch.cuda.get_device_name(device)})"
    threads = torch.get_num_threads()
    return f"CPU ({threads} thread{'s' if threads > 1 else ''})"


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on, as far as installed."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def write_results(path: Path, results: Mapping[str, Any]) -> None:
    """Write ``results`` as strict JSON with sorted keys, in one step (no half-written file is ever seen)."""
    text = json.dumps(_plain(results, "results"), indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False)
    draft = path.with_suffix(".json.new")
    draft.write_text(text + "\n", encoding="utf-8")
    draft.replace(path)


def read_results(path: Path) -> dict[str, Any]:
    """Read a results file and check its shape."""
    results = json.loads(Path(path).read_text(encoding="utf-8"))
    expected = {"schema", "chapter", "profile", "seeds", "device", "versions", "seconds", "source_hash"}
    expected |= {"metrics", "claims", "effects"}
    missing = sorted(expected - set(results))
    if missing:
        raise ValueError(f"{Path(path).name}: expected the keys {missing} as well")
    if results["schema"] != SCHEMA:
        raise ValueError(f"{Path(path).name}: expected schema {SCHEMA}, got {results['schema']}")
    return results


def code_hash(notebook: Mapping[str, Any] | Path | str) -> str:
    """SHA-256 of the syntax trees of a notebook's code cells: comments and layout do not change it.

    Args:
        notebook: a notebook as a mapping (nbformat or plain JSON), or its path.
    """
    if isinstance(notebook, (str, Path)):
        notebook = json.loads(Path(notebook).read_text(encoding="utf-8"))
    digest = hashlib.sha256()
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            source = "".join(cell["source"])
            digest.update(_canonical(ast.parse(_without_magics(source))).encode())
            digest.update(b"\0")
    return digest.hexdigest()


def source_hash() -> str:
    """SHA-256 of the Python source of the installed lossbook package (paths and contents)."""
    package = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py"), key=lambda p: p.relative_to(package).as_posix()):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0")
        digest.update(path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return digest.hexdigest()


def _canonical(node: Any) -> str:
    """A syntax tree as text. ``ast.dump`` changed between Python versions; empty fields are what differs."""
    if isinstance(node, ast.AST):
        fields = ((name, value) for name, value in ast.iter_fields(node) if value is not None and value != [])
        return f"{type(node).__name__}({','.join(f'{name}={_canonical(value)}' for name, value in fields)})"
    if isinstance(node, list):
        return f"[{','.join(map(_canonical, node))}]"
    return repr(node)


def _without_magics(source: str) -> str:
    """Shell and magic lines as strings, so that Python can parse the cell and a change in them still
    counts."""
    return re.sub(r"^(\s*)([%!].*)$", lambda m: m[1] + repr(m[2]), source, flags=re.MULTILINE)


def _plain(value: Any, where: str) -> Any:
    """``value`` made of JSON's types; NaN and infinity become None."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item, f"{where}/{key}") for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, where) for item in value]
    if value is None or isinstance(value, (str, bool, int)):
        return value
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{where}: expected numbers, text, lists or mappings, got {type(value).__name__}") from None
    return number if math.isfinite(number) else None


def _claim_as_dict(claim: Claim) -> dict[str, Any]:
    return {
        "sentence": claim.sentence,
        "op": claim.op,
        "threshold": claim.threshold,
        "verdict": claim.verdict,
        "holds": None if claim.skipped else claim.holds,
        "holding": claim.holding,
        "count": claim.count,
        **_measured_as_dict(claim.measured if not claim.skipped else None),
    }


def _effect_as_dict(effect: Effect) -> dict[str, Any]:
    return {
        "key": effect.key,
        "statement": effect.statement,
        "source": effect.source,
        "verdict": effect.verdict,
        "op": effect.op,
        "threshold": effect.threshold,
        "note": effect.note,
        **_measured_as_dict(effect.measured),
    }


def _measured_as_dict(measured: Measured | None) -> dict[str, Any]:
    if measured is None:
        return {"values": [], "mean": None, "interval": None}
    interval = None if measured.low is None else [measured.low, measured.high]
    return {"values": list(measured.values), "mean": measured.mean, "interval": interval}


def _comparison(effect: Effect) -> str:
    return "" if effect.measured is None else f"{effect.op} {effect.threshold:g}"


def _display_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from IPython.display import display

    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in header)
    body = "".join("<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in row) + "</tr>" for row in rows)
    table = f"<table><caption>{title}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    lines = [f"{title}: {len(rows)}", *(" | ".join(value for value in row if value) for row in rows)]
    display({"text/html": table, "text/plain": "\n".join(lines)}, raw=True)


def _cell(value: str) -> str:
    if value.startswith("https://"):
        address = html.escape(value, quote=True)
        return f'<a href="{address}">{html.escape(value.removeprefix("https://"))}</a>'
    return html.escape(value)


def _use_style() -> None:
    """Matplotlib's settings of the book, where matplotlib is installed."""
    from .plots import use_style

    try:
        use_style()
    except ImportError:
        return
