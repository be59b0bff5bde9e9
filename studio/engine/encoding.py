"""A row as token ids and labels, exactly as the model's own chat template would have it.

The whole conversation is encoded once, so that words split as they do for the library; what a
person typed cannot become a control token (see :mod:`studio.engine.control_tokens`). Labelled is
what the model has to write: from the end of its generation prompt to its end-of-turn token. Knows
no tensors, no batches and no stored rows.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, islice

from tokenizers import Encoding, Tokenizer
from tokenizers.decoders import DecodeStream
from transformers import PreTrainedTokenizerBase

from studio.core.errors import Refusal, StudioError, UserMistake
from studio.core.rows import Body, Message
from studio.engine.control_tokens import ControlTokens
from studio.engine.template import ChatTemplate, Draft, Layout

_CHUNK = 256
"""Rows encoded together: enough for every core, few enough to show progress."""

_EXAMPLE = (
    Message("user", "Hello, how are you?"),
    Message("assistant", "Fine. And you?"),
    Message("user", "Well, 1 + 1 = 2."),
    Message("assistant", "Yes."),
)


@dataclass(frozen=True, slots=True)
class Encoded:
    """A row's tokens. ``labelled`` says of each id whether the model learns to write it.

    Labels are unshifted. ``cut_ids`` did not fit; ``stop_trained`` says whether the token that
    ends the last learned answer is there and labelled.
    """

    ids: tuple[int, ...]
    labelled: tuple[bool, ...]
    cut_ids: tuple[int, ...]
    stop_trained: bool

    @property
    def trained(self) -> int:
        """How many tokens carry a label; none where the prompt alone fills the length."""
        return sum(self.labelled)


@dataclass(frozen=True, slots=True)
class _Text:
    """What to encode: character spans to learn, control ids it must yield, ids to put around it.

    ``ends`` says whether what is learned closes with a token that ends an answer.
    """

    text: str
    spans: Sequence[tuple[int, int]]
    controls: Sequence[int] = ()
    head: tuple[int, ...] = ()
    tail: tuple[int, ...] = ()
    ends: bool = True


class Encoder:
    """Encodes rows and prompts for one tokenizer and its chat template.

    ``eos_ids`` are further ids that end an answer, from the model's generation config. Raises
    Refusal for a tokenizer whose control tokens cannot be told from typed text.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, *, eos_ids: Iterable[int] = ()) -> None:
        backend = getattr(tokenizer, "backend_tokenizer", None)
        if not isinstance(backend, Tokenizer):
            raise Refusal("tokens.no_backend", tokenizer=type(tokenizer).__name__)
        self._tokenizer = tokenizer
        self._backend = backend
        self._controls = ControlTokens.of(backend)
        self._template = ChatTemplate(tokenizer, self._controls.names)
        self._eos_ids = frozenset(eos_ids)
        self._compare_with_library()

    def _compare_with_library(self) -> None:
        """Refuse a tokenizer that does in Python what its copy cannot know of."""
        question = _EXAMPLE[:1]
        try:
            ours = self.prompt(question)
        except UserMistake:  # the template wants more than a question
            return
        text = self._template.render(_told(question), prompt=True)
        if list(ours) != self._tokenizer.encode(text, add_special_tokens=False):
            raise Refusal("tokens.unlike_library", tokenizer=type(self._tokenizer).__name__)

    @property
    def template_hash(self) -> str:
        """SHA-256 (64 hex digits) of the template's source."""
        return self._template.hash

    @property
    def plain_template(self) -> bool:
        """Whether the model brought no template, so that the studio's plain one stands in."""
        return self._template.plain

    @cached_property
    def stop_ids(self) -> frozenset[int]:
        """The ids that end an answer: the template's end-of-turn tokens and the model's own eos."""
        eos = self._tokenizer.eos_token_id
        own = self._eos_ids | ({eos} if isinstance(eos, int) else set())
        try:
            example = self.encode(Body(_EXAMPLE))
        except StudioError:
            return own
        after = (*example.labelled[1:], False)
        ends = zip(example.ids, example.labelled, after, strict=True)
        return own | {id_ for id_, here, next_ in ends if here and not next_}

    def encode(self, body: Body, *, max_length: int | None = None) -> Encoded:
        """The tokens of ``body``, cut at the end to ``max_length`` ids.

        Raises UserMistake or Refusal where the template and the row do not fit each other.
        """
        (encoded,) = self.encode_all([body], max_length=max_length)
        if isinstance(encoded, StudioError):
            raise encoded
        return encoded

    def encode_all(
        self,
        bodies: Iterable[Body],
        *,
        max_length: int | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Iterator[Encoded | StudioError]:
        """The tokens of each body in order, or why it has none; faster than one by one.

        ``progress`` is called with the number of rows done.
        """
        layouts: dict[Draft, Layout] = {}
        waiting, done = iter(bodies), 0
        while chunk := list(islice(waiting, _CHUNK)):
            texts = [self._attempt(body, layouts) for body in chunk]
            encodings = iter(self._encode([t for t in texts if isinstance(t, _Text)]))
            for text in texts:
                if isinstance(text, _Text):
                    yield self._label(text, next(encodings), max_length)
                else:
                    yield text
            done += len(chunk)
            if progress is not None:
                progress(done)

    def prompt(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """The ids that ask the model for the next answer of a conversation."""
        layout = self._template.lay_out(self._template.draft(messages), prompt=True)
        text = self._fill(layout, messages, frozenset(), prompt=True)
        (encoding,) = self._encode([text])
        encoded = self._label(text, encoding, None)
        if isinstance(encoded, StudioError):
            raise encoded
        return encoded.ids

    def spell(self, text: str) -> tuple[int, ...]:
        """The ids of ``text`` by itself, with what the tokenizer puts around a text."""
        return self.encode(Body(text=text)).ids

    def count(self, texts: Sequence[str]) -> list[int]:
        """How many tokens each of ``texts`` makes, typed anywhere in a row."""
        return [len(found.ids) for found in self._encode([_Text(text, []) for text in texts])]

    def pieces(self, encoded: Encoded) -> list[dict[str, str]]:
        """The tokens as ``{"text", "role"}``, role ``context``, ``trained`` or ``cut``.

        Tokens that are parts of one character share a piece, under the first one's role.
        """
        roles = ["trained" if label else "context" for label in encoded.labelled]
        roles += ["cut"] * len(encoded.cut_ids)
        stream = DecodeStream(skip_special_tokens=False)
        shown: list[dict[str, str]] = []
        held: list[int] = []
        role = ""
        for id_, own_role in zip(encoded.ids + encoded.cut_ids, roles, strict=True):
            role = role if held else own_role
            held.append(id_)
            text = stream.step(self._backend, id_)
            if text is not None:
                shown.append({"text": text, "role": role})
                held.clear()
        if held:
            rest = self._backend.decode(held, skip_special_tokens=False)
            shown.append({"text": rest, "role": role})
        return shown

    def _attempt(self, body: Body, layouts: dict[Draft, Layout]) -> _Text | StudioError:
        try:
            return self._chat(body, layouts) if body.text is None else self._plain(body.text)
        except StudioError as error:
            return error

    def _plain(self, text: str) -> _Text:
        """Plain text: all of it is learned, with what the tokenizer puts around a text."""
        head, tail = self._around
        return _Text(text, [(0, len(text))], head=head, tail=tail, ends=bool(tail))

    @cached_property
    def _around(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        bare = self._tokenizer.encode("a", add_special_tokens=False)
        full = self._tokenizer.encode("a", add_special_tokens=True)
        at = next(n for n in range(len(full)) if full[n : n + len(bare)] == bare)
        return tuple(full[:at]), tuple(full[at + len(bare) :])

    def _chat(self, body: Body, layouts: dict[Draft, Layout]) -> _Text:
        trained = _trained(body.messages)
        if not trained:
            raise UserMistake("tokens.no_answer")
        draft = self._template.draft(body.messages)
        if draft not in layouts:
            layouts[draft] = self._template.lay_out(draft)
        if not trained <= layouts[draft].answers.keys():
            raise Refusal("tokens.no_end_of_turn")
        return self._fill(layouts[draft], body.messages, trained)

    def _fill(
        self,
        layout: Layout,
        messages: Sequence[Message],
        trained: frozenset[int],
        *,
        prompt: bool = False,
    ) -> _Text:
        """``layout`` with what was typed in its places, if that is what the template writes."""
        cores = [message.content.strip() for message in messages]
        text = "".join(cores[p] if isinstance(p, int) else p for p in layout.pieces)
        # A template may take a typed control token for its own; here it is only text.
        typed = any(self._controls.typed_in(core) for core in cores)
        if not typed and text != self._template.render(_told(messages), prompt=prompt):
            raise Refusal("tokens.message_rewritten")
        names, ids = self._controls.names, self._controls.ids
        named = [cores[p] if isinstance(p, int) else names.get(p, p) for p in layout.pieces]
        edges = list(accumulate(map(len, named), initial=0))
        return _Text(
            "".join(named),
            [(edges[a], edges[b]) for n, (a, b) in layout.answers.items() if n in trained],
            [ids[p] for p in layout.pieces if isinstance(p, str) and p in ids],
        )

    def _encode(self, texts: Sequence[_Text]) -> list[Encoding]:
        return self._controls.encoder.encode_batch(
            [text.text for text in texts], add_special_tokens=False
        )

    def _label(
        self, text: _Text, encoding: Encoding, max_length: int | None
    ) -> Encoded | StudioError:
        reserved = self._controls.reserved
        expected = [id_ for id_ in text.controls if id_ in reserved]
        if [id_ for id_ in encoding.ids if id_ in reserved] != expected:
            return Refusal("tokens.control_tokens_differ")
        offsets = encoding.offsets
        labels = [False] * len(offsets)
        for start, end in text.spans:
            first = _first_token(text.text, offsets, start)
            last = bisect_left(offsets, (end, 0))
            labels[first:last] = [True] * (last - first)
        ids = (*text.head, *encoding.ids, *text.tail)
        labelled = (*[True] * len(text.head), *labels, *[True] * len(text.tail))
        return Encoded(
            ids[:max_length],
            labelled[:max_length],
            () if max_length is None else ids[max_length:],
            stop_trained=text.ends and not any(labelled[len(ids[:max_length]) :]),
        )


def _first_token(text: str, offsets: Sequence[tuple[int, int]], start: int) -> int:
    """The number of the first token of what stands in ``text`` from ``start`` on.

    A token that begins earlier does not count. Byte fallback may lump unknown characters together
    and give all their bytes the offsets of the lump: then bytes are counted.
    """
    first = bisect_left(offsets, (start, 0))
    left, right = offsets[first - 1] if first else (0, 0)
    lump = first - bisect_left(offsets, (left, 0))
    if start < right and lump == len(text[left:right].encode()):
        return first - len(text[start:right].encode())
    return first


def _told(messages: Sequence[Message]) -> Draft:
    return tuple((message.role, message.content) for message in messages)


def _trained(messages: Sequence[Message]) -> frozenset[int]:
    """The numbers of the answers to learn: those marked so, else all that are not marked off."""
    answers = {n: m for n, m in enumerate(messages) if m.role == "assistant" and m.content.strip()}
    marked = frozenset(n for n, m in answers.items() if m.train)
    return marked or frozenset(n for n, m in answers.items() if m.train is None)
