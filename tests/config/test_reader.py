"""What a user may write, and what is said to each mistake."""

from __future__ import annotations

from typing import get_args

import pytest

from llmtune_kernel.config import ConfigError, Problem, RunConfig, config_from_dict, read_config, read_part
from llmtune_kernel.config.optimizers import OptimizerName


def problems_of(text: str, **options: object) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        read_config(text, **options)  # type: ignore[arg-type]
    return caught.value.problems


def only_problem(text: str, **options: object) -> Problem:
    (problem,) = problems_of(text, **options)
    return problem


def test_three_lines_are_a_configuration() -> None:
    config = read_config("model: gpt2\ndata: $rows\nmethod: lora\n")
    assert config.model.name_or_path == "gpt2"
    assert config.data.train == "$rows"
    assert config.method.type == "lora"
    assert config.learning_rate_value == 2e-4


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("model: X", "model: {name_or_path: X}"),
        ("data: X", "data: {train: X}"),
        ("data: [X, Y]", "data: {train: [X, Y]}"),
        ("method: full", "method: {type: full}"),
        ("method: {r: 16}", "method: {type: lora, r: 16}"),
        ("objective: sft", "objective: {type: sft}"),
        ("objective: dpo", "objective: {type: dpo, loss: sigmoid, beta: 0.1}"),
        ("tracking: tensorboard", "tracking: {report_to: [tensorboard]}"),
        ("tracking: [tensorboard]", "tracking: {report_to: tensorboard}"),
        ("tracking: none", "tracking: {report_to: []}"),
        ("samples: [a, b]", "samples: {prompts: [a, b]}"),
        ("samples: Who are you?", "samples: {prompts: ['Who are you?']}"),
        ("samples: {prompts: Who are you}", "samples: {prompts: ['Who are you']}"),
        ("training:", "training: {}"),
    ],
)
def test_a_short_form_means_the_long_form(short: str, long: str) -> None:
    data = "" if short.startswith("data") else "\ndata: rows.jsonl"
    assert read_config(short + data) == read_config(long + data)


def test_automatic_learning_rate_goes_by_method_and_a_number_wins() -> None:
    assert read_config("data: x\nmethod: full").learning_rate_value == 2e-5
    assert read_config("data: x\ntraining: {learning_rate: 1}").learning_rate_value == 1.0


@pytest.mark.parametrize("text", ["1e-4", "1E-4", "1.0e-4", ".0001", "+1e-4", "0.0001"])
def test_a_number_in_any_notation_is_a_number(text: str) -> None:
    assert read_config(f"data: x\ntraining: {{learning_rate: {text}}}").training.learning_rate == 1e-4


@pytest.mark.parametrize("text", ["yes", "on", "12:30", "2024-01-01", "no", "1_000", "=", "<<"])
def test_words_that_older_yaml_takes_for_something_else_are_text(text: str) -> None:
    assert read_config(f"data: x\nsamples: [{text}]").samples.prompts == [text]


