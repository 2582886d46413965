"""Which architectures of transformers can be trained? Each, tiny and random, two steps of LoRA.

It is loaded, adapted, batched and asked as in a run. An architecture passes if a batch of two sequences, packed or
padded, gives the loss of the two alone, and two steps change the adapter, with a finite loss.
"""

from __future__ import annotations

import math
import multiprocessing
import sys
import tempfile
import time
import warnings
from collections import Counter
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

import numpy as np
import torch
from figure import Figure, Measured
from transformers import CONFIG_MAPPING, AutoModelForCausalLM
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from llmtune_kernel.config import RunConfig
from llmtune_kernel.data.sequences import TokenSequence
from llmtune_kernel.models.sources import ModelSource
from llmtune_kernel.training.collation import Item, collate_packed, collate_padded
from llmtune_kernel.training.objective import Forward
from llmtune_kernel.training.objectives import make_objective
from llmtune_kernel.worker.assembling import load_trainable

PROCESSES = 2
SECONDS = 60  # a tiny model needs two or three
TOLERANCE = 1e-3  # a leak between sequences moves the loss by far more than rounding does

# Sizes by the names that configuration classes have for them.
SIZES = {
    64: "hidden_size d_model n_embd dim word_embed_proj_dim embedding_size emb_dim lru_width attention_hidden_size",
    128: "intermediate_size ffn_dim n_inner encoder_ffn_dim decoder_ffn_dim dff dim_ff feed_forward_size "
    "moe_intermediate_size shared_expert_intermediate_size d_inner expert_ffn_hidden_size ffn_hidden_size",
    2: "num_hidden_layers n_layer n_layers num_layers encoder_layers decoder_layers num_decoder_layers "
    "num_encoder_layers num_experts_per_tok num_key_value_heads num_kv_heads moe_topk moe_top_k moe_k top_k_experts "
    "num_mem_blocks num_hidden_layers_per_stack",
    4: "num_attention_heads n_head n_heads num_heads encoder_attention_heads decoder_attention_heads "
    "num_decoder_attention_heads num_encoder_attention_heads num_experts num_local_experts n_routed_experts "
    "moe_num_experts",
    16: "head_dim d_head qk_rope_head_dim global_head_dim mamba_d_state state_size",
    1: "n_group topk_group num_expert_group moe_n_group",
    512: "vocab_size n_vocab",
}
SMALL = {name: size for size, names in SIZES.items() for name in names.split()}
# What an architecture needs besides, and why.
DECODER = {"is_decoder": True}  # encoders look ahead unless told not to
LATENT = {"num_key_value_heads": 4}  # latent attention has no groups of heads
SHARED = {  # hybrid layers share their weights, and see the embeddings beside what comes in
    "num_hidden_layers": 4,
    "layers_block_type": ["mamba", "hybrid"] * 2,
    "attention_hidden_size": 128,
    "attention_head_dim": 32,
}
SPECIAL: dict[str, dict[str, Any]] = {
    **dict.fromkeys(
        [
            "bert",
            "bert-generation",
            "big_bird",
            "camembert",
            "data2vec-text",
            "electra",
            "ernie",
            "megatron-bert",
            "rembert",
            "roberta",
            "roberta-prelayernorm",
            "roc_bert",
            "roformer",
            "xlm-roberta",
            "xlm-roberta-xl",
            "xmod",
            "reformer",
        ],
        DECODER,
    ),
    "xlm": {"causal": True},  # the same
    "xlnet": {"attn_type": "uni"},  # the same
    "gptj": {"rotary_dim": 16},  # at most a head
    "codegen": {"rotary_dim": 16},  # at most a head
    **dict.fromkeys(
        [
            "axk1",
            "axk2",
            "deepseek_v2",
            "deepseek_v3",
            "deepseek_v32",
            "glm4_moe_lite",
            "glm_moe_dsa",
            "longcat_flash",
            "minicpm3",
            "youtu",
        ],
        LATENT,
    ),
    "mamba2": {"num_heads": 8, "head_dim": 16},  # twice the hidden size in all
    "xmod": {**DECODER, "default_language": "en_XX"},  # has an adapter for each language
    "gpt_neo": {"attention_types": [[["global", "local"], 1]]},  # the kind of each of the two layers
    **dict.fromkeys(["zamba", "zamba2"], SHARED),
    "lfm2_moe": {"layer_types": ["conv", "full_attention"]},  # the same
    "gemma3n_text": {
        "layer_types": ["sliding_attention", "full_attention"],
        "num_kv_shared_layers": 0,
    },  # the same
    "zaya": {"num_experts_per_tok": 1},  # it knows no other
    "dots1": {"n_shared_experts": 1},  # has no default
    "kimi_linear": {"num_experts_per_token": 2, "num_experts": 4},  # the names of an older configuration
}


@dataclass(frozen=True)
class Outcome:
    """Of one architecture: `packed` or `padded` if it passed, or the reason why not."""

    architecture: str
    passed: bool
    note: str


def measure() -> Measured:
    """All causal language models that transformers knows."""
    outcomes = sweep(list(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES))
    notes = Counter(outcome.note for outcome in outcomes if outcome.passed)
    figures = [
        Figure("architectures that train", sum(notes.values()), f"of {len(outcomes)}", ">= 150"),
        Figure("of them in packed batches", notes["packed"], "", ""),
    ]
    return Measured(figures, [asdict(outcome) for outcome in outcomes])


