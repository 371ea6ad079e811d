"""Where published models put their norms: a table read from their code, and a small network for each row."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import log10
from typing import Any

from normcourse.models.transformer import NORMS, PLACEMENTS, CausalTransformer

__all__ = ["CASTS", "KINDS", "LIBRARY", "PUBLISHED", "READ_ON", "PublishedModel", "markdown_table"]

#: Where the files of the table are from, unless a row says otherwise.
LIBRARY = "transformers 5.24.0"

#: When they were read.
READ_ON = "26 November 2026"

#: What a model is for.
KINDS = ("decoder", "encoder", "encoder and decoder", "vision")

_SAID = {"layer": "LayerNorm", "rms": "RMSNorm"}
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class PublishedModel:
    """A row of the table.

    Attributes:
        name: As its authors call it.
        year: Of the paper; where none was found, of the copyright line of its file.
        kind: One of `KINDS`. A decoder is a language model that predicts the next token.
        norm: A name of `normcourse.models.NORMS`.
        placement: A name of `normcourse.models.PLACEMENTS`.
        eps: The default in its file; a checkpoint may be stored with another.
        affine: What follows the standardisation.
        qk_norm: Whether norms stand on queries and keys.
        source: Of the paper, a key of the bibliography; where none was found, that of the library.
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
        "no transformer: inside the branch, after its first convolution; more on the stream, after the "
        "first layer of all and before each halving of the map",
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
    PublishedModel("Gemma", 2024, "decoder", "rms", "pre", 1e-6, "1 + w", False, "gemma2024", "gemma"),
    PublishedModel(
        "StarCoder2", 2024, "decoder", "layer", "pre", 1e-5, _BOTH, False, "lozhkov2024", "starcoder2"
    ),
    PublishedModel(
        "Nemotron-4", 2024, "decoder", "layer", "pre", 1e-5, "1 + w and β", False, "parmar2024", "nemotron"
    ),
    PublishedModel("Gemma 2", 2024, "decoder", "rms", "both", 1e-6, "1 + w", False, "gemmatwo2024", "gemma2"),
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
        "Gemma 3", 2025, "decoder", "rms", "both", 1e-6, "1 + w", True, "gemmathree2025", "gemma3"
    ),
    PublishedModel("Qwen3", 2025, "decoder", "rms", "pre", 1e-6, _SCALE, True, "qwen2025", "qwen3"),
    PublishedModel("gpt-oss", 2025, "decoder", "rms", "pre", 1e-5, _SCALE, False, "gptoss2025", "gpt_oss"),
    PublishedModel(
        "Command A",
        2025,
        "decoder",
        "layer",
        "pre",
        1e-5,
        _SCALE,
        False,
        "cohere2025",
        "cohere2",
        "both branches of a layer read the same stream",
    ),
    PublishedModel(
        "EXAONE 4.0", 2025, "decoder", "rms", "output", 1e-5, _SCALE, True, "exaone2025", "exaone4"
    ),
    PublishedModel("Apertus", 2025, "decoder", "rms", "pre", 1e-5, _SCALE, True, "apertus2025", "apertus"),
    PublishedModel(
        "Kimi Linear",
        2025,
        "decoder",
        "rms",
        "pre",
        1e-5,
        _SCALE,
        False,
        "kimi2025",
        "kimi_linear",
        "most of its attention has no softmax",
    ),
    PublishedModel(
        "OLMo 3",
        2025,
        "decoder",
        "rms",
        "output",
        1e-5,
        _SCALE,
        True,
        "olmothree2025",
        "olmo3",
        "these over all heads together; OLMo Hybrid (2026), no row here, has pre where it recurs",
    ),
    PublishedModel("Jais 2", 2025, "decoder", "layer", "pre", 1e-5, _BOTH, False, "wolf2020", "jais2"),
    PublishedModel("Trinity", 2026, "decoder", "rms", "both", 1e-5, _SCALE, True, "trinity2026", "afmoe"),
    PublishedModel(
        "GLM-5",
        2026,
        "decoder",
        "rms",
        "pre",
        1e-5,
        _SCALE,
        False,
        "glm2026",
        "glm_moe_dsa",
        "two more inside attention, as in DeepSeek-V3",
    ),
    PublishedModel(
        "Qwen3.5",
        2026,
        "decoder",
        "rms",
        "pre",
        1e-6,
        "1 + w",
        True,
        "qwen2026",
        "qwen3_5",
        "three of four layers have no softmax; there queries and keys have length 1",
    ),
    PublishedModel(
        "Gemma 4",
        2026,
        "decoder",
        "rms",
        "both",
        1e-6,
        _SCALE,
        True,
        "gemmafour2026",
        "gemma4",
        "one without γ on the values; the logits are not divided by the root of the head's width",
    ),
    PublishedModel(
        "DeepSeek-V4",
        2026,
        "decoder",
        "rms",
        "pre",
        1e-6,
        _SCALE,
        True,
        "deepseekfour2026",
        "deepseek_v4",
        "four streams, mixed before and after each branch; no γ on the queries",
    ),
    PublishedModel(
        "Muse Spark",
        2026,
        "decoder",
        "rms",
        "both",
        1e-5,
        "1 + w",
        True,
        "wolf2020",
        "muse_spark",
        "a gate weighs stream against branch; no γ after attention, nor on queries and keys",
    ),
    PublishedModel(
        "Mistral Large 4",
        2026,
        "decoder",
        "rms",
        "pre",
        1e-5,
        _SCALE,
        False,
        "wolf2020",
        "mistral_large4",
        "one more inside attention",
    ),
    PublishedModel(
        "North Micro Vision",
        2026,
        "decoder",
        "layer",
        "pre",
        1e-5,
        _SCALE,
        False,
        "wolf2020",
        "cohere_compass",
        "its text part; both branches of a layer read the same stream",
    ),
)

#: How many classes of RMSNorm with a weight, in `LIBRARY`, compute in which order, as counted by
#: ``tools/released_norms.py``. The names are of `normcourse.experiments.layernorm.low_precision.ORDERS`;
#: the class of another order does each step in the type of its input, and multiplies by the weight first.
CASTS: Mapping[str, int] = {
    "float32, weight after the cast": 153,
    "float32 to the end": 27,
    "float32 to the end, as 1 + w": 15,
    "another": 1,
}
