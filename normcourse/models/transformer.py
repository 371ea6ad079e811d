"""A causal transformer: GPT-2's parts, with the norm and its place as settings."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from normcourse.nn import BatchNorm1d, Derf, DyT, LayerNorm, RMSNorm

__all__ = ["NORMS", "PLACEMENTS", "Cache", "CausalTransformer", "generate"]

#: The keys and values of the tokens so far, by attention layer; start a text with an empty one.
Cache = dict[nn.Module, tuple[Tensor, Tensor]]


class _TokenBatchNorm(BatchNorm1d):
    """Batch norm of ``(B, T, F)``: each feature over all tokens of all texts."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input.transpose(1, 2)).transpose(1, 2)


#: Makes the norm of so many features, which takes ``(B, T, F)``.
NORMS: Mapping[str, Callable[[int], nn.Module]] = {
    "layer": LayerNorm,
    "rms": lambda features: RMSNorm(features, eps=1e-5),
    "batch": _TokenBatchNorm,
    "dyt": DyT,
    "derf": Derf,
    "none": lambda features: nn.Identity(),
}

#: Where norms stand around a branch f of the stream x, of ``on_sum(x + on_output(f(on_input(x))))``.
#: "both" is also called sandwich norm and Peri-LN; "output" is the place in OLMo 2.
PLACEMENTS: Mapping[str, tuple[str, ...]] = {
    "pre": ("on_input",),
    "post": ("on_sum",),
    "output": ("on_output",),
    "both": ("on_input", "on_output"),
}


