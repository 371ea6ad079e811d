"""What people get wrong in a formula: a family of slips, made from its terms and named by them.

Each slip replaces one term, or several that belong together, by what somebody might write instead: a term of
a sum is left out, counted twice or has the wrong sign; a factor is missing; a root, a square, a mean goes
wrong. The sentence that a learner reads is made with it.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import combinations, permutations

from normcourse.exercises.task import Mistake
from normcourse.exercises.terms import (
    REDUCTIONS,
    Form,
    Space,
    Term,
    apply,
    constant,
    count,
    ordered,
    replaced,
)

__all__ = ["Slip", "described", "slips", "spoilt"]

WRITTEN_IN = {"eps": (1e-3, 1e-4, 1e-5), "momentum": (0.1, 0.9, 0.5)}  # a smaller eps looks like none


@dataclass(frozen=True, eq=False)
class Slip:
    """One thing that went wrong.

    Attributes:
        name: Short, for tables and histograms: ``"dx without the factor gamma"``.
        says: A sentence or two to the learner: what the answer does, and what is due.
        changes: The terms of the form that it replaces, and by what.
        order: Which output stands where each is due, for outputs that are returned in another order.
        likely: Whether it is tried in pairs too.
    """

    name: str
    says: str
    changes: Mapping[Term, Term]
    order: tuple[int, ...] = ()
    likely: bool = True


def spoilt(form: Form, made: tuple[Slip, ...]) -> Form:
    """Return a form in which some slips, of different places, are made."""
    changes = {term: change for slip in made for term, change in slip.changes.items()}
    outputs = [(replaced(term, changes), due) for term, due in form.outputs]
    for slip in made:
        if slip.order:
            outputs = [outputs[source] for source in slip.order]
    return Form(form.space, tuple(outputs))


@cache
def slips(form: Form) -> tuple[Slip, ...]:
    """Return the slips that can be made in a form: those of the whole formula first, then term by term."""
    writer = _Writer(form)
    found: dict[object, Slip] = {}
    for slip in writer.all():
        if all(_keeps(term, change) for term, change in slip.changes.items()):
            found.setdefault((slip.order, *slip.changes.items()), slip)
    return tuple(found.values())


def described(form: Form, slip: Slip) -> Mistake:
    """Return a slip as a mistake: with what the names stand for that the course does not use."""
    named = {term.name: term for term in form.terms if term.name and term.args and term not in form.roots}
    words = [
        name
        for name in named
        if name not in PLAIN and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", slip.says)
    ]
    defines = tuple(_with_articles(f"By {name} is meant {_formula(named[name])}.") for name in words)
    return Mistake(slip.name, "", _with_articles(slip.says), defines)


def _with_articles(says: str) -> str:
    says = re.sub(r"(?<![Yy]our )\b(mean|variance|root) term\b", r"the \1 term", says)
    return says.replace("the term the", "the")


class _Writer:
    """Makes the slips of one form, and their sentences."""

    def __init__(self, form: Form) -> None:
        self.form = form
        self.space = form.space
        self.terms = form.terms
        self.owners = self._owners()

    def _owners(self) -> dict[Term, str]:
        """Return, for each term, the name of the nearest term with one that is computed from it."""
        owners: dict[Term, set[str]] = {root: {root.name} for root in self.form.roots}
        for term in reversed(self.terms):
            for arg in term.args:
                owners.setdefault(arg, set()).update({term.name} if term.name else owners[term])
        return {term: names.pop() if len(names) == 1 else "answer" for term, names in owners.items()}

    def _owner(self, term: Term) -> str:
        name = term.name or self.owners[term]
        return f"difference {name}" if " - " in name else name

    def all(self) -> Iterator[Slip]:
        """Yield the slips."""
        yield from self._together()
        yield from self._throughout()
        yield from self._reshapes()
        yield from self._swaps()
        for term in self.terms:
            yield from self._numbers(term)
        divisors = {term.args[1] for term in self.terms if term.kind == "/"}
        for table in (LIKELY, RARE):
            for term in sorted(self.terms, key=lambda term: term.kind not in "+-"):  # first what is left out
                for rule in table.get(term.kind, ()) if table is LIKELY or term not in divisors else ():
                    for name, says, change in rule(self.space, self._owner(term), term):
                        yield Slip(name, says, {term: change}, likely=table is LIKELY)
        for term in self.terms:
            yield from self._operands(term)
        yield from self._outputs()

    def _together(self) -> Iterator[Slip]:
        """Yield slips of all reductions that belong together: the axis mistaken everywhere."""
        roles: dict[str, list[Term]] = {}
        for term in self.terms:
            if term.role:
                roles.setdefault(term.role, []).append(term)
        groups = [
            (names, [term for name in names for term in roles[name]])
            for names in ROLES
            if set(names) <= roles.keys()
        ]
        for names, terms in groups:
            if len(terms) < 2 or len({term.detail for term in terms}) != 1:
                continue
            due, what = terms[0].detail, ROLES[names]
            for dims in _other_dims(self.space, due):
                yield Slip(
                    f"{what} over {_over(self.space, dims, due)}",
                    f"Your {what} go over {_over(self.space, dims, due)}. They should go over "
                    f"{_over(self.space, due, dims)}.",
                    {t: t.args[0].reduced(t.kind, dims, t.role).named(t.name) for t in terms},
                )
                if all(term.kind in ("mean", "var") for term in terms):
                    yield Slip(
                        f"{what} divided by {_counted(dims)}",
                        f"Your {what} are divided by {_counted(dims)}. Divide by {_counted(due)}.",
                        {t: t * count(due) / count(dims) for t in terms},
                        likely=False,
                    )
            for kind, other in (("mean", "sum"), ("sum", "mean")):
                if all(term.kind == kind for term in terms):
                    yield Slip(
                        f"{other}s for {kind}s: {what}",
                        f"Your {what} are {other}s over {_over(self.space, due, '')}. Take {kind}s.",
                        {t: t.args[0].reduced(other, due, t.role).named(t.name) for t in terms},
                    )

    def _throughout(self) -> Iterator[Slip]:
        """Yield the unbiased variance together with the derivative that fits it."""
        variances = [term for term in self.terms if term.name == "var" and term.role == "statistics"]
        paths = [
            term for term in self.terms if term.role == "dx" and term.kind == "mean" and not term.args[0].name
        ]
        if variances and len(paths) == 1:
            n = _counted(paths[0].detail)
            yield Slip(
                "n - 1 throughout",
                f"Your variance divides by {n} - 1, and your derivative fits that. The forward pass divides "
                f"by {n}, so the backward pass does.",
                {
                    term: term.args[0]
                    .reduced(f"{term.kind} of n - 1", term.detail, term.role)
                    .named(term.name)
                    for term in (*variances, *paths)
                },
            )

    def _reshapes(self) -> Iterator[Slip]:
        """Yield reshapes without a transpose, of what is given or of what is returned."""
        letters = self.space.letters
        if "C" not in letters or len(letters) < 3:
            return
        last, first = letters.replace("C", "") + "C", "C" + letters.replace("C", "")
        whole = ordered(letters)
        arrays = [term for term in self.terms if term.kind == "given" and term.dims == whole]
        returned = [root for root in self.form.roots if root.dims == whole]
        for written, read in ((letters, last), (letters, first), (first, last), (last, first)):
            rows, end = ("(-1, C)", "end") if read == last else ("(C, -1)", "front")
            mixes = (
                f"to {rows} while the channels stand elsewhere, so values of different channels are mixed. "
                f"Move the channels to the {end} first: transpose({_order(letters, read)})."
            )
            name = f"reshaped without a transpose ({written} as {read})"
            mixed = {term: term.reread(written, read) for term in arrays}
            back = {root: root.reread(read, letters) for root in returned}
            yield Slip(name, f"You reshape {mixes}", mixed)
            if back:
                yield Slip(f"{name}, and back", f"You reshape, and back, {mixes}", mixed | back)
                yield Slip(
                    f"result reshaped without a transpose ({read})",
                    "You reshape the result to the shape of x while its axes stand in another order. "
                    "Reshape to the order that it has, then transpose.",
                    back,
                )

    def _swaps(self) -> Iterator[Slip]:
        """Yield two arguments that have changed places."""
        arguments = [term for term in self.terms if term.kind == "given" and term.dims]
        for one, other in combinations(arguments, 2):
            if one.dims == other.dims:
                says = f"{one.name} stands where {other.name} is due, and {other.name} where {one.name} is."
                # Under other names, so that neither is changed back.
                changes = {one: other.named(f"{other.name} "), other: one.named(f"{one.name} ")}
                yield Slip(
                    f"{one.name} and {other.name} swapped", f"In your answer, {says}", changes, likely=False
                )

    def _numbers(self, term: Term) -> Iterator[Slip]:
        """Yield numbers that are written in, and counts of something else."""
        if term.kind == "given":
            for number in WRITTEN_IN.get(term.name, ()):
                yield Slip(
                    f"{number:g} for {term.name}",
                    f"Your answer uses {number:g} in place of {term.name}. Use the argument.",
                    {term: constant(number)},
                )
            if term.name == "gamma":
                yield Slip("1 + gamma", "You scale by 1 + gamma. Scale by gamma.", {term: 1 + term})
            if term.name == "eps":
                yield Slip("eps squared", "You square eps. It is added as it is.", {term: term**2})
            if term.name == "momentum":
                yield Slip(
                    "momentum turned round",
                    "You give momentum to the old value. It is the weight of the new one.",
                    {term: 1 - term},
                )
        if term.kind == "count":
            due = self.space.say(term.detail)
            for dims in _other_dims(self.space, term.detail):
                yield Slip(
                    f"{_counted(dims)} for {_counted(term.detail)}",
                    f"You count {_counted(dims)} where {_counted(term.detail)} is due, the number of {due}.",
                    {term: count(dims)},
                    likely=len(dims) == 1,
                )
            yield Slip(
                f"number of {due} less 1",
                f"You count the {due} less one. Here the full number is due.",
                {term: term - 1},
                likely=False,
            )

    def _operands(self, term: Term) -> Iterator[Slip]:
        """Yield uses of another quantity of the same dimensions: x for xhat."""
        known = [t for t in self.terms[: self.terms.index(term)] if t.name]
        for place, due in enumerate(term.args):
            if not due.name:
                continue
            for other in known:
                if other is not due and other not in term.args and other.dims == due.dims and other.dims:
                    args = (*term.args[:place], other, *term.args[place + 1 :])
                    owner = self._owner(term)
                    yield Slip(
                        f"{owner}: {other.name} for {due.name}",
                        f"In your {owner}, {other.name} stands where {due.name} is due: {_formula(term)}.",
                        {term: term.of(*args)},
                        likely=(due.name, other.name) in LIKELY_USES,
                    )

    def _outputs(self) -> Iterator[Slip]:
        """Yield another order of the outputs, and something that was meant to go on returned."""
        names = [term.name for term in self.form.roots]
        for order in permutations(range(len(names))):
            if list(order) != sorted(order):
                yield Slip(
                    "outputs in another order",
                    f"You return {', '.join(names[k] for k in order)}. The order is {', '.join(names)}.",
                    {},
                    order,
                )
        for root in self.form.roots:
            for term in self.terms:
                if term.name and term.dims == root.dims and term not in self.form.roots:
                    rest = "unchanged." if term.kind == "given" else "The last steps are missing."
                    stop = ", " if term.kind == "given" else ". "
                    yield Slip(
                        f"{term.name} for {root.name}",
                        f"You return {term.name} as {root.name}{stop}{rest}",
                        {root: term},
                    )


ROLES = {  # what learners call the reductions of a role, or of two
    ("statistics",): "mean and variance",
    ("dx",): "sums or means in dx",
    ("statistics", "dx"): "mean, variance, and sums or means in dx",
    ("square", "dx"): "mean square, and sums or means in dx",
    ("dgamma", "dbeta"): "dgamma and dbeta",
    ("spread",): "means and deviations",
    ("weights",): "sums over the batches",
    ("lengths",): "lengths",
}
PLAIN = {
    "mean",
    "var",
    "xhat",
    "x - mean",
    "batch mean",
    "batch variance",
}  # names that need no explanation
PATHS = {"variance term": "variance", "mean term": "mean", "root term": "root"}
WAYS = {  # in which both signs and factors can be looked up
    "variance term": "If you go by dvar, it is -0.5 times a sum, and is added. In one formula, "
    "xhat * mean(dxhat * xhat) is subtracted.",
    "mean term": "If you go by dmean, it is minus a sum, and is added. In one formula, mean(dxhat) is "
    "subtracted.",
    "root term": "If you go by the gradient of the root, it is negative, and is added. In one formula, "
    "xhat * mean(dxhat * xhat) is subtracted.",
}
Entry = tuple[str, str, Term]  # a name, a sentence, and what stands in the term's place
Rule = Callable[[Space, str, Term], Iterator[Entry]]


def _left_out(space: Space, owner: str, term: Term) -> Iterator[Entry]:
    left, right = term.args
    for part, rest in ((right, left), (left, right if term.kind == "+" else -1.0 * right)):
        said = _text(part)
        if part.kind == "constant":  # 1 - momentum
            whole = f"Your {owner} uses {_text(right)} where {_formula(term)} is due."
            yield f"{owner}: {_text(right)} for {_formula(term)}", whole, right
            continue
        small = ", or holds a far smaller number in its place" if said == "eps" else ""
        lacks = f"Your {owner} lacks the term {said}{small}."
        if " - " in term.name:  # x - mean
            lacks = f"You use {_text(rest)} where {term.name} is due, everywhere."
        yield f"{owner} without {said}", lacks, rest
    if right.name == "eps":
        floor = f"Your {owner} uses eps as a floor: max({_text(left)}, eps). Add it always."
        yield f"{owner}: eps as a floor", floor, apply("maximum", left, right)


def _signs(space: Space, owner: str, term: Term) -> Iterator[Entry]:
    left, right = term.args
    plus = term.kind == "+"
    said, done = _text(right), "added" if plus else "subtracted"
    turned = apply("-" if plus else "+", left, right)
    yield f"{owner}: sign of {said}", _sign(owner, right, done), turned
    if plus:
        yield f"{owner}: sign of {_text(left)}", _sign(owner, left, "added"), right - left


def _sign(owner: str, part: Term, done: str) -> str:
    if part.name in PATHS:  # some write it with a minus of its own and add it
        return f"A sign is wrong on the way to {owner} through the {PATHS[part.name]}. {WAYS[part.name]}"
    return f"In your {owner}, {_text(part)} has the wrong sign: it should be {done}."


def _brackets(space: Space, owner: str, term: Term) -> Iterator[Entry]:
    left, right = term.args
    if left.kind == "*" and not left.name:  # u * v + w
        for one, other in (left.args, left.args[::-1]):
            yield (
                f"{owner}: {_text(right)} times {_text(one)}",
                f"Your {owner} multiplies {_text(right)} by {_text(one)} as well. "
                f"{'Add' if term.kind == '+' else 'Subtract'} it as it is.",
                one * apply(term.kind, other, right),
            )


def _sums_rarely(space: Space, owner: str, term: Term) -> Iterator[Entry]:
    left, right = term.args
    for part, twice in (
        (right, apply(term.kind, left, 2.0 * right)),
        (left, apply(term.kind, 2.0 * left, right)),
    ):
        said = _text(part)
        many = f"Your {owner} takes {said} twice. Once is enough."
        if part.name in PATHS:
            path = f"What comes to {owner} through the {PATHS[part.name]}"
            many = f"{path} is twice what is due. {WAYS[part.name]}"
        yield f"{owner}: {said} twice", many, twice
    if term.kind == "-":
        said = _formula(term)
        yield (
            f"{owner}: {said} turned round",
            f"Your {owner} takes a difference the wrong way round. It should be {said}.",
            right - left,
        )


def _factors(space: Space, owner: str, term: Term) -> Iterator[Entry]:
    for factor, other in (term.args, term.args[::-1]):
        said = _text(factor)
        lacks = f"Your {owner} lacks the factor {said}: {_formula(term)} is due."
        yield f"{owner} without the factor {said}", lacks, other
        if factor.kind == "constant":
            yield (
                f"{owner}: sign of the factor {said}",
                f"In your {owner}, the factor {said} has the wrong sign.",
                constant(-factor.detail) * other,
            )


def _products_rarely(space: Space, owner: str, term: Term) -> Iterator[Entry]:
    for factor, other in (term.args, term.args[::-1]):
        said = _text(factor)
        below = f"Your {owner} divides by {said} where it should multiply."
        yield f"{owner} divided by {said}", below, other / factor
        if factor.kind == "constant":
            continue
        yield (
            f"{owner}: {said} twice",
            f"Your {owner} has the factor {said} twice. Once is enough.",
            term * factor,
        )
        added = f"In your {owner}, {said} is added where it should multiply."
        yield f"{owner}: {said} added", added, other + factor
        if other.kind in "+-" and not other.name:  # u * (v + w)
            first, second = other.args
            yield (
                f"{owner}: brackets forgotten",
                f"Your {owner} multiplies {_text(first)} alone by {said}: set brackets around "
                f"{_formula(other)}.",
                apply(other.kind, factor * first, second),
            )
    yield f"{owner}: sign", _wrong_sign(owner, term), -1.0 * term


def _wrong_sign(owner: str, term: Term) -> str:
    if term.name:
        return f"Your {owner} has the wrong sign."
    return f"In your {owner}, {_formula(term)} has the wrong sign: turn it."


def _divisors(space: Space, owner: str, term: Term) -> Iterator[Entry]:
    above, below = term.args
    said = _text(below)
    whole = f"Your {owner}" if term.name else f"In your {owner}, {_text(above)}"
    yield f"{owner} not divided by {said}", f"{whole} is not divided by {said}.", above
    times = f"Your {owner} multiplies by {said} where it should divide."
    yield f"{owner} times {said}", times, above * below
    if below.kind == "*":
        for factor, other in (below.args, below.args[::-1]):
            alone = f"{whole} is not divided by {_text(factor)}: {said} stands below."
            yield f"{owner} not divided by {_text(factor)}", alone, above / other


def _quotients_rarely(space: Space, owner: str, term: Term) -> Iterator[Entry]:
    above, below = term.args
    said = _text(below)
    yield (
        f"{owner} divided by {said} twice",
        f"Your {owner} is divided by {said} twice. Once is enough.",
        term / below,
    )
    if below.kind == "sum":
        every = f"Your {owner} divides by {_counted(below.detail)}. Divide by {said}."
        yield f"{owner} divided by {_counted(below.detail)}", every, above / count(below.detail)
    root = f"Your {owner} divides by the root of {said}. Divide by {said} itself."
    yield f"{owner} divided by the root of {said}", root, above / below.sqrt()
    turned = f"In your {owner}, {_formula(term)} stands upside down."
    yield f"{owner} upside down", turned, below / above
    yield f"{owner}: sign", _wrong_sign(owner, term), -1.0 * term
    if below.kind == "*":
        for factor, other in (below.args, below.args[::-1]):
            yield (
                f"{owner} times {_text(factor)}",
                f"Your {owner} multiplies by {_text(factor)} where it should divide: set brackets around "
                f"{said}.",
                above / other * factor,
            )
            twice = f"Your {owner} is divided by {_text(factor)} twice. Once is enough."
            yield f"{owner} divided by {_text(factor)} twice", twice, term / factor
    if above.kind in "+-" and not above.name:
        first, second = above.args
        yield (
            f"{owner}: {_text(first)} not divided by {said}",
            f"In your {owner}, {_text(first)} lacks one division by {said}.",
            apply(above.kind, first, second / below),
        )
        yield (
            f"{owner}: {_text(second)} not divided by {said}",
            f"In your {owner}, {_text(second)} lacks one division by {said}.",
            apply(above.kind, first / below, second),
        )
    elif above.kind in "+-":
        first, second = above.args
        yield (
            f"{owner}: brackets forgotten",
            f"Your {owner} divides {_text(second)} alone by {said}: set brackets around {_formula(above)}.",
            apply(above.kind, first, second / below),
        )


def _squares(space: Space, owner: str, term: Term) -> Iterator[Entry]:
    (base,) = term.args
    said = _text(base)
    if term.detail == 2:
        yield (
            f"{owner}: {said} not squared",
            f"In your {owner}, a square is missing: {said} should be squared.",
            base,
        )
        size = f"Your {owner} takes the absolute value of {said}. Its square is due."
        yield f"{owner}: size of {said}", size, apply("abs", base)
    for exponent in (-2.0, -1.0):
        if term.detail < 0 and exponent != term.detail:
            yield _power(owner, term, exponent)


def _powers_rarely(space: Space, owner: str, term: Term) -> Iterator[Entry]:
    (base,) = term.args
    for exponent in (-6.0, -4.0, -1.5, -0.5, 1.0, 2.0, 3.0):
        if exponent not in (term.detail, 1.0 if term.detail == 2 else 0.0):
            yield _power(owner, term, exponent)
    if term.detail == 2 and base.kind in "+-":
        yield (
            f"{owner}: squares apart",
            f"Your {owner} squares both parts of {_formula(base)} apart. Square the whole.",
            apply(base.kind, *(part**2 for part in base.args)),
        )


def _power(owner: str, term: Term, exponent: float) -> Entry:
    (base,) = term.args
    said = _text(base)
    due = f"{term.detail:g} is due"
    if base.kind == "sqrt":
        due += f", that is ({_formula(base.args[0])})**{term.detail / 2:g}"
    return (
        f"{owner}: {said} to the power {exponent:g}",
        f"Your {owner} takes {said} to the power {exponent:g} where {due}.",
        base**exponent,
    )


def _roots(space: Space, owner: str, term: Term) -> Iterator[Entry]:
    (inside,) = term.args
    said = _formula(inside)
    yield f"{owner}: no root", f"Your {owner} has no square root. It should hold sqrt({said}).", inside
    if inside.kind in "+-":
        first, second = inside.args
        yield (
            f"{owner}: {_text(second)} outside the root",
            f"You add {_text(second)} outside the root. Add it first: sqrt({said})."
            if inside.kind == "+"
            else f"You subtract {_text(second)} outside the root. Subtract it first: sqrt({said}).",
            apply(inside.kind, first.sqrt(), second),
        )


def _roots_rarely(space: Space, owner: str, term: Term) -> Iterator[Entry]:
    (inside,) = term.args
    said = _formula(inside)
    yield f"{owner}: root twice", f"Your {owner} takes the root twice. Once is enough.", term.sqrt()
    yield f"{owner}: square for root", f"Your {owner} squares {said}. Take its square root.", inside**2
    if inside.kind in "+-":
        first, second = inside.args
        apart = apply(inside.kind, first.sqrt(), second.sqrt())
        yield f"{owner}: two roots", f"Your {owner} takes two roots. Take one, of {said}.", apart
        early = apply(inside.kind, first**2, second).sqrt()
        yield (
            f"{owner}: {_text(first)} squared",
            f"In your {owner}, {_text(first)} is squared under the root. Do not square it.",
            early,
        )


def _functions(space: Space, owner: str, term: Term) -> Iterator[Entry]:
    (inside,) = term.args
    yield f"{owner}: no {term.kind}", f"Your {owner} lacks {term.kind}({_text(inside)}).", inside


def _sorted(space: Space, owner: str, term: Term) -> Iterator[Entry]:
    (inside,) = term.args
    yield f"{owner}: not sorted", f"Your {owner} is not sorted.", inside
    for dim in inside.dims:
        if dim != term.detail:
            wrong = (
                f"Your {owner} is sorted along the {space.say(dim)}. Sort along the {space.say(term.detail)}."
            )
            yield f"{owner}: sorted along the {space.say(dim)}", wrong, inside.sort(dim)


def _noun(term: Term) -> str:
    return "variance" if "var" in term.kind else term.kind


def _pools(space: Space, owner: str, term: Term) -> Iterator[Entry]:
    """Take a sum for a mean and a mean for a sum, or do not pool at all."""
    (inside,) = term.args
    noun, due = _noun(term), term.detail
    if term.kind == "sum":
        mean = f"Your {owner} takes the mean of {_text(inside)} over the {space.say(due)}. Take the sum."
        yield f"{owner}: mean for sum", mean, inside.mean(due)
    elif term.kind in ("mean", "var"):
        what = "the squared deviations" if term.kind == "var" else _text(inside)
        total = f"Your {owner} takes the sum of {what} where the mean is due: divide by {_counted(due)}."
        yield f"{owner}: sum for mean", total, term * count(due)
        less = f"Your {owner} divides by {_counted(due)} - 1. Divide by {_counted(due)}."
        yield f"{owner}: n - 1", less, inside.reduced(f"{term.kind} of n - 1", due)
    else:
        biased = f"Your {owner} divides by n. The unbiased variance is due, which divides by n - 1."
        yield f"{owner}: biased", biased, inside.var(due)
    if term.kind in ("sum", "mean"):
        alone = (
            f"Your {owner} uses {_text(inside)} value by value. Take its {noun} over the {space.say(due)}."
        )
        yield f"{owner}: no {noun}", alone, inside


def _pools_rarely(space: Space, owner: str, term: Term) -> Iterator[Entry]:
    """Pool or count something else, pull a product apart, or take a variance for what it is not."""
    (inside,) = term.args
    noun, due, n = _noun(term), term.detail, count(term.detail)
    what = f"the {noun} of {_text(inside)}"
    for dims in _other_dims(space, due):
        if not set(dims).isdisjoint(inside.dims):
            yield (
                f"{owner}: {noun} over {_over(space, dims, due)}",
                f"Your {owner} takes {what} over {_over(space, dims, due)}. It should go over "
                f"{_over(space, due, dims)}.",
                inside.reduced(term.kind, dims),
            )
    for dims in _other_dims(space, due):
        summed = "the squared deviations" if noun == "variance" else _text(inside)
        wrong = f"Your {owner} divides the sum of {summed}"
        if term.kind == "sum":
            change, right = term / count(dims), "Take the sum as it is."
        else:
            change, right = term * n / count(dims), f"Divide by {_counted(due)}."
        yield f"{owner}: {noun} divided by {_counted(dims)}", f"{wrong} by {_counted(dims)}. {right}", change
    if term.kind == "sum":
        for dims in _other_dims(space, due):
            if set(dims).isdisjoint((*inside.dims, *due)):
                many = (
                    f"Your {owner} is {_counted(dims)} times too large: it counts the {space.say(dims)} too."
                )
                yield f"{owner} times {_counted(dims)}", many, term * count(dims)
        less = f"Your {owner} divides the sum by {_counted(due)} - 1. Take the sum as it is."
        yield f"{owner}: divided by n - 1", less, inside.reduced("mean of n - 1", due)
    else:
        twice = f"Your {owner} divides by {_counted(due)} twice. Once is enough."
        yield f"{owner}: divided by n twice", twice, term / n
    if term.kind in ("sum", "mean"):
        largest = (
            f"Your {owner} takes the largest of {_text(inside)}. Take the {noun} over the {space.say(due)}."
        )
        yield f"{owner}: largest for {noun}", largest, inside.reduced("max", due)
        if inside.kind == "*":
            yield from _pulled_apart(owner, term)
    else:
        said, centred = _text(inside), inside - inside.mean(due)
        formula = f"The variance is the mean of ({said} - mean)**2."
        yield (
            f"{owner}: mean square",
            f"Your {owner} is the mean of {said}**2. {formula}",
            (inside**2).mean(due),
        )
        sizes = f"Your {owner} takes absolute values. {formula}"
        yield f"{owner}: mean deviation", sizes, apply("abs", centred).mean(due)
        yield (
            f"{owner}: no mean of squares",
            f"Your {owner} is ({said} - mean)**2, without a mean. {formula}",
            centred**2,
        )
        squared = f"Your {owner} is the square of a variance. {formula}"
        yield f"{owner}: squared", squared, term**2
        yield (
            f"{owner}: root",
            f"Your {owner} is a standard deviation: take no root here. {formula}",
            term.sqrt(),
        )


def _pulled_apart(owner: str, term: Term) -> Iterator[Entry]:
    first, second = term.args[0].args
    noun = _noun(term)
    both = [part.reduced(term.kind, term.detail) for part in (first, second)]
    names = [_text(first), _text(second)]
    due = f"Take the {noun} of their product: multiply first."
    yield (
        f"{owner}: product of two {noun}s",
        f"Your {owner} multiplies the {noun} of {names[0]} by that of {names[1]}. {due}",
        both[0] * both[1],
    )
    for k, kept in ((0, second), (1, first)):
        yield (
            f"{owner}: {noun} of {names[k]} alone",
            f"Your {owner} takes the {noun} of {names[k]} alone and multiplies by {names[1 - k]} "
            f"afterwards. {due}",
            both[k] * kept,
        )


LIKELY: dict[str, tuple[Rule, ...]] = {
    "+": (_left_out, _signs, _brackets),
    "-": (_left_out, _signs, _brackets),
    "*": (_factors,),
    "/": (_divisors,),
    "power": (_squares,),
    "sqrt": (_roots,),
    "sort": (_sorted,),
    **dict.fromkeys(("abs", "exp", "arctan", "arccos"), (_functions,)),
    **dict.fromkeys(("sum", "mean", "var", "var of n - 1"), (_pools,)),
}
RARE: dict[str, tuple[Rule, ...]] = {
    "+": (_sums_rarely,),
    "-": (_sums_rarely,),
    "*": (_products_rarely,),
    "/": (_quotients_rarely,),
    "power": (_powers_rarely,),
    "sqrt": (_roots_rarely,),
    **dict.fromkeys(("sum", "mean", "var", "var of n - 1"), (_pools_rarely,)),
}
LIKELY_USES = {
    ("xhat", "x"),
    ("xhat", "x - mean"),
    ("dxhat", "dy"),
    ("dy", "dxhat"),
    ("root", "var"),
    ("x - mean", "x"),
}


def _other_dims(space: Space, due: str) -> Iterator[str]:
    """Yield other dimensions that somebody may pool: whole units, alone or together, or one letter less."""
    units: dict[str, str] = {}
    for letter, word in space.words:
        units[word] = units.get(word, "") + letter
    choices = [
        "".join(c) for number in range(1, len(units) + 1) for c in combinations(units.values(), number)
    ]
    choices += [due.replace(letter, "") for letter in due]
    if len(units) < len(space.letters):  # as if the channels came last
        choices.append(space.letters[:-1])
    seen = {"", ordered(due)}
    for choice in choices:
        dims = ordered(choice)
        if dims not in seen:
            seen.add(dims)
            yield dims


def _keeps(term: Term, change: Term) -> bool:
    """Return whether a change has the dimensions of what it replaces: without, nobody writes it."""
    return term.kind in REDUCTIONS or set(term.dims) <= set(change.dims)


def _over(space: Space, dims: str, other: str) -> str:
    """Say what is pooled, and which axes these are where all of them are one array's."""
    axes = [space.letters.index(letter) for letter in space.letters if letter in dims]
    if len(axes) == 1 and len(space.letters) == axes[0] + 1:
        axes = [-1]
    numbers = f" (axis {axes[0]})" if len(axes) == 1 else f" (axes {', '.join(map(str, axes))})"
    return f"the {space.say(dims)}{numbers if space.axes else ''}"


