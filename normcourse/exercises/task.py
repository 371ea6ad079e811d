"""What a task is: an answer that is asked for, what it is tried on, and the mistakes that are known."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from normcourse.exercises.properties import Property
from normcourse.exercises.terms import Form

__all__ = [
    "AnyTask",
    "Belief",
    "Check",
    "ChoiceTask",
    "CodeTask",
    "Exercise",
    "GradedTask",
    "Inputs",
    "Mistake",
    "Mistakes",
    "NumberTask",
    "Option",
    "PredictionTask",
    "Probe",
    "Question",
    "Section",
    "Statement",
    "WrongNumber",
    "is_practice",
]

Inputs = dict[str, Any]  # by the name of the parameter, in the order of the call
Mistakes = frozenset[str]
Outputs = NDArray[Any] | tuple[NDArray[Any], ...]
Numbers = float | tuple[float, ...]


@dataclass(frozen=True)
class Section:
    """Where the book treats a subject: the page from the book's root, without a suffix, and its title."""

    page: str
    title: str


@dataclass(frozen=True)
class Probe:
    """One call of an answer: a name that a learner reads, and how to draw the arguments.

    Shapes belong to what is drawn: a grader with a private seed then has private shapes too. Choose inputs
    that amplify mistakes: few examples for n - 1, a variance near eps for eps, gamma that is not 1.
    """

    name: str
    draw: Callable[[np.random.Generator], Inputs]


@dataclass(frozen=True)
class Mistake:
    """A known mistake.

    Attributes:
        name: Short, for tables and histograms: ``"n - 1"``.
        place: The line of the computation that it spoils. Two mistakes of one place exclude each other;
            those of different places are also tried in pairs.
        says: One to three sentences to the learner: what the answer does, and what it should do.
        defines: What names in it stand for, a sentence each, where the course does not use them.
    """

    name: str
    place: str
    says: str
    defines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Check:
    """Points for some outputs being right on some probes; no name means all.

    Where one mistake spoils every output, a check may name the mistakes that cost its points: it then passes
    too if known mistakes explain the answer, and none of these is among them.
    """

    name: str
    points: int
    outputs: tuple[str, ...] = ()
    probes: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)  # compared by identity: what is cached for a task is looked up often
class CodeTask:
    """A function to write.

    Attributes:
        name: ``"bn.forward"``: the exercise's prefix, a dot, a word.
        title: What a table of points calls it.
        answer: The name that the learner defines.
        section: Where the book explains it.
        outputs: The names of what the answer returns, in order.
        reference: The truth: takes the inputs of a probe by keyword, returns an array or a tuple of them.
        mistaken: The same, with a set ``mistakes`` first, which it makes. With none it is right.
        mistakes: All that are known.
        probes: What the answer is tried on.
        checks: What earns points.
        hints: By steps, from a question to nearly the line.
        alike: Sets of mistakes that no input tells from each other, declared because a test asks.
        call: The function of ``normcourse.exercises.calls`` that calls the answer.
        libraries: What the answer may import; ``normcourse`` never is among them.
        handed_out: The mistakes of the code that the learner begins with: they are also tried together.
        forms: The truth, term by term, in the ways that people write it; what mistakes are made from.
        properties: What every right answer satisfies, to be tested where no known mistake explains an answer.
        apart: What is explained by itself where nothing explains all: ``outputs``, ``probes`` or ``nothing``.
        tolerance: The largest difference that passes, relative to the expected values where these exceed 1.
        solution: Code that solves it, of a task that is practice; those of the others stand in notebooks.
    """

    name: str
    title: str
    answer: str
    section: Section
    outputs: tuple[str, ...]
    reference: Callable[..., Outputs]
    mistaken: Callable[..., Outputs]
    mistakes: tuple[Mistake, ...]
    probes: tuple[Probe, ...]
    checks: tuple[Check, ...]
    hints: tuple[str, ...]
    alike: tuple[frozenset[Mistakes], ...] = ()
    call: str = "plain"
    libraries: tuple[str, ...] = ("numpy",)
    handed_out: tuple[str, ...] = ()
    forms: tuple[Form, ...] = ()
    properties: tuple[Property, ...] = ()
    apart: str = "outputs"
    tolerance: float = 5e-6
    solution: str = ""

    @property
    def points(self) -> int:
        """The points of all checks together."""
        return sum(check.points for check in self.checks)

    def suspects(self) -> Iterator[Mistakes]:
        """Yield the sets of mistakes that an answer may make: single ones, then pairs, then what is left."""
        yield from (frozenset([mistake.name]) for mistake in self.mistakes)
        for one, other in combinations(self.mistakes, 2):
            if one.place != other.place:
                yield frozenset([one.name, other.name])
        for number in range(3, len(self.handed_out) + 1):
            yield from map(frozenset, combinations(self.handed_out, number))


