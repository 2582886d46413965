/**
 * Cells as people write them, by what is particular about them.
 */
export const DOCUMENTS: { [what: string]: string } = {
  'three lines': `model: smollm2-135m
data: $df
method: lora
`,
  'no line end at the end': `model: smollm2-135m
data: $df`,
  'a comment on each line': `# Fine-tuning our support assistant
model: smollm2-135m      # small enough for a laptop
data: tickets.jsonl      # exported on Monday
method: lora             # full needs more memory
`,
  'sections with blank lines between': `model:
  name_or_path: smollm2-135m
  dtype: bfloat16

data:
  train: $train
  eval: $test

method:
  type: lora
  r: 16

training:
  max_steps: 200
  learning_rate: 2e-4
`,
  'options left in as comments': `model: smollm2-135m
data: $df
training:
  # learning_rate: 1e-4   # diverged
  # learning_rate: 5e-5   # too slow
  learning_rate: 2.0e-4
  # num_train_epochs: 3
  max_steps: 100
  # warmup_ratio: 0.03

samples: Tell me a joke.
`,
  'a comment that belongs to what follows': `model: smollm2-135m
data:
  train: $df
  max_length: 512
# how the adapter is made
method:
  r: 8
# what we want to see
samples:
  prompts: [Hello, Bye]
`,
  'indented by four': `model:
    name_or_path: smollm2-135m
data:
    train: rows.jsonl   # 1,200 rows
    max_length: 1024
training:
    gradient_accumulation_steps: 4
    # the small one
    per_device_train_batch_size: 2
`,
  'flow sections': `model: {name_or_path: smollm2-135m, dtype: float32}
data: {train: $df}
method: {type: lora, r: 8, lora_alpha: 16}  # the usual
`,
  'a flow section over lines': `model: smollm2-135m
data: $df
method: {
  type: lora,   # not full
  r: 8,
  target_modules: [q_proj, v_proj],
}
training: {max_steps: 20}
`,
  'everything in brackets': `{model: smollm2-135m, data: {train: $df}, training: {max_steps: 5}}
`,
  JSON: `{
  "model": {"name_or_path": "smollm2-135m"},
  "data": {"train": "rows.jsonl"},
  "training": {"max_steps": 10, "learning_rate": 0.0002}
}
`,
  'single quotes': `model: 'smollm2-135m'
data:
  train: 'C:\\data\\it''s here.jsonl'   # a Windows path
  format: 'alpaca'
`,
  'double quotes': `model: "smollm2-135m"
data:
  train: "my data/rows \\u2013 final.jsonl"
samples: "What is a \\"token\\"?"
`,
  'a list of prompts, one a line': `model: smollm2-135m
data: $df
samples:
  prompts:
    - Who wrote Faust?
    - "Translate: good morning"   # to German
    # a hard one
    - What is the third root of 27?
  every_steps: 20
`,
  'short form of samples as a list': `model: smollm2-135m
data: $df
samples:
  - Who are you?
  - What can you do?   # it should mention tickets
tracking: [tensorboard, wandb]
`,
  'list at the indentation of its key': `model: smollm2-135m
data: $df
samples:
- Who are you?
- What can you do?
tracking:
- tensorboard
`,
  'short form of samples on one line': `data: $df
samples: Write a poem about rain.   # watch it learn
`,
  'a literal text': `model: smollm2-135m
data:
  train: $df
  system: |
    You are a helpful assistant.

    Answer in one sentence.
  max_length: 256
`,
  'a literal without its last line end': `data:
  train: $df
  system: |-   # said first in each chat
    You are terse.
    Very terse.
# no evaluation yet
training:
  max_steps: 10
`,
  'a literal at the end': `data:
  train: $df
  system: |
    Answer in German.
    Be polite.
`,
  'a literal at the end of a text without line end': `data:
  train: $df
  system: |
    Answer in German.
    Be polite.`,
  'a folded text': `data:
  train: $df
  system: >-
    You are a helpful
    assistant who answers
    briefly.
  format: chat   # as exported
`,
  'a literal that keeps its line ends': `data:
  system: |+
    One.

    Two.

  train: $df
method: lora
`,
  'a literal as prompt': `data: $df
samples:
  prompts:
    - |
      Summarise:
      The cat sat on the mat.
    - Hello   # a plain one
`,
  'text over several lines': `data:
  train: $df
  system: You are a helpful
    assistant, and kind.
samples: "Tell me
  a story"   # a long one
`,
  'value on the next line': `model:
  smollm2-135m
data:
  # the cleaned rows
  $clean
training:
  learning_rate:
    2e-4
`,
  'numbers in all forms': `data: $df
training:
  learning_rate: 1e-4      # scientific
  weight_decay: 0.0
  warmup_steps: 010
  max_grad_norm: 1.
  adam_epsilon: 1.0E-8
  seed: +42
  max_steps: -1
`,
  'words that are no booleans': `data:
  train: $df
  columns: {prompt: yes, response: 'no'}
training:
  bf16: true
  fp16: False
  resume: null
  seed: ~
`,
  'an empty section': `model: smollm2-135m
data: $df
training:
samples: Hello!
`,
  'an empty section with comments': `data: $df
training:   # all by default
  # max_steps: 10
tracking: wandb
`,
  'empty braces': `data: $df
training: {}
method: { }   # to be filled
samples: []
`,
  'a document start': `---
# configuration of the nightly run
model: smollm2-135m
data: nightly.parquet
`,
  'a document start and end': `--- # nightly
data: nightly.parquet
training:
  num_train_epochs: 1
...
`,
  'a YAML directive': `%YAML 1.2
---
data: $df
method: full
`,
  'an anchor': `data:
  train: $df
training:
  per_device_train_batch_size: &batch 4   # as much as fits
  learning_rate: 1e-4
`,
  'an anchor in quotes': `data:
  train: &data '$df'   # the same
training:
  max_steps: 10
`,
  'an anchored section': `data: $df
method: &adapter
  r: 8
  lora_alpha: 16
`,
  tags: `data: !!str 2024
training:
  seed: !!int 7   # lucky
  max_steps: 3
`,
  'tabs after colons and before comments':
    'model:\tsmollm2-135m\t# small\ndata:\t$df\ntraining:\n  max_steps:\t10\t# quick\n',
  'Windows line ends':
    '# from Windows\r\nmodel: smollm2-135m\r\ndata:\r\n  train: rows.csv   # comma\r\n  max_length: 128\r\n\r\ntraining:\r\n  max_steps: 5\r\n',
  'Windows line ends and a literal':
    'data:\r\n  train: $df\r\n  system: |\r\n    Be kind.\r\n    Be brief.\r\nmethod: lora\r\n',
  'blanks at line ends':
    'model: smollm2-135m  \ndata: $df \ntraining:  \n  max_steps: 3   \n',
  'blank lines first': `

data: $df

method: lora
`,
  'the whole text indented': `  model: smollm2-135m
  data: $df
  training:
    max_steps: 4
`,
  'sections in no order': `training:
  max_steps: 50
samples: Hi
data: $df
model: smollm2-135m   # last
`,
  'a continued run': `data: $df
resume: first-try   # from its last checkpoint
training:
  max_steps: 400
`,
  'several files': `model: smollm2-135m
data:
  train:
    - path: a.jsonl   # ours
      weight: 2
    - path: b.jsonl
      # theirs is noisy
      weight: 0.5
  max_length: 512
`,
  'compact nested lists': `data:
  train: $df
  ranges:
    - - 1
      - 2
    - [3, 4]   # the second
`,
  'a deep section': `data: $df
launch:
  deepspeed:
    zero_optimization:
      stage: 2   # 3 is slower here
      offload_optimizer: {device: cpu}
    gradient_clipping: 1.0
  num_processes: 2
`,
  'other scripts': `model: smollm2-135m
data: 데이터.jsonl   # 한국어 자료
samples:
  - 안녕하세요?
  - "你好：请介绍一下自己"
  - Привет 👋
`,
  'keys in quotes': `"model": smollm2-135m
'data':
  "train": $df
"training": {"max_steps": 5}
`,
  'punctuation in plain text': `model: HuggingFaceTB/SmolLM2-135M-Instruct@main
data: hf://datasets/acme/support:train[:500]
samples: "Why? Because: I say so #1"
objective: sft # not dpo
`,
  'long comments around': `# ---------------------------------------------------------------
# Run 7: lower rank after the talk with Mina on Tuesday.
# ---------------------------------------------------------------

data: $df

# Method -----------------------------------------------------------
method:
  type: lora
  r: 4           # was 16


# The end ----------------------------------------------------------
`,
  'comments only': `# model: smollm2-135m
# data: $df
`,
  'a comment without line end': '# to be written',
  'a document start only': '---\n',
  'blank lines only': '\n\n',
  nothing: '',
  'comments deeper than their keys': `data: $df
method:
    # deeper than it needs to be
  r: 8
      # deeper still
  lora_alpha: 16
   # at the end
training:
  max_steps: 1
`,
  'preference tuning': `model:
  name_or_path: smollm2-135m
  quantization: {bits: 4, type: nf4}   # needs bitsandbytes
data:
  train: pairs.jsonl
  format: preference
objective:
  type: dpo
  beta: 0.1        # [0.01, 0.5]
  loss_type: sigmoid
tracking:
  report_to: [tensorboard]
`
};
