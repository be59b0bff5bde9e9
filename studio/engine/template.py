"""A model's chat template, taken apart: what it writes itself, and where each message goes.

It is rendered over drafts, in which a placeholder stands for what a person typed, so that the
template's text and a person's text are never one string. Knows no tokens beyond their names.
"""

import hashlib
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

from transformers import PreTrainedTokenizerBase

from studio.core.errors import Refusal, UserMistake
from studio.core.rows import Message
from studio.engine.control_tokens import any_of

PLAIN = """\
{{ bos_token }}
{%- for message in messages %}
{%- if message.role == 'user' %}{{ 'Question: ' }}
{%- elif message.role == 'assistant' %}{{ 'Answer: ' }}
{%- elif message.role == 'tool' %}{{ 'Result: ' }}
{%- endif %}
{{- message.content }}
{%- if message.role == 'assistant' %}{{ eos_token }}{% endif %}
{%- if not loop.last or message.role != 'assistant' %}{{ '\\n\\n' }}{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ 'Answer:' }}{% endif %}"""
"""For models that bring no template of their own."""

Draft = tuple[tuple[str, str], ...]
"""A conversation as (role, content): what the template is given."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A rendered conversation in ``pieces``: text of the template, or the number of a message.

    A control token is a piece of its own. ``answers`` maps the number of an assistant's message to
    the pieces ``[first, last)`` that the model has to write for it: from where its generation
    prompt ends to its end-of-turn token. A message without text, or without an end, is not in it.
    """

    pieces: tuple[str | int, ...]
    answers: Mapping[int, tuple[int, int]]


class ChatTemplate:
    """The template of ``tokenizer``, or :data:`PLAIN` where it has none (``plain`` says so)."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, controls: Iterable[str]) -> None:
        self._tokenizer = tokenizer
        self.plain = tokenizer.chat_template is None
        self.source = PLAIN if self.plain else _source(tokenizer)
        self.hash = hashlib.sha256(self.source.encode()).hexdigest()
        self._mark = secrets.token_hex(8)
        self._placeholder = re.compile(rf"{self._mark}(\d{{6}})")
        control = any_of(controls).pattern
        self._seams = re.compile(f"{self._placeholder.pattern}|{control}")
        self._end_of_turn = re.compile(rf"\s*(?:{control})")

    def render(self, draft: Draft, *, prompt: bool = False) -> str:
        """The text of ``draft``; ``prompt`` adds what asks for an answer.

        Raises UserMistake with the template's own words where it refuses this conversation.
        """
        messages = [{"role": role, "content": content} for role, content in draft]
        try:
            text = self._tokenizer.apply_chat_template(
                messages, chat_template=self.source, add_generation_prompt=prompt, tokenize=False
            )
        except Exception as error:  # a template is foreign code: it can fail in any way
            raise UserMistake("tokens.template_refuses", reason=str(error)[:200]) from error
        assert isinstance(text, str)
        return text

    def draft(self, messages: Sequence[Message]) -> Draft:
        """The messages with a placeholder for the text of each.

        White space around a text stays, so that a template that trims has something to trim.
        """
        return tuple((m.role, self._hidden(n, m.content)) for n, m in enumerate(messages))

    def _hidden(self, number: int, content: str) -> str:
        core = content.strip()
        return content.replace(core, f"{self._mark}{number:06d}", 1) if core else content

    def lay_out(self, draft: Draft, *, prompt: bool = False) -> Layout:
        """Take the rendered ``draft`` apart.

        Raises UserMistake where the template refuses the conversation, Refusal where it leaves a
        message out, changes it or writes it twice.
        """
        text = self.render(draft, prompt=prompt)
        places = self._places(draft, text)
        spans = {n: self._answer(draft, text, n) for n in places if draft[n][0] == "assistant"}
        seams = [match.span() for match in self._seams.finditer(text)]
        starts = {s for s, _ in spans.values() if not any(a < s < b for a, b in seams)}
        edges = sorted({0, len(text), *chain.from_iterable(seams), *starts})
        index = {edge: n for n, edge in enumerate(edges)}
        pieces = (text[start:end] for start, end in pairwise(edges))
        return Layout(
            tuple(self._number(piece) for piece in pieces),
            {
                n: (index.get(start, index[places[n]]), index[end])
                for n, (start, end) in spans.items()
                if end
            },
        )

    def _number(self, piece: str) -> str | int:
        hidden = self._placeholder.fullmatch(piece)
        return int(hidden[1]) if hidden else piece

    def _places(self, draft: Draft, text: str) -> dict[int, int]:
        """Where in ``text`` the placeholder of each message begins, by the message's number."""
        found = [(int(match[1]), match.start()) for match in self._placeholder.finditer(text)]
        for number, (role, content) in enumerate(draft):
            times = sum(number == n for n, _ in found)
            if times != (1 if content.strip() else 0):
                key = "tokens.message_repeated" if times else "tokens.message_dropped"
                raise Refusal(key, role=role, message=number + 1)
        return dict(found)

    def _answer(self, draft: Draft, text: str, number: int) -> tuple[int, int]:
        """Where the model begins to write message ``number`` and where it ends; 0 for nowhere."""
        before, hidden, after = text.partition(f"{self._mark}{number:06d}")
        end = self._end_of_turn.match(after)
        lead = self._after_last_message(before)
        asks = self._asks(draft[:number])
        start = len(before)
        if asks is not None and lead.startswith(asks):
            start += len(asks) - len(lead)
        return start, len(before) + len(hidden) + end.end() if end else 0

    def _asks(self, draft: Draft) -> str | None:
        """The generation prompt after the last message; None where the template cannot ask."""
        try:
            return self._after_last_message(self.render(draft, prompt=True))
        except UserMistake:
            return None

    def _after_last_message(self, text: str) -> str:
        return self._placeholder.split(text)[-1]


def _source(tokenizer: PreTrainedTokenizerBase) -> str:
    try:
        return str(tokenizer.get_chat_template())
    except ValueError as error:  # several named templates, none of them the default
        raise Refusal("tokens.no_default_template", reason=str(error)[:200]) from error
