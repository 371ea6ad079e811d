"""Runs the command line: ``python -m normcourse.grading``."""

import sys

from normcourse.grading.cli import main

if __name__ == "__main__":
    sys.exit(main())
