"""Write the learners' notebooks from the solutions: `python -m tools.exercises`, or `make exercises`.

They are pages of the book, so they are executed and stored as its other notebooks are. Their answers are
still empty: each check says that nothing was attempted.
"""

import nbformat

from normcourse.exercises import EXERCISES
from normcourse.grading.release import release
from tools import notebooks
from tools.execution import ROOT

FOLDER = ROOT / "book" / "exercises"


def main() -> None:
    """Release every exercise into the book, then execute and normalise what was written."""
    paths = []
    for exercise in EXERCISES:
        path = FOLDER / exercise.notebook
        path.write_text(notebooks.dumps(nbformat.from_dict(release(exercise))), encoding="utf-8")
        paths.append(path)
    notebooks.main(paths)


if __name__ == "__main__":
    main()
