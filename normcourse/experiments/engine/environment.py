"""What the last digits of a run may depend on."""

import platform

import numpy as np

__all__ = ["environment"]


def environment() -> dict[str, str]:
    """Name the versions, the kind of processor and the vector instructions that PyTorch uses on it.

    Where PyTorch is not installed, as in a page of the book, nothing is said of it.

    Example:
        >>> sorted(environment())
        ['cpu capability', 'machine', 'numpy', 'python', 'torch']
    """
    ours = {"python": platform.python_version(), "numpy": np.__version__}
    try:
        import torch  # here, so that a record can be read without it
    except ImportError:
        return ours | {"machine": platform.machine()}
    return ours | {
        "torch": str(torch.__version__),
        "machine": platform.machine(),
        "cpu capability": torch.backends.cpu.get_cpu_capability(),
    }
