"""The control tokens of a tokenizer, and a copy of it in which nobody can type them.

In the copy every control token bears a name that was drawn at random when it was made: whoever
writes that name means the token, and what a person types (`<|im_end|>`, say) is plain text. All
else stays the library's own: pre-tokenisation, prefixes, stripping flags, ids. Knows no template.
"""

import json
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from tokenizers import Tokenizer

from studio.core.errors import Refusal

_CONTROL_SHAPE = re.compile(r"<.+>|\[.+\]", re.DOTALL)

# Bracketed, yet text: the HTML tags that Gemma has as whole tokens, and SentencePiece's bytes,
# which byte fallback looks up by name.
_TEXT_SHAPE = re.compile(
    r"</?(?:table|caption|thead|tbody|tfoot|tr|th|td|h[1-6]|blockquote|strong|em|b|i|u|s|sub|sup"
    r"|code)>|<0x[0-9A-F]{2}>"
)


@dataclass(frozen=True, slots=True)
class ControlTokens:
    """What only the template may write.

    ``names`` maps each control token to its name in ``encoder``, the copy; ``ids`` to its id in
    both. ``reserved`` are those ids that plain text never yields in the copy. ``pattern`` finds
    the tokens as the tokenizer does: leftmost, longest.
    """

    names: Mapping[str, str]
    ids: Mapping[str, int]
    reserved: frozenset[int]
    pattern: re.Pattern[str]
    encoder: Tokenizer

    @classmethod
    def of(cls, backend: Tokenizer) -> Self:
        """Read ``backend``; raises Refusal where a copy would give a token another id."""
        spec = json.loads(backend.to_str())
        ids = {t["content"]: t["id"] for t in spec["added_tokens"] if _is_control(t)}
        nonce = secrets.token_hex(8)
        # One width for all, so that no name is the beginning of another.
        names = {content: f"{nonce}{index:06d}" for index, content in enumerate(ids)}
        unknown = _unknown(spec["model"])
        encoder = Tokenizer.from_str(json.dumps(_renamed(spec, names)))
        for content, name in names.items():
            if encoder.token_to_id(name) != ids[content]:
                raise Refusal("tokens.not_separable", token=content)
        reserved = frozenset(id_ for content, id_ in ids.items() if content != unknown)
        return cls(names, ids, reserved, any_of(ids), encoder)

    def typed_in(self, text: str) -> bool:
        """Whether ``text`` holds what would be a control token if the template wrote it."""
        return self.pattern.search(text) is not None


def any_of(texts: Iterable[str]) -> re.Pattern[str]:
    """A pattern that finds any of ``texts``, the longest first; none at all for no texts."""
    longest_first = sorted(texts, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)) or "(?!)")


def _is_control(token: Mapping[str, Any]) -> bool:
    content = token["content"]
    bracketed = _CONTROL_SHAPE.fullmatch(content) and not _TEXT_SHAPE.fullmatch(content)
    return bool(token["special"] or bracketed)


def _unknown(model: Mapping[str, Any]) -> str | None:
    """The token that stands for what the vocabulary lacks: plain text may well yield it."""
    if model.get("unk_id") is not None:
        return str(model["vocab"][model["unk_id"]][0])
    return model.get("unk_token")


def _renamed(spec: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """``spec`` (a tokenizer's JSON) with new names, and nothing that adds, cuts or pads.

    Without its post-processor a token's offsets keep the space that belongs to it.
    """
    added = [t | {"content": names.get(t["content"], t["content"])} for t in spec["added_tokens"]]
    model = _renamed_model(spec["model"], names)
    bare = {"post_processor": None, "truncation": None, "padding": None}
    return {**spec, **bare, "added_tokens": added, "model": model}


def _renamed_model(model: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    vocab = model["vocab"]
    changed: dict[str, Any] = {
        "vocab": {names.get(piece, piece): id_ for piece, id_ in vocab.items()}
        if isinstance(vocab, dict)
        else [[names.get(piece, piece), score] for piece, score in vocab]
    }
    if model.get("unk_token") is not None:
        changed["unk_token"] = names.get(model["unk_token"], model["unk_token"])
    if "merges" in model:
        # Merges that build a control token out of letters are how plain text could become one.
        changed["merges"] = [
            (left, right)
            for left, right in model["merges"]
            if not names.keys() & {left, right, left + right}
        ]
    return {**model, **changed}
