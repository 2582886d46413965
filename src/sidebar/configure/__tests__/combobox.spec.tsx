import { nullTranslator } from '@jupyterlab/translation';

import React, { act } from 'react';
import { createRoot } from 'react-dom/client';
import type { Root } from 'react-dom/client';

import { Combobox } from '../combobox';

const FILES = ['few.jsonl', 'more.jsonl'];

describe('A text that can be typed or picked', () => {
  const picked: string[] = [];
  let node: HTMLElement;
  let root: Root;

  function Field(): JSX.Element {
    const [value, setValue] = React.useState('');
    return (
      <Combobox
        id="data"
        typed={{
          value,
          onChange: ({ target }) => setValue(target.value),
          onBlur: () => undefined
        }}
        options={() =>
          FILES.map(file => ({
            value: file,
            label: file,
            detail: '',
            group: 'Files'
          }))
        }
        noneText="None"
        placeholder=""
        isReadOnly={false}
        aria={{}}
        trans={nullTranslator.load('')}
        onPick={file => picked.push(file)}
      />
    );
  }

  beforeEach(() => {
    (globalThis as any).IS_REACT_ACT_ENVIRONMENT = true;
    // jsdom does not lay out, and so cannot scroll.
    Element.prototype.scrollIntoView = () => undefined;
    picked.length = 0;
    node = document.createElement('div');
    root = createRoot(node);
    document.body.appendChild(node);
    act(() => root.render(<Field />));
  });

  afterEach(() => {
    act(() => root.unmount());
    node.remove();
  });

  const input = () => node.querySelector('input')!;
  const isOpen = () => input().getAttribute('aria-expanded') === 'true';
  const press = (key: string) =>
    act(() => {
      input().dispatchEvent(
        new KeyboardEvent('keydown', { key, bubbles: true })
      );
    });
  const type = (text: string) =>
    act(() => {
      const { set } = Object.getOwnPropertyDescriptor(
        HTMLInputElement.prototype,
        'value'
      )!;
      set!.call(input(), text);
      input().dispatchEvent(new Event('input', { bubbles: true }));
    });

  it('takes what is typed with Enter, and closes its list', () => {
    type('more.jsonl');
    expect(isOpen()).toBe(true);
    press('Enter');
    expect(isOpen()).toBe(false);
    expect(input().value).toBe('more.jsonl');
    expect(picked).toEqual([]);
  });

  it('takes the choice that the arrows lead to', () => {
    type('jsonl');
    press('ArrowDown');
    press('ArrowDown');
    press('Enter');
    expect(isOpen()).toBe(false);
    expect(picked).toEqual(['more.jsonl']);
  });
});