def test_a_conversation_can_be_a_sample_prompt() -> None:
    config = read_config(
        "data: x\nsamples:\n- [{role: system, content: Be brief.}, {role: user, content: Hi}]"
    )
    assert config.samples.prompts == [
        [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    ]


@pytest.mark.parametrize(
    ("text", "line", "key", "said"),
    [
        # unknown keys
        ("data: x\ntraning: {}", 2, "traning", "unknown key; did you mean training?"),
        ("data: x\ntraining:\n  learning_rat: 1", 3, "training.learning_rat", "did you mean learning_rate?"),
        ("data: x\nlearning_rate: 1", 2, "learning_rate", "unknown key; it belongs under training"),
        ("data: x\ntype: full", 2, "type", "it belongs under method or objective"),
        ("data: x\ntraining: {max_length: 9}", 2, "training.max_length", "it belongs under data"),
        ("data: x\nlearning_rat: 1", 2, "learning_rat", "did you mean training.learning_rate?"),
        ("data: x\nmethod:\n  rank: 4", 3, "method.rank", "did you mean r?"),
        ("data: x\nmethod:\n  type: full\n  r: 4", 4, "method.r", "only type lora or peft has it"),
        ("data: x\ncutoff_len: 4", 2, "cutoff_len", "did you mean data.max_length?"),
        ("data: x\ntraining.seed: 4", 2, "training.seed", "write seed on a line of its own under training"),
        ("data: x\nlaunch: {zzz: 1}", 2, "launch.zzz", "valid keys: on_kernel_exit"),
        ("data: x\nmethod: {zzz: 1}", 2, "method.zzz", "use_dora, init_lora_weights, eva_rho"),
        ("data: x\nmethod: {type: freeze, zzz: 1}", 2, "method.zzz", "valid keys: type, trainable_layers"),
        (
            "data: x\nmethod: {type: peft, peft_type: VERA, zzz: 1}",
            2,
            "method.zzz",
            "layers_to_transform, and 96 more",
        ),
        ("data: x\n1: 2", 2, "1", "unknown key"),
        # keys that are there twice, or not at all
        ("model: a\ndata: x\nmodel: b", 3, "model", "duplicate key, the first is 2 lines above"),
        ("data: x\nmethod: {r: 1, r: 2}", 2, "method.r", "twice on this line"),
        ("data: x\ntraining:\n  seed: 1\n  seed: 2", 4, "training.seed", "the first is 1 line above"),
        ("model: a", None, "data", "is missing; name the rows to train on"),
        ("model: a\ndata:", 2, "data", "is missing"),
        ("data:\n  limit: 5", 1, "data.train", "is missing; name the rows to train on"),
        # wrong types
        (
            "data: x\ntraining: {seed: abc}",
            2,
            "training.seed",
            "must be a whole number from 0 to 4294967295; got 'abc'",
        ),
        ("data: x\ntraining: {seed: '3'}", 2, "training.seed", "got '3'; write it without quotes"),
        ("data: x\ntraining: {seed: true}", 2, "training.seed", "got true"),
        ("data: x\ntraining: {max_steps: 1e3}", 2, "training.max_steps", "got 1000.0; write 1000"),
        ("data: x\ntraining: {max_steps: none}", 2, "training.max_steps", "got 'none'; write null"),
        ("data: x\ntraining: {seed: }", 2, "training.seed", "got nothing"),
        (
            "data: x\ntraining: {learning_rate: abc}",
            2,
            "training.learning_rate",
            "must be auto or a number above 0; got 'abc'",
        ),
        (
            "data: x\nmethod: {use_dora: yes}",
            2,
            "method.use_dora",
            "must be true or false; got 'yes'; write true",
        ),
        (
            "data: x\nmethod: {target_modules: q_proj}",
            2,
            "method.target_modules",
            "write it as a list: [q_proj]",
        ),
        (
            "data: x\nmethod: {target_modules: [q, 5]}",
            2,
            "method.target_modules[1]",
            "must be the name of a module; got 5",
        ),
        ("data: [{source: a, text: b}]", 1, "data.train[0].text", "unknown key; valid keys: source, subset"),
        (
            "data: {train: x, columns: {instrction: q}}",
            1,
            "data.columns",
            "'instrction' is no field of a row format; did you mean instruction?",
        ),
        (
            "data: {train: x, columns: {output: 3}}",
            1,
            "data.columns",
            "got 3; write it as text: {output: name}",
        ),
        ("data: {train: x, columns: q}", 1, "data.columns", "write {instruction: question, output: answer}"),
        ("data: 5", 1, "data", "got 5; name the rows to train on: data: $rows, or data: rows.jsonl"),
        (
            "data: x\ntraining: 5",
            2,
            "training",
            "must be a section of keys such as num_train_epochs, max_steps, per_device_train_batch_size; got 5",
        ),
        ("data: x\nmodel: 5", 2, "model", "must be text that is not empty, or a section of keys such as"),
        ("data: x\ntraining: seed:1", 2, "training", "put a space after the colon"),
        ("data: x\nresume: 5", 2, "resume", "got 5; put it in quotes"),
        ("data: x\nsamples:\n- a\n- Q: b", 4, "samples.prompts[1]", "got a section; put it in quotes"),
        ("data: x\nsamples: {prompts: 3}", 2, "samples.prompts", 'got 3; write it as a list: ["3"]'),
        ("data: x\nsamples: {prompts: ''}", 2, "samples.prompts[0]", "must be text, or a list of turns"),
        ("data: x\nsamples: [3]", 2, "samples.prompts[0]", "got 3; put it in quotes"),
        (
            "data: x\nsamples:\n- role: user\n  content: hi",
            3,
            "samples.prompts[0]",
            "got a section; a prompt of several turns is a list: [{role: user, content: Hello}]",
        ),
        ("data: x\nsamples:\n- a\n-\n  - role: user", 5, "samples.prompts[1][0]", "a turn has a role"),
        (
            "data: x\nsamples:\n  prompts:\n  - - {role: bot, content: a}",
            4,
            "samples.prompts[0][0]",
            "system, user or assistant",
        ),
        # out of bounds
        ("data: x\ntraining: {learning_rate: 0}", 2, "training.learning_rate", "a number above 0; got 0"),
        ("data: x\ntraining: {learning_rate: .inf}", 2, "training.learning_rate", "got inf"),
        ("data: x\ntraining: {warmup_ratio: 2}", 2, "training.warmup_ratio", "a number from 0 to 1; got 2"),
        ("data: {train: x, eval_fraction: 1}", 1, "data.eval_fraction", "of at least 0 and below 1; got 1"),
        ("data: {train: x, max_length: 4}", 1, "data.max_length", "a whole number of at least 8; got 4"),
        ("data: ''", 1, "data.train", "or a list of these; got ''"),
        # choices
        (
            "data: x\ntraining: {lr_scheduler_type: cosin}",
            2,
            "training.lr_scheduler_type",
            "did you mean cosine?",
        ),
        (
            "data: x\nmodel: {dtype: fp32}",
            2,
            "model.dtype",
            "one of auto, float32, bfloat16, float16; got 'fp32'; did you mean float32?",
        ),
        (
            "data: x\nobjective: {type: ppo, reward: 'ftp://x'}",
            2,
            "objective.reward",
            "'ftp://x' is no address that answers are sent to; write one that begins with http:// or https://",
        ),
        ("data: x\ntraining: {optim: AdamW}", 2, "training.optim", "; did you mean adamw_torch?"),
        ("data: x\nmodel: {quantization: 4bit}", 2, "model.quantization", "; did you mean nf4?"),
        ("data: x\nmodel: {dtype: fp16}", 2, "model.dtype", "; did you mean float16?"),
        ("data: x\nmodel: {dtype: BF16}", 2, "model.dtype", "; did you mean bfloat16?"),
        ("data: []", 1, "data.train", "or a list of these; got an empty list; name the rows to train on"),
        (
            "data: {train: [a, 5]}",
            1,
            "data.train[1]",
            "section such as {source: rows.jsonl, weight: 2}; got 5",
        ),
        ("data: {train: {source: a, weigth: 2}}", 1, "data.train.weigth", "did you mean weight?"),
        ("data: {train: a, eval: [b, {source: c, weight: 0}]}", 1, "data.eval[1].weight", "above 0; got 0"),
        ("data: {train: x, tags: {usr: me}}", 1, "data.tags", "'usr' is no tag of turns; did you mean user?"),
        (
            "data: x\nmethod: lorra",
            2,
            "method",
            "must be one of lora, adalora, freeze, full, peft; got 'lorra'; did you mean lora?",
        ),
        (
            "data: x\nobjective: dop",
            2,
            "objective",
            "must be one of sft, pretrain, dpo, kto, reward, ppo, grpo; got 'dop'; did you mean dpo?",
        ),
        (
            "data: x\nobjective: reward\nsamples: [Hello]",
            3,
            "samples",
            "a reward model scores answers and gives none; leave samples.prompts out",
        ),
        ("data: x\nobjective: {type: kto, loss: ipo}", 2, "objective.loss", "only type sft or dpo has it"),
        (
            "data: x\nobjective: {gamma: 1.0}",
            2,
            "objective.gamma",
            "unknown key; only type dpo or ppo has it",
        ),
        (
            "data: x\nobjective: ppo",
            2,
            "objective.reward",
            "is missing; name a run of the objective reward, a reward model, an address or a function, such as $score",
        ),
        (
            "data: x\nobjective: {type: ppo, reward: $my score}",
            2,
            "objective.reward",
            "'$my score' does not name a function; write $ and the name of one, such as $score, the name of a run",
        ),
        (
            "data: x\nobjective: {type: ppo, reward: $score, num_ppo_epochs: 3}",
            2,
            "objective.num_ppo_epochs",
            "did you mean ppo_epochs?",
        ),
        (
            "data: x\nobjective: {type: grpo, reward: $score, num_generations: 1}",
            2,
            "objective.num_generations",
            "must be a whole number of at least 2; got 1",
        ),
        (
            "data: x\nobjective: {type: grpo, reward: $score, reward_funcs: $score}",
            2,
            "objective.reward_funcs",
            "did you mean reward?",
        ),
        (
            "data: x\nobjective: {type: grpo, reward: $score, kl_coef: 0.1}",
            2,
            "objective.kl_coef",
            "only type ppo has it",
        ),
        (
            "data: x\nobjective: {loss: dft, label_smoothing: 0.1}",
            2,
            "objective.label_smoothing",
            "the loss dft does not use it; leave it out, or take one of nll",
        ),
        (
            "data: x\nobjective: {type: dpo, loss: sigmod}",
            2,
            "objective.loss",
            "got 'sigmod'; did you mean sigmoid?",
        ),
        (
            "data: x\nobjective:\n  type: dpo\n  loss: ipo\n  ld_alpha: 0.5",
            5,
            "objective.ld_alpha",
            "the loss ipo does not use it; leave it out, or take one of sigmoid, hinge, robust,",
        ),
        (
            "data: x\nobjective: {type: dpo, gamma: 0.5}",
            2,
            "objective.gamma",
            "the loss sigmoid does not use it; leave it out, or take one of simpo",
        ),
        (
            "data: x\nobjective: {type: dpo, loss: simpo, reference: precomputed}",
            2,
            "objective.reference",
            "the loss simpo does not use it",
        ),
        (
            "data: x\nobjective: {type: dpo, loss: robust}",
            2,
            "objective.label_smoothing",
            "the loss robust needs it above 0; set it to the share of pairs",
        ),
        (
            "data: x\nmethod: full\nobjective: {type: dpo, reference: adapter}",
            3,
            "objective",
            "needs adapters without which the model is that of before training; write reference: precomputed",
        ),
        ("data: x\npref_loss: ipo", 2, "pref_loss", "unknown key; did you mean objective.loss?"),
        ("data: x\nobjective: {type: dpo, pref_beta: 1}", 2, "objective.pref_beta", "did you mean beta?"),
        (
            "data: x\ntracking: wandb",
            2,
            "tracking.report_to",
            "wandb is not supported yet; allowed are tensorboard and none",
        ),
        (
            "data: x\ntracking: [tensorboard, swanlab]",
            2,
            "tracking.report_to",
            "swanlab is not supported yet",
        ),
        ("data: x\ntracking: tensorbord", 2, "tracking.report_to[0]", "did you mean tensorboard?"),
        # what excludes each other, and what is never allowed
        (
            "data: {train: x, eval: y, eval_fraction: 0.1}",
            1,
            "data.eval_fraction",
            "data.eval and data.eval_fraction exclude each other",
        ),
        (
            "data: {train: x, eval_fraction: 0.1, eval_rows: 10}",
            1,
            "data.eval_rows",
            "data.eval_fraction and data.eval_rows exclude each other",
        ),
        ("data: {train: x, eval: y, eval_rows: 10}", 1, "data.eval_rows", "exclude each other"),
        (
            "data: x\ntraining: {warmup_ratio: 0.1, warmup_steps: 10}",
            2,
            "training.warmup_steps",
            "training.warmup_ratio and training.warmup_steps exclude each other",
        ),
        ("data: x\nmodel: {trust_remote_code: true}", 2, "model.trust_remote_code", "is never run"),
        ("data: $my-rows", 1, "data.train", "does not name a variable"),
        (
            "data: x\nmodel: !!python/name:os.system x",
            2,
            "model",
            "cannot be read as !!python/name:os.system",
        ),
        # tags
        ("data: !t [a]", 1, "data", "a list cannot be read as !t; remove !t"),
        ("data: !!set {a, b}", 1, "data", "a section cannot be read as !!set; remove !!set"),
        (
            "data: x\ntraining:\n  max_steps: !!int [1]",
            3,
            "training.max_steps",
            "a list cannot be read as !!int",
        ),
        ("data: x\nsamples:\n- !!str {a: b}", 3, "samples[0]", "a section cannot be read as !!str"),
        ("data: !!binary aGk=", 1, "data", "'aGk=' cannot be read as !!binary"),
        ("data: x\ntraining:\n  <<: {seed: 1}", 3, "training", "merge keys (<<) are not supported"),
        (
            "data: x\nmodel:\n  quantization: int8\n  double_quantization: false",
            4,
            "model.double_quantization",
            "quantization: int8 does not use it; leave it out",
        ),
        (
            "data: x\nmodel:\n  double_quantization: false",
            3,
            "model.double_quantization",
            "quantization: none does not use it",
        ),
        (
            "data: {train: x, packing: true}\nobjective: dpo",
            2,
            "objective",
            "dpo does nothing with data.packing; leave data.packing out",
        ),
        (
            "data: {train: x, train_on_prompt: true}\nobjective: {type: grpo, reward: r}",
            2,
            "objective",
            "grpo does nothing with data.train_on_prompt",
        ),
        (
            "data: {train: x, train_on_prompt: true, mask_history: true}",
            1,
            "data.mask_history",
            "data.mask_history and data.train_on_prompt exclude each other; keep one of the two",
        ),
        (
            "data: {train: x, train_on_prompt: true}\nobjective: pretrain",
            2,
            "objective",
            "pretrain does nothing with data.train_on_prompt",
        ),
        (
            "data: {train: x, packing: true}\nmethod: {type: peft, peft_type: PROMPT_TUNING}",
            2,
            "method",
            "PROMPT_TUNING does nothing with data.packing; leave data.packing out",
        ),
        (
            "data: x\nobjective:\n  type: kto\n  desirable_weight: 0\n  undesirable_weight: 0",
            5,
            "objective.undesirable_weight",
            "no answer counts where both weights are 0; leave one of the two out",
        ),
        (
            "data: {train: x, mask_history: true}\nobjective: pretrain",
            2,
            "objective",
            "pretrain does nothing with data.mask_history",
        ),
        (
            "data: {train: x, train_on_eos: false}\nobjective: {type: ppo, reward: r}",
            2,
            "objective",
            "ppo does nothing with data.train_on_eos",
        ),
    ],
)
def test_a_mistake_is_told_with_line_key_and_remedy(text: str, line: int | None, key: str, said: str) -> None:
    problem = only_problem(text)
    assert (problem.line, problem.key) == (line, key)
    assert said in str(problem)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", None, "the text is empty"),
        ("# later\n", None, "the text is empty"),
        ("train my model", 1, "expected sections, got 'train my model'"),
        ("data:rows.jsonl", 1, "with a space after the colon"),
        ("- a\n- b", 1, "expected sections, got a list"),
        ("training:\n\tseed: 1", 2, "at column 1: a tab cannot be used here; indent with spaces"),
        ("a: b: c", 1, "at column 5: unexpected colon; check the indentation"),
        ("data: x\nmethod: lora\n  r: 8", 3, "unexpected colon; write method: {type: lora, r: 8}"),
        ("data: $rows # mine\n  limit: 8 # few", 2, "write data: {train: $rows, limit: 8}"),
        ("training: x\n  seed: 8", 2, "unexpected colon; check the indentation"),
        ("data: x\nmodel\nmethod: lora", 2, "a key needs a colon"),
        ("data: x\ntraining:\n    seed: 1\n  max_steps: 2", 4, "the indentation does not match"),
        ("data: 'abc\nmodel: x", 1, "at column 7: a quote is opened and never closed"),
        ("data: [a, b\nmodel: x", 1, "at column 7: a [ is opened and never closed"),
        ("data: x\nmodel: {a", 2, "at column 8: a { is opened and never closed"),
        ("data: x\nmodel: @x", 2, "at column 8: a value cannot start with @; put the value in quotes"),
        ("data: x\nsamples:\n- *bold*", 3, "a value cannot start with * or &; put the value in quotes"),
        (
            "data: x\nsamples: [Hello, Who are you?]",
            2,
            "at column 29: a ? cannot stand in brackets or braces",
        ),
        ("data: x\nsamples: [[{content: Yes?}]]", 2, "a ? cannot stand in brackets or braces"),
        ("data: &a x\nmodel: *a", 2, "aliases (*name) are not supported"),
        ("data: x\n---\nmodel: y", 2, "a second document starts here"),
        ("model: a\ndata: x\x00", 2, "a character that cannot be shown"),
        ("[" * 5000, 1, "nested too deeply"),
        ("? [a]\n: b\ndata: x", 1, "a key must be a word"),
    ],
)
def test_text_that_is_no_configuration_is_refused_in_plain_words(
    text: str, line: int | None, said: str
) -> None:
    problem = only_problem(text)
    assert problem.line == line
    assert said in str(problem)


