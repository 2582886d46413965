import React, { useEffect, useRef } from 'react';

import { useFormState } from './state';

/** A line to go to; another object asks anew. */
export interface ILine {
  /** Counted as the user sees it: in a cell, from its first line on. */
  readonly number: number;
}

/**
 * The configuration as it is written, with the numbers of its lines; what is typed goes where edits of the form go.
 */
export function YamlText(props: { line: ILine | null }): JSX.Element {
  const { context, model } = useFormState();
  const { edited } = model;
  const { line } = props;
  const box = useRef<HTMLTextAreaElement>(null);
  const gutter = useRef<HTMLDivElement>(null);
  const lines = edited.text.split('\n');
  const first = edited.linesBefore + 1;
  useEffect(() => {
    if (line && box.current && gutter.current) {
      const index = Math.min(line.number - first, lines.length - 1);
      const start = lines.slice(0, index).join('\n').length + Number(index > 0);
      box.current.focus();
      box.current.setSelectionRange(start, start + lines[index].length);
      gutter.current.children[index].scrollIntoView({ block: 'center' });
    }
  }, [line]);
  return (
    <div className="jp-llmtune-text">
      <div ref={gutter} className="jp-llmtune-text-numbers" aria-hidden="true">
        {lines.map((_, index) => (
          <div key={index}>{first + index}</div>
        ))}
      </div>
      <textarea
        ref={box}
        className="jp-mod-styled jp-llmtune-yaml"
        rows={lines.length + 1}
        wrap="off"
        spellCheck={false}
        readOnly={!edited.canReplace}
        aria-label={context.trans.__('Configuration as YAML')}
        value={edited.text}
        onChange={event => edited.type(event.target.value)}
        onBlur={() => edited.flush()}
      />
    </div>
  );
}
