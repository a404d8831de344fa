"""What the comparison can decide, in words: also that it cannot, and why."""

from __future__ import annotations

from bocage.training.curve.comparison import Comparison, Contest
from bocage.training.curve.efficiency import Efficiency
from bocage.training.curve.noninferiority import NonInferiority


def verdicts(comparison: Comparison) -> dict[str, str]:
    """Return a paragraph for each arm but the baseline."""
    baseline = comparison.baseline
    if baseline not in comparison.missing:
        return {
            arm: f"Nothing can be said of {arm} yet: the baseline {baseline} is not among the arms asked for."
            for arm in comparison.missing
        }
    return {contest.arm: verdict(comparison, contest) for contest in comparison.contests}


def verdict(comparison: Comparison, contest: Contest) -> str:
    """Return what is known of an arm against the baseline."""
    if contest.efficiency is None:
        both = {contest.arm, comparison.baseline}
        lacking = [f"{name} lacks {number}" for name, number in comparison.missing.items() if number and name in both]
        return (
            f"Nothing can be said of {contest.arm} yet: in no order are its cells and those of {comparison.baseline} "
            f"complete ({', '.join(lacking)} of {comparison.orders * len(comparison.budgets)} cells)."
        )
    sentences = [_claim(comparison, contest.arm, contest.test, contest.adjusted_p)]
    sentences += [_factor(comparison, contest.arm, contest.efficiency)]
    if contest.orders < comparison.orders:
        sentences.append(f"Only {contest.orders} of {comparison.orders} orders are complete.")
    return " ".join(sentences)


def missing_words(comparison: Comparison) -> str:
    """Return which cells have no result, or an empty text where all have one."""
    each = comparison.orders * len(comparison.budgets)
    gaps = [f"{arm} {number} of {each}" for arm, number in comparison.missing.items() if number]
    return f"Cells without a result: {', '.join(gaps)}." if gaps else ""


def _claim(comparison: Comparison, arm: str, test: NonInferiority | None, adjusted: float | None) -> str:
    factor = f"{comparison.factor:g}"
    if test is None:
        smallest, largest = comparison.budgets[0], comparison.budgets[-1]
        return (
            f"Whether {factor} times fewer annotations suffice was not measured: the budgets go from {smallest} to "
            f"{largest}, a factor of {largest / smallest:.3g}."
        )
    between = "" if float(test.fewer) in comparison.budgets else " (read between two budgets)"
    measured = (
        f"With {test.fewer:g} annotations{between} {arm} has IoU {test.arm:.3f}; {comparison.baseline} with "
        f"{test.budget} has {test.baseline:.3f}: a difference of {test.difference:+.3f}"
    )
    margin = f"{comparison.margin:g}"
    if test.low is None or test.high is None:
        return (
            f"{measured}. The data cannot decide whether {factor} times fewer suffice: two orders and two test scenes "
            "with trees are the least that tell how far chance moves it."
        )
    bounds = f"{measured} (one-sided {comparison.confidence:.0%} bounds {test.low:+.3f} and {test.high:+.3f})."
    if test.decision == "holds":
        return (
            f"{bounds} So {factor} times fewer annotations suffice here, to a margin of {margin} "
            f"(p = {_p(adjusted)} after Holm)."
        )
    if test.decision == "fails":
        return f"{bounds} So {factor} times fewer annotations do not suffice here: it is worse by more than {margin}."
    why = (
        "the bounds lie on both sides of the margin"
        if test.low <= -comparison.margin
        else "the result of this arm alone would pass, but not among as many arms as were tested"
    )
    return f"{bounds} The data cannot decide whether {factor} times fewer suffice to a margin of {margin}: {why}."


def _factor(comparison: Comparison, arm: str, found: Efficiency) -> str:
    matches = [match for match in found.matches if match.sign != "<"]
    if found.factor is None:
        return f"No label-efficiency factor can be read: {found.reason}{_best(comparison, found)}."
    if found.low is None or found.high is None:
        sure = f"no interval, since {found.reason}"
    else:
        sure = f"{comparison.confidence:.0%} interval {found.low:.2g} to {found.high:.2g}"
    text = (
        f"Over the scores that both reach, {arm} needs {found.factor:.2g} times fewer annotations than "
        f"{comparison.baseline} ({sure})"
        if found.factor >= 1
        else f"Over the scores that both reach, {arm} needs {1 / found.factor:.2g} times more annotations than "
        f"{comparison.baseline} (a factor of {found.factor:.2g}; {sure})"
    )
    return text + (_best(comparison, found) if matches else "") + "."


def _best(comparison: Comparison, found: Efficiency) -> str:
    """Return what it takes to equal the baseline with all its annotations."""
    last = found.matches[-1]
    smallest, largest = comparison.budgets[0], comparison.budgets[-1]
    with_all = f"{comparison.baseline} with {last.budget}"
    match last.sign:
        case ">":
            return (
                f"; to equal {with_all}, fewer than the {smallest} measured suffice (a factor above {last.factor:.3g})"
            )
        case "<":
            return f"; it does not reach {with_all} with as many as {largest} (a factor below {last.factor:.3g})"
        case _:
            return f"; it equals {with_all} at about {last.budget / last.factor:.3g} (a factor of {last.factor:.2g})"


def _p(value: float | None) -> str:
    return "?" if value is None else "< 0.001" if value < 0.001 else f"{value:.3f}"
