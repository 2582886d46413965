import type { TranslationBundle } from '@jupyterlab/translation';

import React from 'react';

import type { ILengthGroups } from '../kernel/protocol';
import { count } from '../numbers';
import type { IAxis } from './lengths';
import { axisOf, barsOf, LEAST_LENGTH, valueAt } from './lengths';

/**
 * How many rows have how many tokens, with a line at the `max_length` that can be moved.
 */
export function LengthHistogram(props: {
  groups: ILengthGroups;
  limit: number;
  /** What the limit does, in words. */
  effect: string;
  onMove: (limit: number) => void;
  trans: TranslationBundle;
}): JSX.Element {
  const { effect, groups, limit, onMove, trans } = props;
  const axis = axisOf(groups);
  const place = Math.min(limit / axis.end, 1);
  const area = React.useRef<HTMLDivElement>(null);
  const line = React.useRef<HTMLDivElement>(null);
  const moveTo = (event: React.PointerEvent) => {
    const { left, width } = area.current!.getBoundingClientRect();
    onMove(valueAt(axis, (event.clientX - left) / width));
  };
  return (
    <div className="jp-llmtune-lengths">
      <div
        ref={area}
        className="jp-llmtune-lengths-area"
        onPointerDown={event => {
          if (event.button === 0) {
            // The line keeps the keyboard, and no text is selected.
            event.preventDefault();
            line.current!.focus();
            event.currentTarget.setPointerCapture(event.pointerId);
            moveTo(event);
          }
        }}
        onPointerMove={event => {
          if (event.currentTarget.hasPointerCapture(event.pointerId)) {
            moveTo(event);
          }
        }}
      >
        <Bars bars={barsOf(groups, axis)} place={place} />
        <div
          ref={line}
          className="jp-llmtune-lengths-line"
          style={{ left: `${place * 100}%` }}
          role="slider"
          tabIndex={0}
          aria-label={trans.__('max_length in tokens')}
          aria-valuemin={LEAST_LENGTH}
          aria-valuemax={Math.max(axis.end, limit)}
          aria-valuenow={limit}
          aria-valuetext={`${count(limit)}: ${effect}`}
          onKeyDown={event => {
            const moved = movedBy(event.key, axis, limit);
            if (moved !== null) {
              event.preventDefault();
              event.stopPropagation();
              onMove(moved);
            }
          }}
        />
      </div>
      <div className="jp-llmtune-lengths-axis" aria-hidden="true">
        <span>0</span>
        <span>{trans.__('%1 tokens', count(axis.end))}</span>
      </div>
    </div>
  );
}

function Bars(props: { bars: number[]; place: number }): JSX.Element {
  const { bars, place } = props;
  const highest = Math.max(...bars, 1);
  return (
    <svg
      viewBox={`0 0 ${bars.length} 1`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      {bars.map((rows, index) => (
        <rect
          key={index}
          className={index / bars.length >= place ? 'jp-mod-cut' : undefined}
          x={index + 0.05}
          width={0.9}
          y={1 - heightOf(rows, highest)}
          height={heightOf(rows, highest)}
        />
      ))}
    </svg>
  );
}

/** Even one row among many can be seen. */
function heightOf(rows: number, highest: number): number {
  return rows && Math.max(rows / highest, 0.03);
}

/** Where a key moves the line to; null if it does not. */
function movedBy(key: string, axis: IAxis, limit: number): number | null {
  const to = (value: number) => valueAt(axis, value / axis.end);
  const from = Math.min(limit, axis.end);
  switch (key) {
    case 'ArrowLeft':
    case 'ArrowDown':
      return to(from - axis.step);
    case 'ArrowRight':
    case 'ArrowUp':
      return to(from + axis.step);
    case 'PageDown':
      return to(from - 10 * axis.step);
    case 'PageUp':
      return to(from + 10 * axis.step);
    case 'Home':
      return to(0);
    case 'End':
      return axis.end;
    default:
      return null;
  }
}