@dataclass(frozen=True)
class _Attempt:
    """At one architecture: who makes it, where the answer comes, and until when it may."""

    architecture: str
    process: BaseProcess
    answer: Connection
    until: float


def sweep(architectures: list[str]) -> list[Outcome]:
    """Try each in a process of its own, which may crash or hang; print a line for each, as it is done.

    They are forked by the only thread: a fork among others may inherit a lock that nobody opens.
    """
    outcomes: list[Outcome] = []
    waiting, running = list(reversed(architectures)), list[_Attempt]()
    while waiting or running:
        while waiting and len(running) < PROCESSES:
            running.append(_start(waiting.pop()))
        left = min(attempt.until for attempt in running) - time.monotonic()
        answered = wait([attempt.answer for attempt in running], max(left, 0))
        for attempt in running[:]:
            if attempt.answer in answered or time.monotonic() >= attempt.until:
                running.remove(attempt)
                outcome = _end(attempt)
                verdict = "passed" if outcome.passed else "failed"
                sys.stdout.write(f"{outcome.architecture:<26}{verdict}: {outcome.note}\n")
                sys.stdout.flush()
                outcomes.append(outcome)
    return outcomes


def _start(architecture: str) -> _Attempt:
    ours, theirs = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=_answer, args=(architecture, theirs))
    process.start()
    theirs.close()
    return _Attempt(architecture, process, ours, time.monotonic() + SECONDS)


def _end(attempt: _Attempt) -> Outcome:
    try:
        if attempt.answer.poll():
            passed, note = attempt.answer.recv()
            return Outcome(attempt.architecture, passed, note)
        return Outcome(attempt.architecture, False, f"not done after {SECONDS} s")
    except EOFError:
        attempt.process.join()
        return Outcome(attempt.architecture, False, f"the process ended with {attempt.process.exitcode}")
    finally:
        attempt.process.kill()
        attempt.process.join()
        attempt.answer.close()


def _answer(architecture: str, answer: Connection) -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    try:
        answer.send((True, train(architecture)))
    except Exception as error:
        lines = str(error).strip().splitlines() or [""]
        answer.send((False, f"{type(error).__name__}: {lines[0][:160]}"))


def train(architecture: str) -> str:
    """Two steps; returns how its batches are made.

    Raises:
        ValueError: it does not pass; says why.
    """
    run = RunConfig.model_validate(
        {
            "model": {"name_or_path": architecture, "dtype": "float32"},
            "data": {"train": "none.jsonl"},
            "method": {"type": "lora", "r": 4, "lora_dropout": 0},
        }
    )
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        AutoModelForCausalLM.from_config(tiny(architecture)).save_pretrained(folder)
        model, packed = load_trainable(run, ModelSource(folder, None), torch.float32, lambda _: None)
    collate = collate_packed if packed else collate_padded
    objective = make_objective(
        run, model, Forward.of(model, torch.float32, packed), [], collate, lambda done, count: None
    )
    items = [_item(length, seed) for seed, length in enumerate((13, 9))]

    def loss(*chosen: Item) -> torch.Tensor:
        return objective.loss(model, collate(list(chosen))).total

    model.eval()
    with torch.no_grad():
        together, alone = float(loss(*items)), float(loss(items[0]) + loss(items[1]))
    if not math.isclose(together, alone, rel_tol=TOLERANCE):
        raise ValueError(f"the loss of a batch is {together:.4f}, of its sequences alone {alone:.4f}")
    model.train()
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    before = [weight.detach().clone() for weight in trained]
    optimizer = torch.optim.AdamW(trained, lr=1e-3)
    for _ in range(2):
        step = loss(*items)
        step.backward()
        if not math.isfinite(float(step)):
            raise ValueError("the loss is not finite")
        optimizer.step()
        optimizer.zero_grad()
    if all(torch.equal(old, new) for old, new in zip(before, trained, strict=True)):
        raise ValueError("nothing was trained")
    return "packed" if packed else "padded"


def tiny(architecture: str) -> Any:
    """Its configuration, with small sizes in place of those that it has."""
    return _shrunk(CONFIG_MAPPING[architecture], SPECIAL.get(architecture, {}))


def _shrunk(kind: Any, special: dict[str, Any]) -> Any:
    usual = kind()
    usual.allow_global_per_layer_attribute_access = True
    known = {usual.attribute_map.get(name, name) for name in SMALL if hasattr(usual, name)}
    sizes = {name: SMALL[name] for name in known if _is_size(kind, usual, name)}
    if (getattr(usual, "pad_token_id", None) or 0) >= SMALL["vocab_size"]:
        sizes["pad_token_id"] = 0
    parts = {
        name: _shrunk(type(getattr(usual, name)), {})
        for name in usual.sub_configs
        if getattr(usual, name, None) is not None
    }
    return kind(**{**sizes, **parts, **special})


def _is_size(kind: Any, usual: Any, name: str) -> bool:
    """Whether it is a number that is given, not one that is computed from others."""
    given = name in SMALL and not isinstance(getattr(kind, name, None), property)
    return given and isinstance(getattr(usual, name), int | None)


def _item(length: int, seed: int) -> Item:
    ids = np.random.default_rng(seed).integers(5, 500, length).astype(np.int32)
    return Item([TokenSequence(ids, np.ones(length, bool))])


if __name__ == "__main__":
    sweep(sys.argv[1:])
