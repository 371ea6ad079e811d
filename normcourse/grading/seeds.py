"""The seed of a grading: from it come the numbers and shapes on which every answer is tried."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

__all__ = ["PUBLIC_SEED", "Seed", "read_seed"]


@dataclass(frozen=True)
class Seed:
    """A seed, and what may be told of it.

    Attributes:
        number: For the generators. Who knows it knows the inputs.
        digest: Tells two seeds apart, and does not give them away.
    """

    number: int
    digest: str


PUBLIC_SEED = Seed(0, "public")  # that of the learner's own check


def read_seed(path: Path) -> Seed:
    """Make a seed of a file's bytes.

    Args:
        path: Of a file that learners do not have. Anything will do: 32 random bytes, or a sentence.

    Raises:
        ValueError: The file is empty.
        OSError: It cannot be read.

    Example:
        >>> import tempfile
        >>> with tempfile.NamedTemporaryFile() as file:
        ...     _ = file.write(b"a sentence"), file.flush()
        ...     read_seed(Path(file.name)).digest
        'c47aef622e7a933b'
    """
    content = path.read_bytes()
    if not content:
        raise ValueError(f"{path} is empty, so the seed would be known: put some random bytes into it")
    digest = sha256(b"digest of a seed of normcourse\n" + content).hexdigest()
    return Seed(int.from_bytes(sha256(content).digest()), digest[:16])
