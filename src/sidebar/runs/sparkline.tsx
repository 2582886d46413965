import React from 'react';

/**
 * A small curve of a loss, without numbers: these stand beside it.
 */
export function Sparkline(props: {
  values: readonly (number | null)[];
}): JSX.Element | null {
  const lines = polylines(props.values);
  return lines.length === 0 ? null : (
    <svg
      className="jp-llmtune-sparkline"
      viewBox={`-1 -1 ${WIDTH + 2} ${HEIGHT + 2}`}
      width={WIDTH}
      height={HEIGHT}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      {lines.map((points, index) => (
        <polyline key={index} points={points} />
      ))}
    </svg>
  );
}

/**
 * The points of each stretch without a gap; losses fill the height.
 */
export function polylines(values: readonly (number | null)[]): string[] {
  const known = values.filter((value): value is number => value !== null);
  if (known.length < 2) {
    return [];
  }
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const range = high - low || 1;
  const stretches: string[][] = [[]];
  values.forEach((value, index) => {
    if (value === null) {
      stretches.push([]);
    } else {
      const x = (WIDTH * index) / (values.length - 1);
      const y = HEIGHT * (1 - (value - low) / range);
      stretches[stretches.length - 1].push(`${x.toFixed(1)},${y.toFixed(1)}`);
    }
  });
  return stretches
    .filter(points => points.length > 1)
    .map(points => points.join(' '));
}

/** In pixels. */
const WIDTH = 72;
const HEIGHT = 20;
