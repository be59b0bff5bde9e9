"""Templates that cannot be obeyed are refused, each with its own reason."""

import pytest
from transformers import PreTrainedTokenizerFast

from studio.core.errors import Refusal, UserMistake
from studio.core.rows import Body, Message
from studio.engine.encoding import Encoder
from studio.engine.template import PLAIN
from tests.engine.families import FAMILIES, decoded, ids_of, learned, says, toy

CHATML = FAMILIES[0]
TURN = "'<|im_start|>' + m.role + '\\n' + {} + '<|im_end|>\\n'"
ASK = "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"


def encoder_with(template: str | dict[str, str] | None) -> Encoder:
    return Encoder(tokenizer_with(template))


def tokenizer_with(template: str | dict[str, str] | None) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(
        tokenizer_object=toy(CHATML, "bytes").backend_tokenizer,
        bos_token="<|endoftext|>",
        eos_token="<|im_end|>",
        chat_template=template,
    )


def every_turn(content: str) -> str:
    """A ChatML template that does something with each message's content."""
    return "{% for m in messages %}{{ " + TURN.format(content) + " }}{% endfor %}" + ASK


@pytest.mark.parametrize(
    ("content", "key"),
    [
        ("(m.content if m.role != 'system' else '')", "message_dropped"),
        ("m.content | upper", "message_dropped"),
        ("m.content[:9]", "message_dropped"),
        ("m.content + (m.content if m.role == 'system' else '')", "message_repeated"),
        ("m.content.replace(' ', '')", "message_rewritten"),
        ("m.content | replace('\\n', ' ')", "message_rewritten"),
        ("(m.content | tojson)[1:-1]", "message_rewritten"),
        ("(m.content if m.content | length < 60 else 'long')", "message_rewritten"),
    ],
)
def test_a_template_that_changes_a_message_is_refused(content: str, key: str) -> None:
    said = ' one\ntwo "three" ' * 4
    with pytest.raises(Refusal, match=f"tokens.{key}"):
        encoder_with(every_turn(content)).encode(Body.pair(said, said, system=said))


def test_the_message_that_is_lost_is_named() -> None:
    encoder = encoder_with(every_turn("(m.content if m.role != 'system' else '')"))
    with pytest.raises(Refusal) as caught:
        encoder.encode(Body.pair("Hi", "Hello", system="Be kind."))
    assert caught.value.facts == {"role": "system", "message": 1}


@pytest.mark.parametrize("shape", ["m.content", "m.content | trim", "m.content.strip('\\n ')"])
def test_a_template_may_trim(shape: str) -> None:
    messages = (says("user", "\n  Hi\t \n"), says("assistant", " Hello \n\n"))
    ids = encoder_with(every_turn(shape)).encode(Body(messages)).ids
    assert list(ids) == ids_of(tokenizer_with(every_turn(shape)), *messages)


@pytest.mark.parametrize("end", ["", "\n", " Bye<|im_end|>"])
def test_an_answer_without_an_end_is_refused(end: str) -> None:
    template = "{% for m in messages %}{{ m.role + ':' + m.content + '" + end + "' }}{% endfor %}"
    with pytest.raises(Refusal, match=r"tokens\.no_end_of_turn"):
        encoder_with(template.replace("\n", "\\n")).encode(Body.pair("Hi", "Hello"))


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{{ raise_exception('Only cats may speak') }}", "Only cats may speak"),
        ("{{ messages[0].content + 1 }}", "can only concatenate"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{% for m in messages %}", "endfor"),
    ],
)
def test_what_a_template_says_against_a_row_is_passed_on(template: str, words: str) -> None:
    with pytest.raises(UserMistake) as caught:
        encoder_with(template).encode(Body.pair("Hi", "Hello"))
    assert caught.value.key == "tokens.template_refuses"
    assert words in caught.value.facts["reason"]


def test_roles_in_an_order_that_the_template_does_not_know_are_refused() -> None:
    encoder = Encoder(toy(next(f for f in FAMILIES if f.name == "gemma"), "bytes"))
    twice = (says("user", "a"), says("user", "b"), says("assistant", "c"))
    with pytest.raises(UserMistake, match="must alternate"):
        encoder.encode(Body(twice))


def test_several_templates_without_a_default_are_refused() -> None:
    named = {"tools": CHATML.template, "other": CHATML.template}
    with pytest.raises(Refusal, match=r"tokens\.no_default_template"):
        encoder_with(named)


def test_the_default_of_several_templates_is_used() -> None:
    named = {"default": CHATML.template, "other": "{{ raise_exception('no') }}"}
    assert encoder_with(named).template_hash == encoder_with(CHATML.template).template_hash


def test_a_template_without_a_generation_prompt_leaves_the_header_to_the_model() -> None:
    encoder = encoder_with(every_turn("m.content").replace(ASK, ""))
    encoded = encoder.encode(Body.pair("Hi", "Hello"))
    assert learned(encoder, encoded) == "<|im_start|>assistant\nHello<|im_end|>"
    assert encoder.prompt([says("user", "Hi")]) == encoded.ids[: encoded.labelled.index(True)]


def test_a_prompt_that_opens_a_thought_does_not_move_the_answer() -> None:
    asks = ASK.replace("assistant\\n", "assistant\\n<think>\\n")
    encoder = encoder_with(every_turn("m.content").replace(ASK, asks))
    assert learned(encoder, encoder.encode(Body.pair("Hi", "Hello"))) == "Hello<|im_end|>"


def test_a_conversation_that_opens_with_an_answer_learns_it() -> None:
    encoder = encoder_with(every_turn("m.content"))
    messages = (says("assistant", "Welcome."), says("user", "Hi"), says("assistant", "Hello"))
    learnt = learned(encoder, encoder.encode(Body(messages)))
    assert learnt == "Welcome.<|im_end|>Hello<|im_end|>"


def test_a_model_without_a_template_gets_the_plain_one() -> None:
    encoder, tokenizer = encoder_with(None), tokenizer_with(PLAIN)
    assert encoder.plain_template
    messages = (
        says("system", "Be kind."),
        says("user", "Hi"),
        says("assistant", "Hello"),
        says("user", "How?"),
        says("tool", "42"),
        says("assistant", "So."),
    )
    encoded = encoder.encode(Body(messages))
    assert list(encoded.ids) == ids_of(tokenizer, *messages)
    assert decoded(tokenizer, encoded.ids) == (
        "<|endoftext|>Be kind.\n\nQuestion: Hi\n\nAnswer: Hello<|im_end|>\n\n"
        "Question: How?\n\nResult: 42\n\nAnswer: So.<|im_end|>"
    )
    assert learned(encoder, encoded) == " Hello<|im_end|> So.<|im_end|>"
    assert encoder.prompt(messages[:2]) == encoded.ids[: encoded.labelled.index(True)]


def test_the_plain_template_needs_a_token_that_ends_an_answer() -> None:
    endless = PreTrainedTokenizerFast(tokenizer_object=toy(CHATML, "bytes").backend_tokenizer)
    with pytest.raises(Refusal, match=r"tokens\.no_end_of_turn"):
        Encoder(endless).encode(Body.pair("Hi", "Hello"))


def test_no_conversation_at_all_is_refused() -> None:
    messages: tuple[Message, ...] = ()
    with pytest.raises(UserMistake, match=r"tokens\.template_refuses"):
        encoder_with(CHATML.template).prompt(messages)
