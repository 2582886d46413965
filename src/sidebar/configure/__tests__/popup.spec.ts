import { placeFor } from '../popup';

describe('A list of choices', () => {
  it('opens below its field where there is room', () => {
    expect(placeFor({ top: 100, bottom: 130 }, 200, 900)).toEqual({
      top: '130px',
      bottom: 'auto',
      maxHeight: '320px'
    });
  });

  it('opens above where there is more room, and ends at the field', () => {
    expect(placeFor({ top: 600, bottom: 630 }, 300, 700)).toEqual({
      top: 'auto',
      bottom: '100px',
      maxHeight: '320px'
    });
  });

  it('stays in the window where there is little room on both sides', () => {
    expect(placeFor({ top: 90, bottom: 120 }, 300, 260)).toMatchObject({
      top: '120px',
      maxHeight: '132px'
    });
  });
});
