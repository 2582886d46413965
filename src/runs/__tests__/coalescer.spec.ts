import { Coalescer } from '../coalescer';

describe('Coalescer', () => {
  let calls: number;
  let coalescer: Coalescer;

  beforeEach(() => {
    jest.useFakeTimers();
    calls = 0;
    coalescer = new Coalescer(() => calls++, 250);
  });

  afterEach(() => {
    coalescer.dispose();
    jest.useRealTimers();
  });

  it('calls back at once', () => {
    coalescer.touch();
    expect(calls).toBe(1);
  });

  it('calls back at most four times a second, and after the last touch', () => {
    for (let time = 0; time < 1000; time += 10) {
      coalescer.touch();
      jest.advanceTimersByTime(10);
    }
    expect(calls).toBeLessThanOrEqual(5);
    const before = calls;
    coalescer.touch();
    jest.advanceTimersByTime(250);
    expect(calls).toBe(before + 1);
  });

  it('has no timer when nothing happens, or when it is disposed', () => {
    coalescer.touch();
    jest.advanceTimersByTime(250);
    expect(jest.getTimerCount()).toBe(0);
    coalescer.touch();
    coalescer.dispose();
    expect(jest.getTimerCount()).toBe(0);
    coalescer.touch();
    expect(calls).toBe(2);
  });
});
