"""Tiny random causal language models, six families and a few odd ones, with a chat tokenizer.

They are real transformers models, small enough to train in milliseconds: two blocks, 32 wide.
Every parameter is away from its neutral value (biases not 0, norms not 1), so a test notices when
one of them is dropped. Equal calls give equal bytes.
"""

from functools import cache
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    Gemma3TextConfig,
    GPT2Config,
    Lfm2Config,
    LlamaConfig,
    MixtralConfig,
    OPTConfig,
    PhiConfig,
    PhimoeConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
)

NAMES = ("llama", "qwen3", "gemma3", "gpt2", "phi", "mixtral")
ODD = ("gemma2", "lfm2", "phimoe", "opt", "qwen2")
"""Caps on attention and logits; a convolution that sees the row before; a window kept in the mask
alone; a block that flattens its input; biases on some linear layers only."""

VOCABULARY = 300
CONTEXT = 256

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

_CORPUS = (
    "What is the usual dose for an adult? The usual dose is one tablet with water.\n",
    "Drink enough water and rest. Ask a doctor when the fever lasts three days.\n",
    "什么是高血压？高血压是指血压持续高于正常。请咨询医生。\n",
)


@cache
def tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer: any text goes through, ``<|im_end|>`` ends a turn."""
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=special,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    raw.train_from_iterator(_CORPUS, trainer)
    made = PreTrainedTokenizerFast(
        tokenizer_object=raw,
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        unk_token="<|endoftext|>",
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
    )
    made.chat_template = CHAT_TEMPLATE
    return made


def config(name: str) -> PreTrainedConfig:
    """The configuration of the tiny model ``name`` (one of ``NAMES`` or ``ODD``)."""
    return _CONFIGS[name]()


def build(name: str) -> PreTrainedModel:
    """The tiny model ``name`` in float32 and eval mode; its weights depend on the name only."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(list(_CONFIGS).index(name))
        model: PreTrainedModel = AutoModelForCausalLM.from_config(config(name), dtype=torch.float32)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.05 * torch.randn_like(parameter))
    return model.eval()


def save(name: str, folder: Path) -> Path:
    """Write the tiny model ``name`` and its tokenizer into ``folder``, as transformers would."""
    build(name).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


def _shared(**more: Any) -> dict[str, Any]:
    special = tokenizer()
    return {
        "vocab_size": len(special),
        "bos_token_id": special.bos_token_id,
        "eos_token_id": special.eos_token_id,
        "pad_token_id": special.pad_token_id,
        "initializer_range": 0.1,
        **more,
    }


def decoder(**more: Any) -> dict[str, Any]:
    """What the configurations of most families share."""
    usual = {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": CONTEXT,
    }
    return _shared(**usual | more)


_CONFIGS = {
    "llama": lambda: LlamaConfig(**decoder(tie_word_embeddings=False)),
    "qwen3": lambda: Qwen3Config(**decoder(head_dim=12, tie_word_embeddings=True)),
    "gemma3": lambda: Gemma3TextConfig(
        **decoder(
            head_dim=8,
            query_pre_attn_scalar=8,
            sliding_window=16,
            layer_types=["sliding_attention", "full_attention"],
        )
    ),
    "gpt2": lambda: GPT2Config(
        **_shared(
            n_embd=32,
            n_layer=2,
            n_head=4,
            n_positions=CONTEXT,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
        )
    ),
    "phi": lambda: PhiConfig(**decoder(partial_rotary_factor=0.5)),
    "mixtral": lambda: MixtralConfig(**decoder(num_local_experts=4, num_experts_per_tok=2)),
    "gemma2": lambda: Gemma2Config(
        **decoder(
            head_dim=8,
            query_pre_attn_scalar=8,
            final_logit_softcapping=1.0,
            attn_logit_softcapping=1.0,
        )
    ),
    "lfm2": lambda: Lfm2Config(**decoder(layer_types=["conv", "full_attention"])),
    "phimoe": lambda: PhimoeConfig(
        **decoder(num_local_experts=4, num_experts_per_tok=2, sliding_window=30)
    ),
    "opt": lambda: OPTConfig(
        **_shared(
            hidden_size=32,
            word_embed_proj_dim=32,
            ffn_dim=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=CONTEXT,
            dropout=0.0,
        )
    ),
    "qwen2": lambda: Qwen2Config(**decoder()),
}
