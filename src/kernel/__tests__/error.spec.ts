import { faultText } from '../error';

describe('faultText', () => {
  it.each([
    ['It is gone.', 'Look for it.', 'It is gone. Look for it.'],
    ['no such file', 'Look for it.', 'no such file. Look for it.'],
    ['没有文件。', '请检查。', '没有文件。 请检查。'],
    ['It is gone', '', 'It is gone']
  ])('makes sentences of %j and %j', (what, fix, text) => {
    expect(faultText({ what, fix })).toBe(text);
  });
});
