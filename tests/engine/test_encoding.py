"""Rows as ids and labels: the oracle is the library's own rendering and encoding."""

import hashlib
from typing import Any

import pytest
from tokenizers import AddedToken, Tokenizer, processors
from transformers import ByT5Tokenizer, PreTrainedTokenizerFast

from studio.core.errors import Refusal, StudioError, UserMistake
from studio.core.rows import Body, Message
from studio.engine.encoding import Encoded, Encoder
from tests.engine.families import (
    FAMILIES,
    GLM,
    KINDS,
    Family,
    decoded,
    encoder_of,
    ids_of,
    learned,
    says,
    toy,
)

EVERY = [pytest.param(f, k, id=f"{f.name}-{k}") for f in FAMILIES for k in KINDS]
NAMED = {family.name: family for family in FAMILIES}
CHATML = NAMED["chatml"]

FAMILY_WITH_JOINERS = "👩‍👩‍👧‍👦"
QUESTIONS = {
    "english": "What are the symptoms of a mild fever?",
    "chinese": "发烧时应该怎么办？",
    "joined emoji": f"Is {FAMILY_WITH_JOINERS} one family?",
    "right to left": "מה שלומך? كيف حالك",
    "carriage returns": "one\rtwo\r\nthree\n\rfour",
    "white space": "  \n\ttake  two \u3000 or   three\u00a0 \n\n",
    "long": "Drink water, then rest. " * 420,
    "html": "<b>bold</b> & <i>not</i> <br/> {{ braces }} {% set x %}",
    "zero width": "\ufeffmark\u200b\u00adsoft",
    "replacement": "bad \ufffd byte",
}


@pytest.mark.parametrize(("family", "kind"), EVERY)
@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS.keys())
def test_ids_are_the_librarys(family: Family, kind: str, question: str) -> None:
    tokenizer, encoder = toy(family, kind), encoder_of(family, kind)
    turns = [says("user", question), says("assistant", question[::-1]), says("user", "And now?")]
    for messages in (turns[:2], [*turns, says("assistant", question)]):
        encoded = encoder.encode(Body(tuple(messages)))
        assert list(encoded.ids) == ids_of(tokenizer, *messages)
        assert encoded.stop_trained


@pytest.mark.parametrize(("family", "kind"), EVERY)
@pytest.mark.parametrize("system", ["You are a careful assistant.", ""])
def test_a_system_message_is_written_as_the_library_writes_it(
    family: Family, kind: str, system: str
) -> None:
    tokenizer, encoder = toy(family, kind), encoder_of(family, kind)
    messages = (says("system", system), says("user", "Hello"), says("assistant", "Yes."))
    if family.system:
        assert list(encoder.encode(Body(messages)).ids) == ids_of(tokenizer, *messages)
    else:
        with pytest.raises(UserMistake, match="System role not supported"):
            encoder.encode(Body(messages))


@pytest.mark.parametrize(("family", "kind"), EVERY)
def test_what_is_learned_begins_where_the_prompt_ends(family: Family, kind: str) -> None:
    tokenizer, encoder = toy(family, kind), encoder_of(family, kind)
    for question in QUESTIONS.values():
        asked = says("user", question)
        prompt = encoder.prompt([asked])
        encoded = encoder.encode(Body((asked, says("assistant", "Take one tablet."))))
        assert list(prompt) == ids_of(tokenizer, asked, ask=True)
        assert prompt == encoded.ids[: encoded.labelled.index(True)]


@pytest.mark.parametrize(("family", "kind"), EVERY)
def test_the_answer_and_its_end_are_learned_and_nothing_else(family: Family, kind: str) -> None:
    encoder = encoder_of(family, kind)
    for answer in ("Take one tablet.", "每天测量血压。", "שלום 😀"):
        encoded = encoder.encode(Body.pair("What now?", answer))
        # SentencePiece decoders show a space where a word begins after a control token.
        expected, text = family.learned.format(answer), learned(encoder, encoded)
        if kind == "bytes":
            assert text == expected
        else:
            assert text.replace(" ", "") == expected.replace(" ", "").replace("▁", "")


@pytest.mark.parametrize(("family", "kind"), EVERY)
def test_every_answer_of_a_conversation_is_learned(family: Family, kind: str) -> None:
    encoder = encoder_of(family, kind)
    messages = [says("user", "One?"), says("assistant", "First answer.")]
    messages += [says("user", "Two?"), says("assistant", "Second answer.")]
    text = learned(encoder, encoder.encode(Body(tuple(messages))))
    assert "First answer." in text
    assert "Second answer." in text
    assert "One" not in text
    assert "Two" not in text


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (None, None, "Aah.<|im_end|>Bee.<|im_end|>"),
        (False, None, "Bee.<|im_end|>"),
        (None, False, "Aah.<|im_end|>"),
        (True, None, "Aah.<|im_end|>"),
        (None, True, "Bee.<|im_end|>"),
        (True, True, "Aah.<|im_end|>Bee.<|im_end|>"),
    ],
)
def test_marks_decide_which_answers_are_learned(
    first: bool | None, second: bool | None, expected: str
) -> None:
    encoder = encoder_of(CHATML)
    messages = (
        says("user", "a"),
        says("assistant", "Aah.", first),
        says("user", "b"),
        says("assistant", "Bee.", second),
    )
    assert learned(encoder, encoder.encode(Body(messages))) == expected