def test_of_a_part_only_its_own_mistakes_count() -> None:
    text = "model: a\ndata: {train: x, max_length: 64}\ntraining:\n  seed: one\n  seed: 2\nmethot: lora\n"
    part = read_part(text, ("model", "data"), "the text")
    assert (part.model.name_or_path, part.data.max_length) == ("a", 64)
    with pytest.raises(ConfigError) as caught:
        read_part(
            "data: {train: x, max_length: 64, max_length: 65}\nmodel: {dtype: big}", ("data",), "the text"
        )
    assert [(one.line, one.key) for one in caught.value.problems] == [(None, "data.max_length")]


def test_of_many_names_only_the_meant_one_is_said() -> None:
    said = str(only_problem("data: x\ntraining: {optim: adam_torch}"))
    count = len(get_args(OptimizerName))
    assert said.endswith(f"must be one of {count} names; got 'adam_torch'; did you mean adamw_torch?")


def test_all_mistakes_come_at_once_in_order_of_lines() -> None:
    text = "model: a\nmodel: b\nmethod: {r: 0}\ntraning: {}\ntraining:\n  seed: abc\n  optim: adam\n"
    with pytest.raises(ConfigError) as caught:
        read_config(text, source="tune.yaml")
    assert [problem.key for problem in caught.value.problems] == [
        "data",
        "model",
        "method.r",
        "traning",
        "training.seed",
        "training.optim",
    ]
    shown = str(caught.value).splitlines()
    assert shown[0] == "The configuration has 6 mistakes:"
    assert shown[2] == "line 2: model: duplicate key, the first is 1 line above; keep one of them"
    assert shown[4] == "line 4: traning: unknown key; did you mean training?"
    assert shown[-1] == "  where: tune.yaml"


