import type { IDisposable } from '@lumino/disposable';

import { keepFocus } from '../focus';

describe('The keyboard', () => {
  let root: HTMLElement;
  let kept: IDisposable;

  const draw = (html: string) => {
    root.innerHTML = html;
  };
  const get = (id: string) => document.getElementById(id)!;
  const settle = () => new Promise(resolve => setTimeout(resolve));
  const focused = () => document.activeElement?.id;

  beforeEach(() => {
    root = document.createElement('div');
    root.id = 'root';
    root.tabIndex = -1;
    document.body.append(root);
    kept = keepFocus(root);
  });

  afterEach(() => {
    kept.dispose();
    root.remove();
  });

  it('goes to the next of a list, and to the one before from the last', async () => {
    draw(`<ul><li><button id="a"></button></li><li><button id="b"></button>
      </li><li><button id="c"></button></li></ul><input id="other">`);
    get('b').focus();
    get('b').parentElement!.remove();
    await settle();
    expect(focused()).toBe('c');
    get('c').parentElement!.remove();
    await settle();
    expect(focused()).toBe('a');
  });

  it('goes home from a bar of buttons, not to another button', async () => {
    draw(`<div><textarea id="home" data-llmtune-home></textarea>
      <div class="jp-llmtune-buttons"><button id="new"></button>
      <button id="copy"></button></div></div><input id="after">`);
    get('new').focus();
    get('new').setAttribute('disabled', '');
    await settle();
    expect(focused()).toBe('home');
  });

  it('goes to the summary of what is folded', async () => {
    draw(`<details open><summary id="summary" tabindex="0"></summary>
      <button id="inside"></button></details><button id="after"></button>`);
    get('inside').focus();
    root.querySelector('details')!.open = false;
    await settle();
    expect(focused()).toBe('summary');
  });

  it('goes to the title of a section that has nothing left', async () => {
    draw(`<h3 class="lm-AccordionPanel-title" tabindex="0" id="title"></h3>
      <div><p><button id="last"></button></p></div>
      <h3 class="lm-AccordionPanel-title" tabindex="0" id="next"></h3>`);
    get('last').focus();
    get('last').remove();
    await settle();
    expect(focused()).toBe('title');
  });

  it('goes to the whole where there is nothing else', async () => {
    draw('<p><button id="only"></button></p>');
    get('only').focus();
    get('only').remove();
    await settle();
    expect(focused()).toBe('root');
  });

  it('stays where the user went meanwhile', async () => {
    draw('<button id="a"></button><button id="b"></button>');
    const outside = document.body.appendChild(document.createElement('input'));
    outside.id = 'outside';
    get('a').focus();
    outside.focus();
    get('a').remove();
    await settle();
    expect(focused()).toBe('outside');
    get('b').focus();
    get('b').blur();
    await settle();
    get('b').remove();
    await settle();
    expect(document.activeElement).toBe(document.body);
    outside.remove();
  });
});
