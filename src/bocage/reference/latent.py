"""A latent-class model of the layers: it learns how often each one errs from their agreement alone.

Nobody knows the true class of a pixel, but layers that err in different places agree about most of them. The model of
Dawid and Skene (1979, Applied Statistics 28, 20-28) takes the class as latent and every layer as a witness with rates
of its own: P(symbol | tree) and P(symbol | no tree), where a symbol is what the layer says, put into a few bins. The
rates and the share of trees are found by expectation maximisation (Dempster, Laird and Rubin, 1977) over counted
patterns of symbols; millions of pixels fold to some hundred patterns.

What is assumed, and what is not so:

- Given the class, layers err independently. They do not, quite: all of them blur the same edges, and products made from
  one satellite share its clouds. The symbol of a coarse layer says whether the pixel lies at an edge, which takes up
  part of it. What remains makes the probabilities too sure (``benchmarks/fusion.py`` measures how much), so they are
  ranks rather than chances; that is why the threshold is high, and a share of decided pixels bounds it.
- Two classes are told apart by three layers or more; fewer leave the rates open, and are refused.
- The two latent classes need not be trees and the rest: where layers depend on each other, the best fit may tell
  cropland from everything else. So what the rules make of each pattern counts as observations too, ``anchor`` times as
  much as the layers' agreement (a Dirichlet prior on the rates); 0 leaves agreement alone, and then the rules only
  start the search and say which of the two classes is "tree".
- A layer that speaks only against trees or only for them, such as crop types, sorts land by something else. It is no
  witness: its evidence stays that of the rules.
- A layer that is silent at a pixel tells nothing by its silence.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bocage.errors import LayerError
from bocage.reference.symbols import STRONGEST_START, Alphabet, Patterns

IGNORE = 255
FEWEST_LAYERS = 3
# Symbols that were seen a handful of times must not get rates of 0: half a pixel is added to each.
_PSEUDO = 0.5
# Nats per pixel and step; below it the labels no longer change.
_GAIN = 1e-10
_MOST_STEPS = 3000
_MILLINATS = 1000
_SETTLED = 10_000_000
_log = logging.getLogger("bocage")


@dataclass(frozen=True, slots=True)
class Profile:
    """What was learned of one layer: per symbol its rates within trees and elsewhere, and its evidence.

    Attributes
    ----------
    tree, other
        P(symbol | tree) and P(symbol | no tree); each sums to 1 but for rounding.
    evidence
        log(tree / other) in thousandths of a nat, 0 for a symbol that was never seen; for a layer that is no witness,
        the evidence of the rules. Whole numbers add up to the same
        sum on every machine and in any order.
    witness
        Whether its rates were learned; see :class:`bocage.reference.symbols.Alphabet`.
    omission, commission
        P(the layer speaks against trees | tree) and P(it speaks for trees | no tree), by the sign of the rules' points.
    """

    layer: str
    names: tuple[str, ...]
    tree: tuple[float, ...]
    other: tuple[float, ...]
    evidence: tuple[int, ...]
    omission: float
    commission: float
    witness: bool = True


@dataclass(frozen=True, slots=True)
class LatentModel:
    """The learned rates of all layers; applied to symbols it gives labels.

    Attributes
    ----------
    tree_share
        The share of trees among the pixels that it was learned from.
    prior, certain
        The log-odds of that share, and the log-odds from which a pixel is decided; thousandths of a nat.
    """

    tree_share: float
    prior: int
    certain: int
    profiles: tuple[Profile, ...]
    pixels: int
    steps: int

    def decide(self, symbols: Sequence[NDArray[np.uint8]]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return label and confidence, as :func:`bocage.reference.fusion.fuse` does.

        Parameters
        ----------
        symbols
            One array (rows, columns) per layer, in the order in which the model was learned.

        Returns
        -------
        label
            (rows, columns) uint8: 1 tree, 0 no tree, 255 doubt or nothing known; also 255 where no witness speaks,
            since the share of trees alone must not decide a pixel.
        confidence
            (rows, columns) uint8: ``100 |2 p - 1|`` of the posterior p, 0 where no witness speaks; 255 where no layer
            does.
        """
        total = self.log_odds(symbols)
        heard = self.heard(symbols, np.abs(total))
        known = np.logical_or.reduce([one > 0 for one in symbols])
        label = np.full(total.shape, IGNORE, np.uint8)
        label[heard & (total >= self.certain)] = 1
        label[heard & (total <= -self.certain)] = 0
        confidence = np.rint(100 * np.abs(np.tanh(total / (2 * _MILLINATS)))).astype(np.uint8)
        confidence[~heard] = 0
        confidence[~known] = IGNORE
        return label, confidence

    def heard(self, symbols: Sequence[NDArray[np.uint8]], margin: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Return where a witness speaks or the product's definition settles the class: all else stays undecided.

        Parameters
        ----------
        margin
            The absolute log-odds there, in thousandths of a nat.
        """
        found = margin > _SETTLED // 2
        for profile, one in zip(self.profiles, symbols, strict=True):
            if profile.witness:
                found |= one > 0
        return found

    def log_odds(self, symbols: Sequence[NDArray[np.uint8]]) -> NDArray[np.int32]:
        """Return the log-odds of "tree" in thousandths of a nat."""
        total = np.full(symbols[0].shape, self.prior, np.int32)
        for profile, one in zip(self.profiles, symbols, strict=True):
            total += np.array((0, *profile.evidence), np.int32)[one]
        return total


@dataclass(frozen=True, slots=True)
class Fit:
    """What expectation maximisation ended with.

    Attributes
    ----------
    posterior
        (patterns,) P(tree | pattern).
    rates
        Per layer (2, symbols): P(symbol | no tree) and P(symbol | tree). Of a layer that is no witness they are what
        the posterior makes of its symbols, for information.
    trace
        The penalised log-likelihood before every step; it never falls.
    """

    share: float
    posterior: NDArray[np.float64]
    rates: tuple[NDArray[np.float64], ...]
    trace: tuple[float, ...]


def fit(patterns: Patterns, alphabets: Sequence[Alphabet], anchor: float = 0.0) -> Fit:
    """Find the rates of the layers and the share of trees by expectation maximisation.

    It starts from what the rules say of each pattern, and so is the same in every run. What is maximised is the
    likelihood times a Dirichlet prior on every rate: half a pixel per symbol, and ``anchor`` times the pixels as the
    rules divide them.
    """
    symbols, counts = patterns.symbols, patterns.counts.astype(np.float64)
    points = np.zeros(len(counts))
    for layer, alphabet in enumerate(alphabets):
        points += np.array((0, *alphabet.points), np.float64)[symbols[:, layer]]
    # Layers that are no witnesses weigh in with the points of the rules, at every step alike.
    given = np.zeros(len(counts))
    for layer, alphabet in enumerate(alphabets):
        if not alphabet.witness:
            given += np.array((0, *alphabet.points), np.float64)[symbols[:, layer]] / 2
    ruled = 1 / (1 + np.exp(-np.clip(points, -STRONGEST_START, STRONGEST_START) / 2))
    posterior, pixels, trace = ruled, counts.sum(), []
    while True:
        believed = posterior + anchor * ruled
        total = (1 + anchor) * pixels
        share = (float(counts @ believed) + _PSEUDO) / (total + 2 * _PSEUDO)
        joint = np.stack([np.full(len(counts), math.log(1 - share)), math.log(share) + given])
        prior = anchor * counts * np.stack([1 - ruled, ruled])
        penalty = float((prior.sum(axis=1) + _PSEUDO) @ [math.log(1 - share), math.log(share)])
        rates = []
        for layer, alphabet in enumerate(alphabets):
            mass = _mass(symbols[:, layer], counts * np.stack([1 + anchor - believed, believed]), alphabet)
            rates.append(mass / mass.sum(axis=1, keepdims=True))
            if alphabet.witness:
                logs = np.log(rates[-1])
                joint += np.concatenate([np.zeros((2, 1)), logs], axis=1)[:, symbols[:, layer]]
                penalty += float((_mass(symbols[:, layer], prior, alphabet) * logs).sum())
        trace.append(float(counts @ np.logaddexp(joint[0], joint[1])) + penalty)
        posterior = np.exp(joint[1] - np.logaddexp(joint[0], joint[1]))
        if len(trace) > 1 and trace[-1] - trace[-2] < _GAIN * pixels:
            break
        if len(trace) == _MOST_STEPS:
            _log.warning("the error rates of the layers were still moving after %d steps", _MOST_STEPS)
            break
    return _anchored(Fit(share, posterior, tuple(rates), tuple(trace)), alphabets)


def _mass(symbols: NDArray[np.uint8], weights: NDArray[np.float64], alphabet: Alphabet) -> NDArray[np.float64]:
    """Return (2, symbols): the pixels of each class and symbol, and half a pixel more."""
    size = len(alphabet.names) + 1
    return np.stack([np.bincount(symbols, one, size)[1:] + _PSEUDO for one in weights])


def _anchored(found: Fit, alphabets: Sequence[Alphabet]) -> Fit:
    """Return the fit with the classes the right way round: trees are what the rules give more points."""
    points = sum(
        float((rates[1] - rates[0]) @ np.array(alphabet.points))
        for rates, alphabet in zip(found.rates, alphabets, strict=True)
    )
    if points >= 0:
        return found
    return Fit(1 - found.share, 1 - found.posterior, tuple(rates[::-1] for rates in found.rates), found.trace)


def learn(
    patterns: Patterns,
    alphabets: Sequence[Alphabet],
    names: Sequence[str],
    *,
    anchor: float = 0.5,
    certainty: float = 0.95,
    least_decided: float = 0.9,
) -> LatentModel:
    """Learn the model from counted patterns.

    Parameters
    ----------
    names
        What each layer is called, in the order of the columns of the patterns.
    anchor
        How much the rules count beside the agreement of the layers; 0 leaves agreement alone.
    certainty
        The posterior from which a pixel is decided, 0.5 to 1.
    least_decided
        The share of the pixels that is decided at least, 0 to 1: the threshold is lowered as far as that takes. Pixels
        at which no witness speaks do not count, since no threshold decides them.

    Raises
    ------
    LayerError
        If there are fewer than three witnesses, or three nowhere speak of the same pixel.
    """
    witnesses = [alphabet.witness for alphabet in alphabets]
    if sum(witnesses) < FEWEST_LAYERS:
        raise too_few(sum(witnesses))
    together = np.count_nonzero(patterns.symbols[:, witnesses], axis=1) >= FEWEST_LAYERS
    if not together.any():
        raise LayerError(
            f"the layers {', '.join(names)} nowhere speak of the same pixel, three of them at a time, so their error "
            "rates cannot be learned",
            'register layers that overlap, or set reference.method = "rules"',
        )
    found = fit(patterns, alphabets, anchor)
    profiles = tuple(
        _profile(patterns, layer, found.rates[layer], alphabets[layer], names[layer]) for layer in range(len(alphabets))
    )
    draft = LatentModel(
        tree_share=round(found.share, 6),
        prior=_millinats(found.share, 1 - found.share),
        certain=0,
        profiles=profiles,
        pixels=int(patterns.counts.sum()),
        steps=len(found.trace),
    )
    odds = np.abs(draft.log_odds(list(patterns.symbols.T)))
    open_to_it = draft.heard(list(patterns.symbols.T), odds)
    certain = min(
        _millinats(certainty, 1 - certainty), _margin(odds[open_to_it], patterns.counts[open_to_it], least_decided)
    )
    return LatentModel(draft.tree_share, draft.prior, max(certain, 1), profiles, draft.pixels, draft.steps)


def too_few(count: int) -> LayerError:
    """Return the error for too few layers."""
    return LayerError(
        f'reference.method = "latent" learns from the agreement of {FEWEST_LAYERS} layers or more that speak both '
        f"for and against trees; bocage.toml names {count}",
        'register more layers, or set reference.method = "rules"',
    )


def _profile(patterns: Patterns, layer: int, rates: NDArray[np.float64], alphabet: Alphabet, name: str) -> Profile:
    seen = np.bincount(patterns.symbols[:, layer], patterns.counts, len(alphabet.names) + 1)[1:] > 0
    learned = [_millinats(tree, other) if known else 0 for other, tree, known in zip(*rates, seen, strict=True)]
    ruled = [_MILLINATS * point // 2 for point in alphabet.points]
    evidence = [
        settled * _SETTLED or one
        for one, settled in zip(learned if alphabet.witness else ruled, alphabet.settled, strict=True)
    ]
    points = np.array(alphabet.points)
    return Profile(
        layer=name,
        names=alphabet.names,
        tree=tuple(round(float(rate), 6) for rate in rates[1]),
        other=tuple(round(float(rate), 6) for rate in rates[0]),
        evidence=tuple(evidence),
        omission=round(float(rates[1][points < 0].sum()), 6),
        commission=round(float(rates[0][points > 0].sum()), 6),
        witness=alphabet.witness,
    )


def _millinats(tree: float, other: float) -> int:
    return round(_MILLINATS * math.log(tree / other))


def _margin(odds: NDArray[np.int32], counts: NDArray[np.int64], share: float) -> int:
    """Return the largest threshold at which at least a share of the pixels is decided."""
    order = np.argsort(-odds, kind="stable")
    reached = np.cumsum(counts[order])
    return int(odds[order][np.searchsorted(reached, share * reached[-1])])