class Attention(nn.Module):
    """Causal self-attention: each token looks at itself and at those before it."""

    def __init__(self, width: int, heads: int, qk_norm: bool) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width, bias=False) for _ in range(4))
        self.query_norm, self.key_norm = (NORMS["rms" if qk_norm else "none"](width // heads) for _ in "qk")

    def forward(self, x: Tensor, cache: Cache | None = None) -> Tensor:
        """Map ``(B, T, F)`` to ``(B, T, F)``; a cache stands for the tokens before and takes up these."""
        query, key, value = (
            layer(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (B, heads, T, F / heads)
            for layer in (self.query, self.key, self.value)
        )
        query, key = self.query_norm(query), self.key_norm(key)
        if cache is not None:
            if self in cache:
                before = cache[self]
                key, value = torch.cat([before[0], key], dim=2), torch.cat([before[1], value], dim=2)
            cache[self] = (key, value)
        logits = query @ key.mT / key.shape[-1] ** 0.5
        sees = torch.ones(logits.shape[-2:], dtype=torch.bool, device=x.device)
        sees = sees.tril(diagonal=key.shape[2] - query.shape[2])
        weights = logits.masked_fill(~sees, -torch.inf).softmax(dim=-1)
        out: Tensor = self.out((weights @ value).transpose(1, 2).flatten(2))
        return out


class Branch(nn.Module):
    """``on_sum(stream_scale * x + layer_scale * on_output(f(on_input(x))))``: a branch f of the stream x."""

    def __init__(
        self,
        inner: nn.Module,
        width: int,
        norm: str,
        placement: str,
        stream_scale: float = 1.0,
        layer_scale: float | None = None,
    ) -> None:
        super().__init__()
        self.inner = inner
        self.on_input, self.on_output, self.on_sum = (
            NORMS[norm if place in PLACEMENTS[placement] else "none"](width)
            for place in ("on_input", "on_output", "on_sum")
        )
        self.stream_scale = stream_scale
        self.layer_scale = 1.0 if layer_scale is None else nn.Parameter(torch.full((width,), layer_scale))

    def forward(self, x: Tensor, *cache: Cache | None) -> Tensor:
        """Add to the stream ``(B, T, F)`` what the branch makes of it."""
        branch = self.on_output(self.inner(self.on_input(x), *cache))
        out: Tensor = self.on_sum(self.stream_scale * x + self.layer_scale * branch)
        return out


class CausalTransformer(nn.Module):
    r"""A language model: from the tokens so far to logits of the next one, at every position.

    Two branches a layer write to the residual stream, attention and a feed-forward network of four times the
    width with ReLU. Unless the norm stands on the sums, there is one more before the head. Matrices start at
    Xavier's scale, and embeddings at a scale that gives the first stream a mean square of 1.

    Args:
        vocabulary: Number of different tokens.
        context: Longest text.
        width: Features of the stream, F; a multiple of ``heads``.
        heads: Of each attention.
        layers: Each of an attention and a feed-forward branch.
        norm: A name of `NORMS`.
        placement: A name of `PLACEMENTS`.
        qk_norm: Whether RMS norms stand on the queries and keys of each head.
        stream_scale: Multiplies the stream in each sum (DeepNorm's alpha).
        layer_scale: Where a learned factor of each feature of a branch's output starts (LayerScale); without
            one, there are no such factors.
        branch_gain: Multiplies the initial matrices of values, attention outputs and feed-forward networks
            (DeepNorm's beta).
        write_gain: Multiplies the initial matrices that write to the stream, the last of each branch, as in
            GPT-2's start.
        seed: Of the initial weights, which are the same for every norm and place.

    Raises:
        ValueError: An unknown name, or a width that the heads do not divide.

    Source:
        Vaswani et al. 2017, arXiv 1706.03762; Radford et al. 2019 (GPT-2) for learned positions and the place
        before the branch; Henry et al. 2020, arXiv 2010.04245, for the norm on queries and keys. The four
        scales: Wang et al. 2022, arXiv 2203.00555, equation 2 and figure 2 (DeepNorm); Touvron et al. 2021,
        arXiv 2103.17239, section 2 (LayerScale); GPT-2, section 2.3.

    Example:
        >>> model = CausalTransformer(100, layers=2, norm="rms", placement="post")
        >>> tuple(model(torch.zeros(8, 32, dtype=torch.int64)).shape)
        (8, 32, 100)
    """

    def __init__(
        self,
        vocabulary: int,
        *,
        context: int = 64,
        width: int = 64,
        heads: int = 4,
        layers: int = 6,
        norm: str = "layer",
        placement: str = "pre",
        qk_norm: bool = False,
        stream_scale: float = 1.0,
        layer_scale: float | None = None,
        branch_gain: float = 1.0,
        write_gain: float = 1.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        for what, name, table in (("norm", norm, NORMS), ("placement", placement, PLACEMENTS)):
            if name not in table:
                raise ValueError(f"{what} must be one of {', '.join(table)}, but got {name!r}")
        if width % heads:
            raise ValueError(f"heads share the width evenly, but {heads} heads do not divide width {width}")
        self.token, self.position = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
        self.branches = nn.ModuleList()
        for _ in range(layers):
            wide = 4 * width
            feed_forward = nn.Sequential(nn.Linear(width, wide), nn.ReLU(), nn.Linear(wide, width))
            for inner in (Attention(width, heads, qk_norm), feed_forward):
                self.branches.append(Branch(inner, width, norm, placement, stream_scale, layer_scale))
        self.norm = NORMS["none" if placement == "post" else norm](width)
        self.head = nn.Linear(width, vocabulary)
        self._start(branch_gain, write_gain, torch.Generator().manual_seed(seed))

    @torch.no_grad()
    def _start(self, branch_gain: float, write_gain: float, generator: torch.Generator) -> None:
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_normal_(layer.weight, generator=generator)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
            elif isinstance(layer, nn.Embedding):
                nn.init.normal_(layer.weight, std=0.5**0.5, generator=generator)  # two make a sum of size 1
        for name, weight in self.branches.named_parameters():
            if name.endswith(("value.weight", "out.weight", "inner.0.weight", "inner.2.weight")):
                weight.mul_(branch_gain)
            if name.endswith(("out.weight", "inner.2.weight")):
                weight.mul_(write_gain)

    def forward(self, tokens: Tensor, cache: Cache | None = None) -> Tensor:
        """Return logits ``(B, T, vocabulary)`` for tokens ``(B, T)``; a cache stands for those before."""
        past = next(iter(cache.values()))[0].shape[2] if cache else 0
        end = past + tokens.shape[1]
        if end > (context := self.position.num_embeddings):
            raise ValueError(
                f"a text of {end} tokens does not fit into the context of {context}: cut it, or "
                "give the model a larger context"
            )
        x = self.token(tokens) + self.position.weight[past:end]
        for branch in self.branches:
            x = branch(x, cache) if isinstance(branch.inner, Attention) else branch(x)
        logits: Tensor = self.head(self.norm(x))
        return logits


@torch.no_grad()
def generate(
    model: CausalTransformer,
    tokens: Tensor,
    count: int,
    *,
    temperature: float = 1.0,
    seed: int = 0,
    cached: bool = True,
) -> Tensor:
    """Continue texts, token by token.

    Args:
        model: In the mode that it is to run in; use ``eval()``.
        tokens: The start, ``(B, T)`` with T at least 1.
        count: How many tokens to add.
        temperature: Divides the logits; 0 takes the likeliest token.
        seed: Of the draws.
        cached: Whether keys and values are kept, or the whole text is run again for each token.

    Returns:
        Start and continuation, ``(B, T + count)``.

    Raises:
        ValueError: A negative temperature, an empty start, or a text that outgrows the context.
    """
    if temperature < 0:
        raise ValueError(f"temperature divides the logits and must not be negative, but got {temperature}")
    if not tokens.shape[1]:
        raise ValueError("a text to continue has at least one token, but these have none")
    generator = torch.Generator().manual_seed(seed)
    cache: Cache | None = {} if cached else None
    new = tokens
    for _ in range(count):
        logits = model(new if cached else tokens, cache)[:, -1]
        if temperature:
            new = torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator)
        else:
            new = logits.argmax(-1, keepdim=True)
        tokens = torch.cat([tokens, new], dim=1)
    return tokens
