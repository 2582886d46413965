import { Signal } from '@lumino/signaling';

import { KernelRequestError } from '../../kernel/error';
import type { IProblemFound } from '../../kernel/protocol';
import { ProblemSearch } from '../problemSearch';

/** Rows that are looked through when told to. */
class Rows implements ProblemSearch.IRows {
  readonly chosenRowChanged = new Signal<this, number>(this);
  readonly asked: number[] = [];
  answer: (found: IProblemFound | Error) => void = () => undefined;

  findProblem(first: number): Promise<IProblemFound> {
    this.asked.push(first);
    return new Promise((resolve, reject) => {
      this.answer = found =>
        found instanceof Error ? reject(found) : resolve(found);
    });
  }
}

const nothing = (next: number): IProblemFound => ({
  place: null,
  next,
  is_done: false
});

describe('The search for the next problem', () => {
  let rows: Rows;
  let search: ProblemSearch;

  beforeEach(() => {
    rows = new Rows();
    search = new ProblemSearch({ rows, configuration: { text: 'data: a' } });
  });

  afterEach(() => search.dispose());

  it('goes on until one is found, and tells how far it has come', async () => {
    const found = search.find(3);
    rows.answer(nothing(10));
    await Promise.resolve();
    await Promise.resolve();
    expect(search.seen).toBe(10);
    rows.answer({ place: 14, next: 15, is_done: false });
    expect(await found).toBe(14);
    expect(rows.asked).toEqual([3, 10]);
    expect(search.seen).toBeNull();
  });

  it('says that there is none', async () => {
    const found = search.find(0);
    rows.answer({ place: null, next: 20, is_done: true });
    expect(await found).toBeNull();
    expect(search.isInVain).toBe(true);
    rows.chosenRowChanged.emit(1);
    expect(search.isInVain).toBe(false);
  });

  it('ends when it is stopped, and when another row is chosen', async () => {
    for (const end of [
      () => search.stop(),
      () => rows.chosenRowChanged.emit(7)
    ]) {
      const found = search.find(0);
      end();
      rows.answer(nothing(10));
      expect(await found).toBeNull();
      expect(search.seen).toBeNull();
      expect(search.isInVain).toBe(false);
    }
    expect(rows.asked).toEqual([0, 0]);
  });

  it('says why it cannot look', async () => {
    const found = search.find(0);
    rows.answer(
      new KernelRequestError({ what: 'No such model.', where: '', fix: '' })
    );
    expect(await found).toBeNull();
    expect(search.fault?.what).toBe('No such model.');
  });
});
