import { Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { IConfigurationProblem } from '../../kernel/protocol';
import { CommandIDs } from '../../tokens';
import type { ConfigurationCommandID, Deeds, IDeed } from '../deeds';
import { sentence } from './messages';
import type { ConfigureModel } from './model';
import { chooseNamed, namedConfigurations } from './named';

/**
 * What can be done with the configuration from wherever the user is.
 *
 * @param reveal - shows the form, so that the user sees which draft is meant, or what is wrong.
 */
export function configureDeeds(
  model: ConfigureModel,
  reveal: () => Promise<unknown>,
  trans: TranslationBundle
): Pick<Deeds, ConfigurationCommandID> {
  const deed = (
    obstacle: () => string,
    act: () => Promise<void>,
    needsForm = () => model.edited.cell === null
  ): IDeed => ({
    obstacle,
    execute: async () => {
      if (needsForm()) {
        await reveal();
        await model.edited.draft.restored;
        await model.until(() => model.isKnown);
      }
      const found = obstacle();
      if (found) {
        await reveal();
        Notification.warning(found, { autoClose: 8000 });
      } else {
        await act();
      }
    }
  });
  return {
    [CommandIDs.runConfiguration]: deed(
      () => runObstacle(model, trans),
      () => model.launch.run()
    ),
    [CommandIDs.insertConfiguration]: deed(
      () =>
        model.edited.cell
          ? trans.__('The configuration is in the chosen cell already.')
          : '',
      () => model.launch.insert()
    ),
    [CommandIDs.applyPreset]: deed(
      () => {
        const named = namedConfigurations(model);
        return model.isKnown && !named.some(one => one.isApplicable)
          ? trans.__('No preset can be applied here.')
          : '';
      },
      () => chooseNamed(model, trans),
      () => true
    )
  };
}

/** Why the configuration cannot be run, as far as is known; empty if it can. */
export function runObstacle(
  model: ConfigureModel,
  trans: TranslationBundle
): string {
  const { edited, mistakes, sources } = model;
  if (edited.document.problem) {
    return trans.__('The configuration cannot be read.');
  }
  if (sources.length === 0) {
    return trans.__('Choose the training data.');
  }
  const [first] = mistakes;
  return first ? mistakeText(model, first) : '';
}

/** A mistake with its place, in the words of the form where the form has a field for it. */
export function mistakeText(
  model: ConfigureModel,
  mistake: IConfigurationProblem
): string {
  const text = [mistake.key, sentence(mistake)].filter(Boolean).join(': ');
  return model.shownField(mistake) ? model.facts.words.text(text) : text;
}
