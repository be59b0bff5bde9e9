"""Families of chat templates over toy tokenizers: what a dozen kinds of models do to a row.

The templates are written after each family's public form. The tokenizers are trained here on a few
sentences: of three kinds, since control tokens meet each kind differently.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import PreTrainedTokenizerFast

from studio.core.rows import Message
from studio.engine.encoding import Encoded, Encoder

TEMPLATES = Path(__file__).parent / "templates"
KINDS = ("bytes", "sentencepiece", "unigram")
PHI3 = ("<|system|>", "<|user|>", "<|assistant|>", "<|end|>")
BYTES = tuple(f"<0x{n:02X}>" for n in range(256))
SENTENCES = (
    "Take one tablet in the morning, with water; do not take two if you forgot one.",
    "What are the symptoms of a mild fever? The patient may feel cold, tired and thirsty.",
    "You are a careful assistant. Answer in short sentences, and say what you do not know.",
    "system user assistant model think INST SYS USER: ASSISTANT: im_start im_end end_of_turn",
    "发烧时应该怎么办？请多喝水，注意休息，如果三天不退烧，请去看医生。",
    "高血压患者应少吃盐，按时吃药，每天测量血压。",
)


@dataclass(frozen=True, slots=True)
class Family:
    """A template and the tokens it writes.

    ``learned`` is what a model has to write for an answer ``{}``. ``plain`` control
    tokens are added but not special, ``text`` are added tokens that control nothing, ``strips``
    swallow the white space after them.
    """

    name: str
    learned: str
    special: tuple[str, ...]
    bos: str | None = None
    eos: str | None = None
    plain: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    strips: tuple[str, ...] = ()
    system: bool = True

    @property
    def template(self) -> str:
        return (TEMPLATES / f"{self.name}.jinja").read_text(encoding="utf-8")

    @property
    def control(self) -> tuple[str, ...]:
        return self.special + self.plain


FAMILIES = (
    Family(
        "chatml",
        "{}<|im_end|>",
        ("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
        eos="<|im_end|>",
    ),
    Family("llama2", " {} </s>", ("<unk>", "<s>", "</s>"), bos="<s>", eos="</s>"),
    Family(
        "llama3",
        "{}<|eot_id|>",
        ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
        bos="<|begin_of_text|>",
        eos="<|eot_id|>",
    ),
    Family(
        "mistral",
        " {}</s>",
        ("<unk>", "<s>", "</s>", "[INST]", "[/INST]"),
        bos="<s>",
        eos="</s>",
    ),
    Family(
        "gemma",
        "{}<end_of_turn>",
        ("<pad>", "<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>"),
        bos="<bos>",
        eos="<eos>",
        text=("\n\n", "<b>", "</b>"),
        system=False,
    ),
    Family(
        "phi3",
        "{}<|end|>",
        ("<unk>", "<s>", "</s>", "<|endoftext|>", *PHI3),
        bos="<s>",
        eos="<|endoftext|>",
        text=("   ", "  "),
        strips=("</s>", *PHI3),
    ),
    Family(
        "qwen3",
        "<think>\n\n</think>\n\n{}<|im_end|>",
        ("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
        eos="<|im_end|>",
        plain=("<think>", "</think>", "<tool_call>", "</tool_call>"),
    ),
    Family("zephyr", "{}</s>", ("<unk>", "<s>", "</s>"), bos="<s>", eos="</s>"),
    Family(
        "deepseek",
        "{}<｜end▁of▁sentence｜>",
        ("<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"),
        bos="<｜begin▁of▁sentence｜>",
        eos="<｜end▁of▁sentence｜>",
        plain=("<｜User｜>", "<｜Assistant｜>", "<think>", "</think>"),
    ),
    Family("vicuna", " {}</s>", ("<unk>", "<s>", "</s>"), bos="<s>", eos="</s>"),
)
# Writes nothing after an answer: the next turn's role is what stops the model.
GLM = Family(
    "glm",
    "",
    ("<|endoftext|>", "[gMASK]", "<sop>", "<|system|>", "<|user|>", "<|assistant|>"),
    eos="<|endoftext|>",
)


@cache
def encoder_of(family: Family, kind: str = "bytes") -> Encoder:
    """The encoder under test, over :func:`toy`."""
    return Encoder(toy(family, kind))


@cache
def toy(family: Family, kind: str) -> PreTrainedTokenizerFast:
    """A tokenizer of ``kind`` with the tokens and the template of ``family``."""
    special = [
        AddedToken(token, special=True, normalized=False, rstrip=token in family.strips)
        for token in family.special
    ]
    tokenizer = {"bytes": byte_level, "sentencepiece": _sentencepiece, "unigram": _unigram}[kind](
        special
    )
    tokenizer.add_tokens(
        [AddedToken(token, normalized=False) for token in family.plain + family.text]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=family.bos,
        eos_token=family.eos,
        chat_template=family.template,
    )


def byte_level(special: list[AddedToken]) -> Tokenizer:
    """Byte-level BPE, words split as Llama 3 and Qwen split them."""
    tokenizer = Tokenizer(models.BPE())
    words = Regex(r"\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(words, "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    return tokenizer


def _sentencepiece(special: list[AddedToken]) -> Tokenizer:
    """BPE as Llama 2 has it: no words, a space before every stretch of text, byte fallback."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.BpeTrainer(vocab_size=500, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.pre_tokenizer = None
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    spec = json.loads(tokenizer.to_str())
    vocab = spec["model"]["vocab"]
    vocab |= {byte: len(vocab) + n for n, byte in enumerate(BYTES)}
    spec["model"]["byte_fallback"] = True
    return _decoding_bytes(spec)


def _unigram(special: list[AddedToken]) -> Tokenizer:
    """Unigram with Metaspace, a space before the first word only, byte fallback."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    unknown = AddedToken("<unk>", special=True, normalized=False)
    named = special if special[0].content == "<unk>" else [unknown, *special]
    trainer = trainers.UnigramTrainer(
        vocab_size=500, special_tokens=named, unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    spec = json.loads(tokenizer.to_str())
    spec["model"]["vocab"] += [[byte, -30.0] for byte in BYTES]
    spec["model"]["byte_fallback"] = True
    return _decoding_bytes(spec)


def _decoding_bytes(spec: dict[str, Any]) -> Tokenizer:
    tokenizer = Tokenizer.from_str(json.dumps(spec))
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    return tokenizer


def says(role: str, content: str, train: bool | None = None) -> Message:
    """One turn."""
    return Message(role, content, train)


def ids_of(tokenizer: Any, *messages: Message, ask: bool = False) -> list[int]:
    """What the library alone makes of a conversation."""
    told = [{"role": m.role, "content": m.content} for m in messages]
    encoded = tokenizer.apply_chat_template(told, add_generation_prompt=ask, return_dict=True)
    return list(encoded["input_ids"])


def text_of(tokenizer: Any, *messages: Message, ask: bool = False) -> str:
    """What the library alone writes for a conversation."""
    told = [{"role": m.role, "content": m.content} for m in messages]
    return str(tokenizer.apply_chat_template(told, add_generation_prompt=ask, tokenize=False))


def decoded(tokenizer: Any, ids: Iterable[int]) -> str:
    """All of the text, control tokens too."""
    return str(tokenizer.backend_tokenizer.decode(list(ids), skip_special_tokens=False))


def learned(encoder: Encoder, encoded: Encoded) -> str:
    """The text that carries labels."""
    pieces = encoder.pieces(encoded)
    return "".join(piece["text"] for piece in pieces if piece["role"] == "trained")