def test_lines_are_counted_from_the_first_line_of_the_cell() -> None:
    assert only_problem("data: x\nfoo: 1", first_line=2).line == 3
    assert only_problem("a: b: c", first_line=2).line == 2


def test_overrides_win_and_keep_the_rest() -> None:
    config = read_config(
        "model: a\ndata: x\nmethod: {r: 4}\ntraining: {seed: 1, max_steps: 5}",
        overrides=[
            "model.dtype=float32",
            "training.max_steps=7",
            "training.learning_rate=1e-4",
            "samples=[a, b]",
        ],
    )
    assert (config.model.name_or_path, config.model.dtype) == ("a", "float32")
    assert (config.training.seed, config.training.max_steps) == (1, 7)
    assert config.training.learning_rate == 1e-4
    assert config.samples.prompts == ["a", "b"]
    assert read_config("data: x\nmethod: {r: 4}", overrides=["method=full"]).method.type == "full"
    assert (
        read_config("data: x\ntraining: {max_steps: 5}", overrides=["training.max_steps="]).training.max_steps
        is None
    )
    assert read_config("", overrides=["data=x"]).data.train == "x"


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("training.foo=3", "--set training.foo=3: unknown key; valid keys: num_train_epochs"),
        (
            "training.seed=abc",
            "--set training.seed=abc: must be a whole number from 0 to 4294967295; got 'abc'",
        ),
        ("trainin.seed=1", "--set trainin.seed=1: trainin: unknown key; did you mean training?"),
        ("model={foo: 1}", "--set model={foo: 1}: model.foo: unknown key"),
        ("foo", "--set foo: has no key or no value; write KEY=VALUE"),
        ("training..seed=1", "--set training..seed=1: has no key or no value"),
        ("data=[", "--set data=[: YAML syntax error at column 2: a value is missing here"),
        ("samples.prompts.0=x", "--set samples.prompts.0=x: samples.prompts is not a section"),
    ],
)
def test_a_mistake_in_an_override_names_the_override(override: str, said: str) -> None:
    problem = only_problem("data: x\nsamples: [a]\ntraining: {seed: 1}", overrides=[override])
    assert problem.line is None
    assert str(problem).startswith(said)