@dataclass(frozen=True)
class Option:
    """One of a question's answers, and what to say to who chooses it."""

    name: str
    says: str


@dataclass(frozen=True)
class Question:
    """A question with a fixed set of answers."""

    name: str
    text: str
    options: tuple[Option, ...]
    right: str
    points: int


@dataclass(frozen=True)
class Belief:
    """A mistaken view, known by the options that it leads to: by question, where it leads astray."""

    name: str
    says: str
    answers: Mapping[str, str]


@dataclass(frozen=True)
class ChoiceTask:
    """Questions that a dictionary answers: ``ANSWER = {"question": "option", ...}``.

    Attributes:
        name: The exercise's or the page's prefix, a dot, a word.
        title: What its feedback is headed by.
        answer: The name that the learner defines.
        section: Where the book explains it; of practice the page that asks.
        questions: In the order of the dictionary.
        beliefs: Mistaken views that several answers show together.
        hints: By steps.
        practice: Whether a page asks it; then nothing is graded, and the points only count questions.
    """

    name: str
    title: str
    answer: str
    section: Section
    questions: tuple[Question, ...]
    beliefs: tuple[Belief, ...]
    hints: tuple[str, ...]
    practice: bool = False

    @property
    def points(self) -> int:
        """The points of all questions together."""
        return sum(question.points for question in self.questions)

    @property
    def solution(self) -> str:
        """Code that answers it, of a task that is practice; those of the others stand in notebooks."""
        if not self.practice:
            return ""
        lines = [f"    {json.dumps(one.name)}: {json.dumps(one.right)},\n" for one in self.questions]
        return f"{self.answer} = {{\n{''.join(lines)}}}\n"


@dataclass(frozen=True)
class Statement:
    """Something that a run will show to be true or false.

    Attributes:
        name: The key in the learner's dictionary.
        text: The statement, in one sentence.
        true: What the run shows.
        source: A finding of the ledger that says it, ``"C3 gap"``; or the page whose cells measure it.
    """

    name: str
    text: str
    true: bool
    source: str


@dataclass(frozen=True)
class PredictionTask:
    """Statements that get a probability before the run: ``ANSWER = {"statement": 0.7, ...}``.

    Half of the points are for a probability for each statement, half for the Brier score: 1 minus four times
    the mean of ``(p - outcome)**2``, which is 1 for a certain and right forecaster and 0 for one who says 0.5
    throughout.

    Source:
        Brier 1950, Verification of forecasts expressed in terms of probability.
    """

    name: str
    title: str
    answer: str
    section: Section
    statements: tuple[Statement, ...]
    points: int
    hints: tuple[str, ...]


@dataclass(frozen=True)
class WrongNumber:
    """What a known mistake gives where a number is asked for.

    Attributes:
        name: Short: ``"n - 1"``.
        value: Of as many numbers as are due.
        says: The mistake in a sentence or two to the learner.
    """

    name: str
    value: Numbers
    says: str


@dataclass(frozen=True, eq=False)
class NumberTask:
    """A number to find, or some: ``ANSWER = 2``. It is practice, and has one check.

    Attributes:
        name: ``"forward.by_hand"``: the page, a dot, what is asked.
        title: What its feedback is headed by.
        answer: The name that the learner defines.
        section: The page that asks.
        right: A number, or a tuple of numbers.
        wrong: What known mistakes give, the likelier first.
        hints: By steps.
        solution: Code that defines the answer.
        tolerance: The largest difference that passes, relative to the right numbers where these exceed 1.
    """

    name: str
    title: str
    answer: str
    section: Section
    right: Numbers
    wrong: tuple[WrongNumber, ...]
    hints: tuple[str, ...]
    solution: str
    tolerance: float = 0.002

    @property
    def points(self) -> int:
        """The number of checks."""
        return 1


GradedTask = CodeTask | ChoiceTask | PredictionTask
AnyTask = GradedTask | NumberTask


def is_practice(task: AnyTask) -> bool:
    """Return whether a task belongs to a page and earns nothing: its points only count checks."""
    return not isinstance(task, PredictionTask) and bool(task.solution)


@dataclass(frozen=True)
class Exercise:
    """The tasks of one chapter and the notebook that asks them.

    Attributes:
        name: What the command line calls it: ``"batchnorm"``.
        title: Of the notebook.
        notebook: The file's name in ``normcourse.exercises.notebooks`` and in ``book/exercises``.
        tasks: In the notebook's order.
        on_its_own: Whether its points stand for themselves; those of the others are 100 together.
    """

    name: str
    title: str
    notebook: str
    tasks: tuple[GradedTask, ...]
    on_its_own: bool = False

    @property
    def points(self) -> int:
        """The points of all tasks together."""
        return sum(task.points for task in self.tasks)
