import { nullTranslator } from '@jupyterlab/translation';

import React from 'react';
import { act } from 'react';
import type { Root } from 'react-dom/client';
import { createRoot } from 'react-dom/client';

import { PlaygroundModel } from '../model';
import { faultOf, Sampling } from '../sampling';

const trans = nullTranslator.load('');

describe('A number of the sampling settings', () => {
  it.each([
    ['0.7', ''],
    ['', 'Type a number.'],
    ['-0.1', 'At least 0.'],
    ['2.5', 'At most 2.']
  ])('is judged as it is typed: %p', (text, fault) => {
    expect(faultOf(text, { min: 0, max: 2, step: 0.1 }, trans)).toBe(fault);
  });

  it('is whole where only whole numbers make sense', () => {
    const bounds = { min: 1, step: 1 };
    expect(faultOf('128', bounds, trans)).toBe('');
    expect(faultOf('12.8', bounds, trans)).toBe('Type a whole number.');
  });
});

describe('The field of a number', () => {
  let host: HTMLElement;
  let root: Root;
  let model: PlaygroundModel;

  const field = () => host.querySelectorAll('input')[1];

  function type(text: string): void {
    act(() => {
      // As a user does: React does not hear of a value that a script sets.
      Object.getOwnPropertyDescriptor(
        HTMLInputElement.prototype,
        'value'
      )!.set!.call(field(), text);
      field().dispatchEvent(new Event('input', { bubbles: true }));
    });
  }

  beforeEach(() => {
    (globalThis as any).IS_REACT_ACT_ENVIRONMENT = true;
    host = document.body.appendChild(document.createElement('div'));
    root = createRoot(host);
    model = new PlaygroundModel(null, trans);
    act(() =>
      root.render(<Sampling model={model} trans={trans} lengthField={null} />)
    );
  });

  afterEach(() => {
    act(() => root.unmount());
    host.remove();
    model.dispose();
  });

  it('can be empty while a number is typed', () => {
    type('');
    expect(field().value).toBe('');
    expect(field().getAttribute('aria-invalid')).toBe('true');
    expect(model.settings.max_new_tokens).toBe(128);
    type('64');
    expect(model.settings.max_new_tokens).toBe(64);
    expect(host.querySelector('[role=alert]')).toBeNull();
  });

  it('says at once that a number is out of bounds, and keeps the last that was not', () => {
    type('0');
    expect(host.querySelector('[role=alert]')?.textContent).toBe('At least 1.');
    expect(model.settings.max_new_tokens).toBe(128);
  });
});