def test_mistakes_in_text_and_overrides_come_together() -> None:
    problems = problems_of("data: x\nfoo: 1", overrides=["training.seed=a", "bar=1"])
    assert [str(problem).partition(":")[0] for problem in problems] == [
        "--set training.seed=a",
        "--set bar=1",
        "line 2",
    ]


def test_the_run_to_continue_wins_over_the_text() -> None:
    assert read_config("data: x\nresume: a", resume="b").resume == "b"


def test_keyword_arguments_are_checked_like_text() -> None:
    config = config_from_dict({"model": "a", "data": "$x", "method": {"r": 4}, "tracking": "tensorboard"})
    assert config == read_config("model: a\ndata: $x\nmethod: {r: 4}\ntracking: tensorboard")
    with pytest.raises(ConfigError) as caught:
        config_from_dict({"data": "x", "training": {"seed": "a", "lr": 1}, 5: 6})  # type: ignore[dict-item]
    assert caught.value.where == "finetune()"
    assert {str(problem).partition(";")[0] for problem in caught.value.problems} == {
        "training.seed: must be a whole number from 0 to 4294967295",
        "training.lr: unknown key",
        "5: unknown key",
    }
    with pytest.raises(ConfigError, match="must be a section of keys such as model, data"):
        config_from_dict([1])  # type: ignore[arg-type]


def test_a_configuration_survives_json_and_cannot_be_changed() -> None:
    config = read_config("data: x\nmethod: full\nsamples: [a]")
    assert RunConfig.model_validate(config.model_dump(mode="json")) == config
    with pytest.raises(ValueError, match="frozen"):
        config.model = config.model


@pytest.mark.parametrize(
    "text", ["data: {long}.jsonl", "{{data: a, model: ./{long}}}", "data: {{train: a, dataset_dir: {long}}}"]
)
def test_a_name_that_no_file_can_have_is_told_before_a_file_system_is_asked(text: str) -> None:
    with pytest.raises(ConfigError, match="no file has so long a name"):
        read_config(text.format(long="a" * 300))
    assert read_config("data: s3://rows/a?token=" + "a" * 300)
