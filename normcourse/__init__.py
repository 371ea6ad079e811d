"""Reference implementations, experiments and exercises for the course on normalization.

Importing this package pulls in neither torch nor matplotlib: import the submodule that you need.

=========================== ==================================================================
``normcourse.taxonomy``     the one table: what each norm pools, what its affine spans
``normcourse.reference``    NumPy: forward and backward of every norm, running statistics
``normcourse.functional``   torch: the signatures of ``torch.nn.functional``
``normcourse.nn``           torch: drop-in layers, and tools for networks that hold them
``normcourse.models``       networks that the chapters take apart
``normcourse.data``         data sets that need no download
``normcourse.clinic``       examines a model's norms: what is wrong, and what the mend gains
``normcourse.experiments``  the course's training runs, over several seeds at once
``normcourse.plotting``     results as figures
``normcourse.explore``      figures with sliders
``normcourse.exercises``    graded tasks that name the mistake
``normcourse.grading``      marks the notebooks of a class, in a sandbox
=========================== ==================================================================
"""

from normcourse.taxonomy import TAXONOMY, NormSpec

__all__ = ["TAXONOMY", "NormSpec", "__version__"]

__version__ = "0.1.0"
