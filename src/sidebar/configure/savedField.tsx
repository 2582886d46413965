import type { IFormRenderer } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';

import React from 'react';

/**
 * How the Settings Editor shows the user's own configurations: their names, as its fields of one line would break YAML.
 */
export function savedField(trans: TranslationBundle): IFormRenderer {
  return {
    fieldRenderer: ({ formData, schema }) => {
      const names = Object.keys((formData as object | undefined) ?? {});
      return (
        <div>
          <h3 className="jp-FormGroup-fieldLabel jp-FormGroup-contentItem">
            {schema.title}
          </h3>
          {names.length > 0 && (
            <ul>
              {names.map(name => (
                <li key={name}>{name}</li>
              ))}
            </ul>
          )}
          <div className="jp-FormGroup-description">
            {names.length > 0
              ? trans.__('The sidebar loads and deletes them, under Presets.')
              : trans.__(
                  'None yet: Save as preset… in the sidebar keeps one under a name.'
                )}
          </div>
        </div>
      );
    }
  };
}