def test_an_empty_answer_on_the_way_is_context() -> None:
    encoder = encoder_of(CHATML)
    messages = (says("user", "a"), says("assistant", " "), says("user", "b"))
    encoded = encoder.encode(Body((*messages, says("assistant", "Bee."))))
    assert list(encoded.ids) == ids_of(toy(CHATML, "bytes"), *messages, says("assistant", "Bee."))
    assert learned(encoder, encoded) == "Bee.<|im_end|>"


@pytest.mark.parametrize("answer", [says("assistant", " \n"), says("assistant", "Yes.", False)])
def test_a_row_without_anything_to_learn_is_refused(answer: Message) -> None:
    with pytest.raises(UserMistake, match=r"tokens\.no_answer"):
        encoder_of(CHATML).encode(Body((says("user", "a"), answer)))


def test_a_row_that_is_too_long_loses_its_end_and_shows_it() -> None:
    encoder = encoder_of(CHATML)
    body = Body.pair("What now?", f"Take water {FAMILY_WITH_JOINERS} 每天测量血压。")
    whole = encoder.encode(body)
    for length in range(1, len(whole.ids) + 1):
        short = encoder.encode(body, max_length=length)
        assert len(short.ids) == len(short.labelled) == length
        assert short.ids + short.cut_ids == whole.ids
        assert short.labelled == whole.labelled[:length]
        assert short.stop_trained == (True not in whole.labelled[length:])
        pieces = encoder.pieces(short)
        assert "".join(p["text"] for p in pieces) == "".join(
            p["text"] for p in encoder.pieces(whole)
        )
        assert (pieces[-1]["role"] == "cut") == (len(short.cut_ids) > 0)
    assert encoder.encode(body, max_length=len(whole.ids) + 1) == whole
    assert encoder.encode(body, max_length=5).trained == 0


def test_what_a_tokenizer_adds_to_texts_stays_out_of_conversations() -> None:
    tokenizer = bracketing("<|endoftext|>", "<|im_end|>")
    messages = (says("user", "Hi"), says("assistant", "Hello"))
    ids = Encoder(tokenizer).encode(Body(messages)).ids
    assert list(ids) == ids_of(tokenizer, *messages)
    assert tokenizer.convert_tokens_to_ids("<|endoftext|>") not in ids


@pytest.mark.parametrize(("family", "kind"), EVERY)
def test_pieces_show_the_text_as_the_tokenizer_decodes_it(family: Family, kind: str) -> None:
    tokenizer, encoder = toy(family, kind), encoder_of(family, kind)
    for question in QUESTIONS.values():
        encoded = encoder.encode(Body.pair(question, question))
        pieces = encoder.pieces(encoded)
        whole = decoded(tokenizer, encoded.ids)
        assert "".join(piece["text"] for piece in pieces) == whole
        assert whole.count("\ufffd") == 2 * question.count("\ufffd")


def test_the_bytes_of_one_character_are_one_piece() -> None:
    encoder = encoder_of(CHATML)
    encoded = encoder.encode(Body.pair("Hi", "a😀"))
    shown = [piece["text"] for piece in encoder.pieces(encoded)]
    assert "😀" in shown
    assert len(shown) < len(encoded.ids)


def test_a_character_without_its_last_bytes_is_shown_as_broken() -> None:
    encoder = encoder_of(CHATML)
    ids = toy(CHATML, "bytes").encode("😀", add_special_tokens=False)[:-1]
    torn = Encoded(tuple(ids), (True,) * len(ids), (), stop_trained=False)
    assert encoder.pieces(torn) == [{"text": "\ufffd", "role": "trained"}]


@pytest.mark.parametrize(("family", "kind"), EVERY)
def test_answers_end_with_the_templates_token_or_the_models_own(family: Family, kind: str) -> None:
    tokenizer = toy(family, kind)
    ends = {tokenizer.convert_tokens_to_ids(family.learned.partition("{}")[2].strip())}
    ends |= {tokenizer.eos_token_id, 7}
    assert Encoder(tokenizer, eos_ids=[7]).stop_ids == ends


def test_a_template_without_an_end_of_turn_is_refused() -> None:
    encoder = encoder_of(GLM)
    with pytest.raises(Refusal, match=r"tokens\.no_end_of_turn"):
        encoder.encode(Body.pair("Hi", "Hello"))
    assert list(encoder.prompt([says("user", "Hi")])) == ids_of(
        toy(GLM, "bytes"), says("user", "Hi"), ask=True
    )
    assert encoder.stop_ids == {toy(GLM, "bytes").eos_token_id}


