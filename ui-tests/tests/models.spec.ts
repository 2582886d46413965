import { execFileSync } from 'child_process';
import { mkdtempSync } from 'fs';
import { tmpdir } from 'os';
import { join } from 'path';

import { expect, test } from '@jupyterlab/galata';

import { openNotebook } from './notebooks';

/** Writes a random model of some kilobytes as it lies in the cache after it was fetched from the Hub. */
const FETCHED = `import sys
from pathlib import Path
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM
from llmtune_kernel.config import ModelConfig
from llmtune_kernel.models.sources import find_model
repo = Path(sys.argv[1]) / "hub" / "models--tests--tiny-llama"
commit = "0" * 40
(repo / "refs").mkdir(parents=True)
(repo / "blobs").mkdir()
(repo / "refs" / "main").write_text(commit)
tokenizer = AutoTokenizer.from_pretrained(find_model(ModelConfig()).name_or_path)
tokenizer.save_pretrained(repo / "snapshots" / commit)
LlamaForCausalLM(LlamaConfig(
    vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
    max_position_embeddings=512, eos_token_id=tokenizer.eos_token_id,
)).save_pretrained(repo / "snapshots" / commit)`;

const load = (home: string) => `import os
os.environ.update(HF_HOME="${home}", HF_HUB_OFFLINE="1")
%load_ext llmtune_kernel
rows = [{"prompt": "a", "completion": "b"}] * 12`;

// Galata's stand-in for the kernel service does not see a kernel end.
test.use({ kernels: null, sessions: null });
test.use({ viewport: { width: 1280, height: 1000 } });

test('A model that was fetched from the Hub is offered, tuned and asked without the Hub', async ({
  page,
  tmpPath
}) => {
  test.setTimeout(5 * MINUTE);
  const home = mkdtempSync(join(tmpdir(), 'llmtune-hub-'));
  execFileSync('python', ['-c', FETCHED, home], { stdio: 'ignore' });
  await openNotebook(page, `${tmpPath}/models.ipynb`, [load(home), '']);
  await page.notebook.runCell(0);
  await page.getByRole('tab', { name: 'Fine-tuning' }).click();
  const form = page.locator('#jp-llmtune-configure');
  const runs = page.locator('#jp-llmtune-runs');
  await form.getByRole('combobox', { name: 'Model' }).click();
  const here = form.getByRole('group', { name: 'On this machine' });
  await expect(here.getByRole('option')).toHaveText([/^tests\/tiny-llama/]);
  await page.screenshot({ path: 'artefacts/sidebar-models.png' });
  await here.getByRole('option').click();
  await form.getByRole('combobox', { name: 'Training data' }).click();
  await form.getByRole('option', { name: /^\$rows/ }).click();
  await form.getByRole('button', { name: 'Run', exact: true }).click();
  const cell = page.locator('.jp-CodeCell', { hasText: '%%finetune' });
  await expect(cell).toContainText('model: tests/tiny-llama');
  const run = runs.getByRole('row').first();
  await expect(run.getByText('finished')).toBeVisible({ timeout: 2 * MINUTE });

  await page.getByRole('heading', { name: 'Playground Section' }).click();
  const playground = page.locator('#jp-llmtune-playground');
  await playground
    .getByRole('combobox', { name: 'Add a model' })
    .selectOption('model:tests/tiny-llama');
  await playground.getByRole('textbox', { name: 'Message' }).fill('Who?');
  await playground.getByRole('button', { name: 'Send' }).click();
  await expect(
    playground.locator('.jp-llmtune-turn.jp-mod-assistant')
  ).toHaveText(/\S/, { timeout: MINUTE });
  await expect(playground.locator('.jp-llmtune-fault')).toHaveCount(0);
});

test('A well-known model is found by words, and what it needs is set by a button', async ({
  page,
  tmpPath
}) => {
  const home = mkdtempSync(join(tmpdir(), 'llmtune-hub-'));
  await openNotebook(page, `${tmpPath}/known.ipynb`, [
    load(home),
    '%%finetune known\ndata: $rows\n'
  ]);
  await page.notebook.runCell(0);
  await page.notebook.selectCells(1);
  await page.getByRole('tab', { name: 'Fine-tuning' }).click();
  const form = page.locator('#jp-llmtune-configure');
  const cell = page.locator('.jp-CodeCell', { hasText: '%%finetune' });
  const field = form.getByRole('combobox', { name: 'Model' });

  await field.click();
  await field.fill('gemma gated base 0.268b');
  const found = form.getByRole('group', { name: 'On the Hub: Gemma' });
  await expect(found.getByRole('option')).toHaveText([
    /^google\/gemma-3-270m268 M, 32,768 tokens, gemma, gated$/
  ]);
  await page.screenshot({ path: 'artefacts/sidebar-models-found.png' });
  await found.getByRole('option').click();
  await expect(form.getByText('Gated: accept its licence')).toBeVisible();
  await form.getByRole('button', { name: 'Use gemma' }).click();
  await expect(cell).toContainText('model: google/gemma-3-270m');
  await expect(cell).toContainText('template: gemma');
  await expect(form.getByText('to come with a chat template')).toHaveCount(0);

  await field.fill('olmoe instruct');
  await form.getByRole('option', { name: /^allenai/ }).click();
  await expect(form.getByText('Gated')).toHaveCount(0);
  const advice = form.getByRole('button', { name: 'Use q_proj, k_proj' });
  await advice.scrollIntoViewIfNeeded();
  await page.screenshot({ path: 'artefacts/sidebar-models-advice.png' });
  await advice.click();
  await expect(cell).toContainText('target_modules');
  await expect(form.getByText('do not suit this model')).toHaveCount(0);
});

const MINUTE = 60_000;