def _order(letters: str, wanted: str) -> str:
    return ", ".join(str(letters.index(letter)) for letter in wanted)


def _counted(dims: str) -> str:
    return " * ".join(dims)


BINDING = {"+": 1, "-": 1, "*": 2, "/": 2}


def _binding(term: Term) -> int:
    """Return how strongly the outermost sign of a term's text binds."""
    if term.name:
        return 1 if "-" in term.name else 4
    return BINDING.get(term.kind, 1 if term.kind == "constant" and term.detail < 0 else 4)


def _text(term: Term) -> str:
    """Return a term as a learner might write it: its name, or its formula."""
    return term.name or _formula(term)


def _formula(term: Term) -> str:
    """Return the formula of a term, whose arguments may stand by name."""
    if term.kind == "given":
        return term.name
    if term.kind == "constant":
        return f"{term.detail:g}"
    if term.kind == "count":
        return _counted(term.detail)
    if term.kind in "+-*/":
        left, right = term.args
        sides = [_text(left), _text(right)]
        if _binding(left) < BINDING[term.kind]:
            sides[0] = f"({sides[0]})"
        if _binding(right) < BINDING[term.kind] + (term.kind in "-/"):
            sides[1] = f"({sides[1]})"
        return f"{sides[0]} {term.kind} {sides[1]}"
    (inside,) = term.args
    if term.kind == "power":
        return (
            f"{_text(inside)}**{term.detail:g}"
            if _binding(inside) == 4
            else f"({_text(inside)})**{term.detail:g}"
        )
    return f"{term.kind.partition(' ')[0]}({_text(inside)})"