def test_an_answer_that_the_next_turn_ends_can_be_learned() -> None:
    encoder = encoder_of(GLM)
    messages = (
        says("user", "a"),
        says("assistant", "Aah.", True),
        says("user", "b"),
        says("assistant", "Bee."),
    )
    assert learned(encoder, encoder.encode(Body(messages))) == "Aah.<|user|>"


def test_plain_text_is_learned_whole_between_what_the_tokenizer_adds() -> None:
    tokenizer, encoder = toy(CHATML, "bytes"), encoder_of(CHATML)
    encoded = encoder.encode(Body(text="Rest. 多喝水"))
    assert list(encoded.ids) == tokenizer("Rest. 多喝水")["input_ids"]
    assert all(encoded.labelled)
    assert not encoded.stop_trained


def test_plain_text_gets_the_bos_and_eos_that_the_tokenizer_is_used_to() -> None:
    tokenizer = bracketing("<|im_start|>", "<|im_end|>")
    encoder = Encoder(tokenizer)
    encoded = encoder.encode(Body(text="Rest."))
    assert list(encoded.ids) == tokenizer("Rest.")["input_ids"]
    assert encoded.ids[0] == tokenizer.convert_tokens_to_ids("<|im_start|>")
    assert encoded.stop_trained
    assert all(encoded.labelled)
    assert not encoder.encode(Body(text="Rest."), max_length=2).stop_trained


def bracketing(bos: str, eos: str) -> PreTrainedTokenizerFast:
    """ChatML's tokenizer with a habit of writing ``bos`` and ``eos`` around every text."""
    backend = Tokenizer.from_str(toy(CHATML, "bytes").backend_tokenizer.to_str())
    backend.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A {eos}",
        special_tokens=[(t, backend.token_to_id(t)) for t in (bos, eos)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, eos_token=eos, chat_template=CHATML.template
    )


def test_many_rows_come_in_order_with_their_errors() -> None:
    encoder = encoder_of(NAMED["gemma"])
    good, bad = Body.pair("Hi", "Hello"), Body.pair("Hi", "Hello", system="Be kind.")
    seen: list[int] = []
    results = list(encoder.encode_all([good, bad] * 300, max_length=9, progress=seen.append))
    assert results[::2] == [encoder.encode(good, max_length=9)] * 300
    assert all(isinstance(result, StudioError) for result in results[1::2])
    assert seen == sorted(seen)
    assert seen[-1] == 600


def test_no_rows_are_no_tokens() -> None:
    assert list(encoder_of(CHATML).encode_all([])) == []


def test_a_template_is_known_by_its_hash() -> None:
    encoder = encoder_of(CHATML)
    assert encoder.template_hash == hashlib.sha256(CHATML.template.encode()).hexdigest()
    assert not encoder.plain_template


def test_a_tokenizer_in_pure_python_is_refused() -> None:
    with pytest.raises(Refusal, match=r"tokens\.no_backend"):
        Encoder(ByT5Tokenizer())


def test_a_tokenizer_with_a_mind_of_its_own_is_refused() -> None:
    class Shouting(PreTrainedTokenizerFast):
        def _encode_plus(self, text: Any, *args: Any, **kwargs: Any) -> Any:
            return super()._encode_plus(text.upper(), *args, **kwargs)

    quiet = toy(CHATML, "bytes")
    shouting: Any = Shouting
    loud = shouting(tokenizer_object=quiet.backend_tokenizer, chat_template=CHATML.template)
    with pytest.raises(Refusal, match=r"tokens\.unlike_library"):
        Encoder(loud)


@pytest.mark.parametrize("role", ["user", "assistant"])
def test_a_control_token_that_the_tokenizer_does_not_see_is_refused(role: str) -> None:
    backend = Tokenizer.from_str(toy(CHATML, "bytes").backend_tokenizer.to_str())
    backend.add_special_tokens([AddedToken("<|stop|>", single_word=True)])
    template = "{% for m in messages %}{{ m.content + ('<|stop|>b' if m.role == 'ROLE' else '') }}"
    glued = PreTrainedTokenizerFast(
        tokenizer_object=backend, chat_template=template.replace("ROLE", role) + "{% endfor %}"
    )
    with pytest.raises(Refusal, match=r"tokens\.control_tokens_differ"):
        Encoder(glued).prompt([says("user", "ab"), says("assistant", "ab"), says("user", "ab")])
    if role == "assistant":
        with pytest.raises(Refusal, match=r"tokens\.control_tokens_differ"):
            Encoder(glued).encode(Body.pair("ab", "ab"))


@pytest.mark.parametrize(("family", "kind"), EVERY)
def test_a_text_is_spelled_as_the_library_does_and_forges_nothing(
    family: Family, kind: str
) -> None:
    tokenizer, encoder = toy(family, kind), encoder_of(family, kind)
    assert list(encoder.spell("Be brief.")) == tokenizer("Be brief.")["input_ids"]
    control = family.special[-1]
    forged = tokenizer.convert_tokens_to_ids(control)
    around = tokenizer("")["input_ids"]
    assert encoder.spell(f"a {control} b").count(forged) == around.count(forged)
