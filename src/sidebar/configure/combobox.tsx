import type { TranslationBundle } from '@jupyterlab/translation';
import { caretDownEmptyIcon } from '@jupyterlab/ui-components';

import React, { useState } from 'react';

import { usePopup } from './popup';
import type { ITyped } from './typed';

/**
 * Something to pick, or to type instead.
 */
export interface IOption {
  value: string;
  label: string;
  /** Said after the label, such as a size. */
  detail: string;
  /** The heading that it stands under. */
  group: string;
  /** What else is to know of it, in lines. */
  description?: string;
  /** What it is found by, besides what is shown. */
  keywords?: string;
}

/**
 * A text that can be typed or picked from a list, by mouse and by keyboard.
 */
export function Combobox(props: {
  id: string;
  typed: ITyped;
  /** Asked for only when they are shown: a form may have hundreds of such lists. */
  options: () => IOption[];
  /** Said where nothing fits what is typed. */
  noneText: string;
  placeholder: string;
  isReadOnly: boolean;
  aria: React.AriaAttributes;
  trans: TranslationBundle;
  onPick: (value: string) => void;
  onOpen?: () => void;
}): JSX.Element {
  const { id, typed, isReadOnly, trans } = props;
  const [isOpen, setOpen] = useState(false);
  const [isFiltering, setFiltering] = useState(false);
  const [active, setActive] = useState(-1);
  /** What the mouse points at, until the keyboard goes on. */
  const [pointed, setPointed] = useState<IOption | null>(null);
  const { anchor, list } = usePopup(isOpen);
  const words = isFiltering ? typed.value.toLowerCase().split(/\s+/) : [];
  const fitting = () =>
    props.options().filter(option => {
      const { value, label, detail, group, keywords } = option;
      const text = [value, label, detail, group, keywords].join('\n');
      return words.every(word => holds(text.toLowerCase(), word));
    });
  const options = isOpen ? fitting() : [];
  const open = () => {
    if (!isOpen && !isReadOnly) {
      setOpen(true);
      props.onOpen?.();
    }
  };
  const close = () => {
    setOpen(false);
    setFiltering(false);
    setActive(-1);
    setPointed(null);
  };
  const pick = (option: IOption) => {
    close();
    props.onPick(option.value);
  };
  const move = (step: number) => {
    const count = (isOpen ? options : fitting()).length;
    const next = active < 0 && step < 0 ? count - 1 : active + step;
    const index = count ? (next + count) % count : -1;
    setActive(index);
    setPointed(null);
    list.current
      ?.querySelectorAll('[role="option"]')
      [index]?.scrollIntoView({ block: 'nearest' });
  };
  const onKeyDown = (event: React.KeyboardEvent) => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      open();
      move(event.key === 'ArrowDown' ? 1 : -1);
    } else if (event.key === 'Enter' && isOpen) {
      if (options[active]) {
        event.preventDefault();
        pick(options[active]);
      } else {
        // What is typed is taken.
        close();
      }
    } else if (event.key === 'Escape' && isOpen) {
      event.preventDefault();
      event.stopPropagation();
      close();
    }
  };
  const groups = [...new Set(options.map(option => option.group))];
  const isDescribed = options.some(option => option.description);
  const aboutId = `${id}__about`;
  const optionId = (option: IOption) =>
    `${id}__option${options.indexOf(option)}`;
  return (
    <div className="jp-llmtune-combobox">
      <div ref={anchor} className="jp-llmtune-combobox-input">
        <input
          id={id}
          className="jp-mod-styled"
          type="text"
          role="combobox"
          autoComplete="off"
          spellCheck={false}
          readOnly={isReadOnly}
          placeholder={props.placeholder}
          aria-expanded={isOpen}
          aria-controls={`${id}__list`}
          aria-autocomplete="list"
          aria-activedescendant={
            isOpen && options[active] ? optionId(options[active]) : undefined
          }
          value={typed.value}
          onChange={event => {
            setFiltering(true);
            setActive(-1);
            setPointed(null);
            open();
            typed.onChange(event);
          }}
          onClick={open}
          onKeyDown={onKeyDown}
          onBlur={() => {
            close();
            typed.onBlur();
          }}
          {...props.aria}
        />
        <button
          type="button"
          tabIndex={-1}
          disabled={isReadOnly}
          aria-label={trans.__('Show choices')}
          // The input keeps the focus, which keeps the list open.
          onMouseDown={event => event.preventDefault()}
          onClick={event => {
            const input = event.currentTarget.previousElementSibling;
            (input as HTMLElement).focus();
            if (isOpen) {
              close();
            } else {
              open();
            }
          }}
        >
          <caretDownEmptyIcon.react tag="span" />
        </button>
      </div>
      <div
        ref={list}
        className="jp-llmtune-options"
        hidden={!isOpen}
        {...{ popover: 'manual' }}
        onMouseDown={event => event.preventDefault()}
      >
        <div id={`${id}__list`} role="listbox" aria-label={trans.__('Choices')}>
          {isOpen && options.length === 0 && (
            <div role="option" aria-disabled="true" aria-selected="false">
              {props.noneText}
            </div>
          )}
          {isOpen &&
            groups.map(group => (
              <div key={group} role="group" aria-label={group}>
                <div className="jp-llmtune-option-group" aria-hidden="true">
                  {group}
                </div>
                {options
                  .filter(option => option.group === group)
                  .map(option => (
                    <div
                      key={option.value}
                      id={optionId(option)}
                      role="option"
                      aria-selected={options[active] === option}
                      aria-describedby={
                        options[active] === option && option.description
                          ? aboutId
                          : undefined
                      }
                      onMouseMove={() => setPointed(option)}
                      onClick={() => pick(option)}
                    >
                      <span>{option.label}</span>
                      <span className="jp-llmtune-option-detail">
                        {option.detail}
                      </span>
                    </div>
                  ))}
              </div>
            ))}
        </div>
        {isOpen && isDescribed && (
          // It keeps its room, so that no option moves below the mouse.
          <div id={aboutId} className="jp-llmtune-option-about">
            {(pointed ?? options[active])?.description ??
              trans.__('Point at a choice, or go to it with ↓, to read of it.')}
          </div>
        )}
      </div>
    </div>
  );
}

/** Whether a text holds a word; a number is not the end of a longer one: 7b is not in 1.7b. */
function holds(text: string, word: string): boolean {
  const isNumber = /^\d/.test(word);
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    if (!isNumber || !/[\d.]/.test(text[at - 1] ?? '')) {
      return true;
    }
  }
  return false;
}
