import React from 'react';

/** Names and what is known of each. */
export function Facts(props: { facts: [string, string][] }): JSX.Element {
  return (
    <dl className="jp-llmtune-facts">
      {props.facts.map(([name, value]) => (
        <React.Fragment key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </React.Fragment>
      ))}
    </dl>
  );
}
