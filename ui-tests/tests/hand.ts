import type { Locator, Page } from '@playwright/test';
import { expect } from '@playwright/test';

/**
 * What a journey takes. A scroll is the wheel turned in one place, however far.
 */
export interface IEffort {
  clicks: number;
  keystrokes: number;
  scrolls: number;
}

/**
 * A hand at the mouse and the keys. It counts what it does, and so does the page that it does it to.
 *
 * It reaches only what is seen: each click goes to a point of the screen, and nothing scrolls by itself.
 */
export class Hand {
  private constructor(private readonly _page: Page) {}

  /** Begin to count on an open page; the count does not outlive a reload. */
  static async at(page: Page): Promise<Hand> {
    await page.evaluate(() => {
      const effort = { clicks: 0, keystrokes: 0, scrolls: 0 };
      let last = '';
      const listen = (type: string, count: (isNew: boolean) => void) =>
        window.addEventListener(
          type,
          event => {
            // What a script of the page sends is not done by hand.
            if (event.isTrusted) {
              count(type !== last);
              last = type;
            }
          },
          { capture: true, passive: true }
        );
      // Where it is the page's wish, a press of the mouse is no `mousedown`.
      listen('pointerdown', () => effort.clicks++);
      listen('keydown', () => effort.keystrokes++);
      listen('wheel', isNew => (effort.scrolls += isNew ? 1 : 0));
      Object.assign(window, { effort });
    });
    return new Hand(page);
  }

  /**
   * What was done so far.
   *
   * @throws where the page has seen more, or less, than the hand has done.
   */
  async effort(): Promise<IEffort> {
    const seen = await this._page.evaluate(() => (window as any).effort);
    expect(seen, 'seen by the page').toEqual(this._done);
    return seen;
  }

  /** Click a thing where it is seen, once it lies still. */
  async click(target: Locator): Promise<void> {
    await expect(target).toBeEnabled();
    let point = { x: NaN, y: NaN };
    await expect
      .poll(async () => {
        const last = point;
        point = await target.evaluate(element => {
          const { left, top, width, height } = element.getBoundingClientRect();
          return { x: left + width / 2, y: top + height / 2 };
        });
        const isHit = await target.evaluate((element, { x, y }) => {
          // Buttons of JupyterLab's toolbars are in the shadow of their element.
          const root = element.getRootNode() as Document | ShadowRoot;
          return element.contains(root.elementFromPoint(x, y));
        }, point);
        return isHit && point.x === last.x && point.y === last.y;
      })
      .toBe(true);
    await this._page.mouse.click(point.x, point.y);
    this._done.clicks++;
  }

  /** Type a text without capitals, a key a character. */
  async type(text: string): Promise<void> {
    for (const key of text) {
      await this._page.keyboard.press(key, { delay: 20 });
      this._done.keystrokes++;
    }
  }

  /** Turn the wheel in the middle of the page until a thing is seen as a whole. */
  async scrollTo(target: Locator): Promise<void> {
    const { width, height } = this._page.viewportSize()!;
    await this._page.mouse.move(width / 2, height / 2);
    await expect(async () => {
      await this._page.mouse.wheel(0, 200);
      await expect(target).toBeInViewport({ ratio: 1, timeout: 500 });
    }).toPass();
    this._done.scrolls++;
  }

  private readonly _done = { clicks: 0, keystrokes: 0, scrolls: 0 };
}
