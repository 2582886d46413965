import { shares } from '../heights';

describe('The height of the sidebar', () => {
  it('is shared by weight where every section needs more', () => {
    expect(shares(800, [6, 2], [Infinity, 500])).toEqual([600, 200]);
  });

  it('goes to the form where a section has little to show', () => {
    expect(shares(800, [4, 4, 0], [Infinity, 60, Infinity])).toEqual([
      740, 60, 0
    ]);
  });

  it('goes on to the next where one that was given more is full, too', () => {
    expect(shares(900, [1, 1, 1], [Infinity, 100, 350])).toEqual([
      450, 100, 350
    ]);
  });

  it('is used up where all together need less', () => {
    expect(shares(900, [0, 1, 2], [Infinity, 100, 100])).toEqual([0, 1, 2]);
  });
});
