import { LabIcon } from '@jupyterlab/ui-components';

import fineTuneSvg from '../style/icons/fine-tune.svg';

export const fineTuneIcon = new LabIcon({
  name: 'llmtune:fine-tune',
  svgstr: fineTuneSvg
});
