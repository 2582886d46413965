import { Signal } from '@lumino/signaling';

import { Preferences } from '../preferences';

/** Settings as JupyterLab gives them; the test plays the user. */
class FakeSettings {
  values: { [name: string]: unknown } = { runsFolder: '' };
  readonly changed = new Signal<this, void>(this);

  get(name: string): { composite: unknown } {
    return { composite: this.values[name] };
  }

  change(values: { [name: string]: unknown }): void {
    this.values = { ...this.values, ...values };
    this.changed.emit();
  }
}

describe('Preferences', () => {
  let settings: FakeSettings;

  beforeEach(() => (settings = new FakeSettings()));

  function create(language: string): Preferences {
    return new Preferences({
      language,
      settings: Promise.resolve(settings as any)
    });
  }

  it('are the language of the page and the folder of the settings', async () => {
    settings.values.runsFolder = '~/runs';
    expect(await create('ja-JP').greeting()).toEqual({
      language: 'ja-JP',
      runs_folder: '~/runs'
    });
  });

  it.each(['en', 'en-US', 'default'])('leave out %s', async language => {
    expect(await create(language).greeting()).toEqual({});
  });

  it('are there without settings', async () => {
    const absent = new Preferences({ language: 'ru-RU' });
    expect(await absent.greeting()).toEqual({ language: 'ru-RU' });
    const broken = new Preferences({
      language: 'ru-RU',
      settings: Promise.reject(new Error('no such schema'))
    });
    expect(await broken.greeting()).toEqual({ language: 'ru-RU' });
  });

  it('say when the folder has changed, and only then', async () => {
    const preferences = create('en');
    await preferences.greeting();
    let count = 0;
    preferences.changed.connect(() => count++);
    settings.change({ confirmStop: false });
    expect(count).toBe(0);
    settings.change({ runsFolder: 'elsewhere' });
    expect(count).toBe(1);
    expect(await preferences.greeting()).toEqual({ runs_folder: 'elsewhere' });
  });
});
