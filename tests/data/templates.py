"""Chat templates in the manner of well-known models, each with a habit of its own.

The special tokens are those of SmolLM2's vocabulary, so that one tokenizer serves all: <|im_start|> and <|im_end|>
open and close, and <file_sep>, <repo_name>, <issue_start>, <issue_comment> stand for the others.
"""

# A default system prompt; a new line after each end of turn.
CHATML = """\
{%- if messages[0]['role'] != 'system' -%}
{{ '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}
{%- endif -%}
{%- for message in messages -%}
{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}
"""

# Llama 3: contents stripped, headers in tokens of their own, nothing after the end of a turn.
LLAMA3 = """\
{{- '<repo_name>' -}}
{%- for message in messages -%}
{{- '<issue_start>' + message['role'] + '<issue_comment>\\n\\n' + message['content'] | trim + '<|im_end|>' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<issue_start>assistant<issue_comment>\\n\\n' -}}{%- endif -%}
"""

# Mistral: no generation prompt, the system prompt inside the first question, an answer after a space, strict order.
MISTRAL = """\
{%- if messages[0]['role'] == 'system' -%}
{%- set system = messages[0]['content'] -%}{%- set turns = messages[1:] -%}
{%- else -%}{%- set system = '' -%}{%- set turns = messages -%}{%- endif -%}
{{- '<repo_name>' -}}
{%- for message in turns -%}
{%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}
{{- raise_exception('After the optional system message, roles must alternate user and assistant.') -}}
{%- endif -%}
{%- if message['role'] == 'user' -%}
{{- '[INST] ' + (system + '\\n\\n' if loop.first and system else '') + message['content'].strip() + ' [/INST]' -}}
{%- else -%}
{{- ' ' + message['content'].strip() + '<|im_end|>' -}}
{%- endif -%}
{%- endfor -%}
"""

# Gemma: the assistant is called model, a system prompt is refused, eos is not what ends a turn.
GEMMA = """\
{{- '<repo_name>' -}}
{%- if messages[0]['role'] == 'system' -%}{{- raise_exception('System role not supported') -}}{%- endif -%}
{%- for message in messages -%}
{%- set role = 'model' if message['role'] == 'assistant' else message['role'] -%}
{{- '<issue_start>' + role + '\\n' + message['content'] | trim + '<issue_closed>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<issue_start>model\\n' -}}{%- endif -%}
"""

# Qwen 3: reasoning of earlier turns dropped, an empty one written before the last answer, tools and tool calls.
QWEN3 = """\
{%- if tools -%}
{{- '<|im_start|>system\\n' -}}
{%- if messages[0].role == 'system' -%}{{- messages[0].content + '\\n\\n' -}}{%- endif -%}
{{- '# Tools\\n\\n<tools>' -}}
{%- for tool in tools -%}{{- '\\n' -}}{{- tool | tojson -}}{%- endfor -%}
{{- '\\n</tools><|im_end|>\\n' -}}
{%- elif messages[0].role == 'system' -%}
{{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' -}}
{%- endif -%}
{%- set place = namespace(last=-1) -%}
{%- for message in messages -%}
{%- if message.role == 'user' -%}{%- set place.last = loop.index0 -%}{%- endif -%}
{%- endfor -%}
{%- for message in messages -%}
{%- if message.role == 'user' -%}
{{- '<|im_start|>user\\n' + message.content + '<|im_end|>\\n' -}}
{%- elif message.role == 'assistant' -%}
{%- set content = message.content -%}{%- set reasoning = '' -%}
{%- if '</think>' in content -%}
{%- set reasoning = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') -%}
{%- set content = content.split('</think>')[-1].lstrip('\\n') -%}
{%- endif -%}
{{- '<|im_start|>assistant\\n' -}}
{%- if loop.index0 > place.last and (loop.last or reasoning) -%}
{{- '<think>\\n' + reasoning.strip('\\n') + '\\n</think>\\n\\n' + content.lstrip('\\n') -}}
{%- else -%}
{{- content -}}
{%- endif -%}
{%- for call in message.tool_calls or [] -%}
{%- if not loop.first or content -%}{{- '\\n' -}}{%- endif -%}
{{- '<tool_call>\\n{"name": "' + call.function.name + '", "arguments": ' -}}
{{- call.function.arguments | tojson -}}{{- '}\\n</tool_call>' -}}
{%- endfor -%}
{{- '<|im_end|>\\n' -}}
{%- elif message.role == 'tool' -%}
{%- if loop.first or messages[loop.index0 - 1].role != 'tool' -%}{{- '<|im_start|>user' -}}{%- endif -%}
{{- '\\n<tool_response>\\n' + message.content + '\\n</tool_response>' -}}
{%- if loop.last or messages[loop.index0 + 1].role != 'tool' -%}{{- '<|im_end|>\\n' -}}{%- endif -%}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}
"""

# Zephyr: headers in plain text, eos and a new line after every turn.
ZEPHYR = """\
{%- for message in messages -%}
{{- '<|' + message['role'] + '|>\\n' + message['content'] + '<|im_end|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|assistant|>\\n' -}}{%- endif -%}
"""

# Phi 3: a token that ends a turn, and one more at the very end, which is eos.
PHI3 = """\
{%- for message in messages -%}
{{- '<issue_start>' + message['role'] + '\\n' + message['content'] + '<issue_closed>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<issue_start>assistant\\n' -}}{%- else -%}{{- '<|im_end|>' -}}{%- endif -%}
"""

# Vicuna: all in plain text, the answer after a colon and a space, eos after each answer.
VICUNA = """\
{%- for message in messages -%}
{%- if message['role'] == 'system' -%}{{- message['content'] + '\\n\\n' -}}
{%- elif message['role'] == 'user' -%}{{- 'USER: ' + message['content'] + '\\n' -}}
{%- else -%}{{- 'ASSISTANT: ' + message['content'] + '<|im_end|>\\n' -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- 'ASSISTANT:' -}}{%- endif -%}
"""

# A generation prompt that opens the reasoning, which no answer of the data has.
DEEPSEEK = """\
{%- for message in messages -%}
{%- if message['role'] == 'assistant' -%}
{{- '<issue_start>' + message['content'].split('</think>')[-1] + '<|im_end|>' -}}
{%- else -%}{{- '<issue_comment>' + message['content'] -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<issue_start><think>\\n' -}}{%- endif -%}
"""
