"""Where published models put their norms: a table read from their code, and a small network for each row."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log10
from typing import Any

from normcourse.models.transformer import NORMS, PLACEMENTS, CausalTransformer

__all__ = ["KINDS", "LIBRARY", "PUBLISHED", "PublishedModel", "markdown_table"]

#: Where the files of the table are from, unless a row says otherwise.
LIBRARY = "transformers 5.23.0"

#: What a model is for.
KINDS = ("decoder", "encoder", "encoder and decoder", "vision")

_SAID = {"layer": "LayerNorm", "rms": "RMSNorm"}
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class PublishedModel:
    """A row of the table.

    Attributes:
        name: As its authors call it.
        year: Of the paper.
        kind: One of `KINDS`. A decoder is a language model that predicts the next token.
        norm: A name of `normcourse.models.NORMS`.
        placement: A name of `normcourse.models.PLACEMENTS`.
        eps: The default in its file; a checkpoint may be stored with another.
        affine: What follows the standardisation.
        qk_norm: Whether norms stand on queries and keys.
        source: Of the paper, a key of the bibliography.
        file: Where the rest was read, a folder of ``models`` in `LIBRARY`, or ``"tensor2tensor"``, the
            library of the first model's authors (its ``layers/common_hparams.py``).
        note: What the columns do not say; empty if nothing.

    Raises:
        ValueError: A kind, norm or placement that is not known.
    """

    name: str
    year: int
    kind: str
    norm: str
    placement: str
    eps: float
    affine: str
    qk_norm: bool
    source: str
    file: str
    note: str = ""

    def __post_init__(self) -> None:
        for what, known in (("kind", KINDS), ("norm", tuple(NORMS)), ("placement", tuple(PLACEMENTS))):
            if (value := getattr(self, what)) not in known:
                raise ValueError(f"{what} must be one of {', '.join(known)}, but {self.name} has {value!r}")

    def schematic(self, vocabulary: int, **settings: Any) -> CausalTransformer:
        """Return a small causal transformer with this norm at this place.

        Only these two and the norms on queries and keys are the model's; all else is the course's own.

        Args:
            vocabulary: Number of different tokens.
            settings: Of `CausalTransformer`, such as ``layers`` and ``width``.

        Example:
            >>> model = PUBLISHED[0].schematic(100, layers=2)
            >>> type(model.branches[0].on_sum).__name__
            'LayerNorm'
        """
        return CausalTransformer(
            vocabulary, norm=self.norm, placement=self.placement, qk_norm=self.qk_norm, **settings
        )


def markdown_table(models: Iterable[PublishedModel]) -> str:
    """Return the rows as a table in MyST Markdown, with citations.

    Example:
        >>> print(markdown_table(PUBLISHED[:1]).splitlines()[-1][:79])
        | Transformer, 2017 (encoder and decoder) | LayerNorm, γ and β | post | 10⁻⁶ |
    """
    columns = ("Model", "Norm", "Place", "eps", "Source and notes")
    rows = [columns, ("---",) * len(columns), *map(_cells, models)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def _cells(model: PublishedModel) -> tuple[str, ...]:
    notes = ["norms on queries and keys"] * model.qk_norm + [model.note] * bool(model.note)
    return (
        f"{model.name}, {model.year} ({model.kind})",
        f"{_SAID[model.norm]}, {model.affine}",
        model.placement,
        "10" + f"{round(log10(model.eps))}".translate(_RAISED),
        "; ".join([f"{{cite:p}}`{model.source}` `{model.file}`", *notes]),
    )


_BOTH, _SCALE = "γ and β", "γ"

#: The table, by year.
PUBLISHED: Sequence[PublishedModel] = (
    PublishedModel(
        "Transformer",
        2017,
        "encoder and decoder",
        "layer",
        "post",
        1e-6,
        _BOTH,
        False,
        "vaswani2017",
        "tensor2tensor",
    ),
    PublishedModel(
        "BERT",
        2018,
        "encoder",
        "layer",
        "post",
        1e-12,
        _BOTH,
        False,
        "devlin2019",
        "bert",
        "one more on the embeddings",
    ),
    PublishedModel(
        "GPT-2",
        2019,
        "decoder",
        "layer",
        "pre",
        1e-5,
        _BOTH,
        False,
        "radford2019",
        "gpt2",
        "the last matrix of each branch starts smaller, by the root of the number of branches",
    ),
    PublishedModel(
        "T5",
        2019,
        "encoder and decoder",
        "rms",
        "pre",
        1e-6,
        _SCALE,
        False,
        "raffel2020",
        "t5",
        "called LayerNorm, but without mean and bias",
    ),
    PublishedModel("ViT", 2020, "vision", "layer", "pre", 1e-12, _BOTH, False, "dosovitskiy2021", "vit"),
    PublishedModel(
        "GPT-NeoX-20B",
        2022,
        "decoder",
        "layer",
        "pre",
        1e-5,
        _BOTH,
        False,
        "black2022",
        "gpt_neox",
        "both branches of a layer read the same stream",
    ),
    PublishedModel(
        "OPT",
        2022,
        "decoder",
        "layer",
        "pre",
        1e-5,
        _BOTH,
        False,
        "opt2022",
        "opt",
        "its 350M model has them on the sums",
    ),
    PublishedModel(
        "BLOOM",
        2022,
        "decoder",
        "layer",
        "pre",
        1e-5,
        _BOTH,
        False,
        "bloom2022",
        "bloom",
        "one more on the embeddings",
    ),
    PublishedModel(
        "ConvNeXt",
        2022,
        "vision",
        "layer",
        "pre",
        1e-6,
        _BOTH,
        False,
        "liu2022",
        "convnext",
        "no transformer: inside the branch, behind its first convolution",
    ),
    PublishedModel("LLaMA", 2023, "decoder", "rms", "pre", 1e-6, _SCALE, False, "touvron2023", "llama"),
    PublishedModel(
        "Mistral 7B", 2023, "decoder", "rms", "pre", 1e-6, _SCALE, False, "mistral2023", "mistral"
    ),
    PublishedModel(
        "Falcon",
        2023,
        "decoder",
        "layer",
        "pre",
        1e-5,
        _BOTH,
        False,
        "almazrouei2023",
        "falcon",
        "both branches of a layer read the same stream",
    ),
    PublishedModel(
        "OLMo", 2024, "decoder", "layer", "pre", 1e-5, "no affine", False, "groeneveld2024", "olmo"
    ),
    PublishedModel("Gemma", 2024, "decoder", "rms", "pre", 1e-6, "1 + γ", False, "gemma2024", "gemma"),
    PublishedModel(
        "StarCoder2", 2024, "decoder", "layer", "pre", 1e-5, _BOTH, False, "lozhkov2024", "starcoder2"
    ),
    PublishedModel(
        "Nemotron-4", 2024, "decoder", "layer", "pre", 1e-5, "1 + γ and β", False, "parmar2024", "nemotron"
    ),
    PublishedModel("Gemma 2", 2024, "decoder", "rms", "both", 1e-6, "1 + γ", False, "gemmatwo2024", "gemma2"),
    PublishedModel(
        "DeepSeek-V3",
        2024,
        "decoder",
        "rms",
        "pre",
        1e-6,
        _SCALE,
        False,
        "deepseek2024",
        "deepseek_v3",
        "two more inside attention, on what queries, keys and values are made from",
    ),
    PublishedModel(
        "OLMo 2",
        2024,
        "decoder",
        "rms",
        "output",
        1e-5,
        _SCALE,
        True,
        "olmotwo2024",
        "olmo2",
        "these over all heads together",
    ),
    PublishedModel(
        "Gemma 3", 2025, "decoder", "rms", "both", 1e-6, "1 + γ", True, "gemmathree2025", "gemma3"
    ),
    PublishedModel("Qwen3", 2025, "decoder", "rms", "pre", 1e-6, _SCALE, True, "qwen2025", "qwen3"),
    PublishedModel("gpt-oss", 2025, "decoder", "rms", "pre", 1e-5, _SCALE, False, "gptoss2025", "gpt_oss"),
)
