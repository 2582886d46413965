import type { IJupyterLabPageFixture } from '@jupyterlab/galata';

/** Conversations as a variable: one is long, one has no answer. */
export const WRITE_ROWS = `%load_ext llmtune_kernel
rows = [
    {
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "Who are you?\\nSay it."},
            {"role": "assistant", "content": f"I am {n}."},
        ]
    }
    for n in range(1500)
]
rows[4]["messages"][2]["content"] = "So many words, " * 2500
rows[1200]["messages"][2]["content"] = ""`;

/** A cell that trains on them. */
export const RUN_ROWS = `%%finetune seeing
data:
  train: $rows
  max_length: 20000`;

/** Click on a row by its place among those that are seen. */
export async function clickRow(
  page: IJupyterLabPageFixture,
  place: number
): Promise<void> {
  await page
    .locator('.jp-llmtune-grid .lm-DataGrid-viewport')
    .click({ position: { x: 200, y: 26 + 24 * place + 12 } });
}
