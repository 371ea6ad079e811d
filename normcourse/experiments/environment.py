"""What the last digits of a run may depend on."""

import platform

import numpy as np

__all__ = ["environment"]


def environment() -> dict[str, str]:
    """Name the versions, the kind of processor and the vector instructions that PyTorch uses on it.

    Example:
        >>> sorted(environment())
        ['cpu capability', 'machine', 'numpy', 'python', 'torch']
    """
    import torch  # here, so that a record can be read without it

    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": str(torch.__version__),
        "machine": platform.machine(),
        "cpu capability": torch.backends.cpu.get_cpu_capability(),
    }
