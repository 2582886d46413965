import type { IDisposable } from '@lumino/disposable';
import { DisposableDelegate } from '@lumino/disposable';

/**
 * Keep the keyboard in a part of the page when the control that has it goes, is disabled or is folded away.
 *
 * It goes to what is next to the control, in the smallest part around it that is left. In a bar of buttons the others do
 * something else: from there, as from where nothing is left, it goes home, to the element with `data-llmtune-home`.
 *
 * @param root - can take the focus itself.
 */
export function keepFocus(root: HTMLElement): IDisposable {
  let left: IPlace | null = null;
  const onFocus = ({ target }: FocusEvent) => {
    left = root.contains(target as Node) ? placeOf(target as Element) : null;
  };
  const onBlur = () => {
    // Some browsers say so of what is removed, too, and before it is.
    queueMicrotask(() => {
      if (
        left &&
        left.element !== document.activeElement &&
        isUsable(left.element)
      ) {
        left = null;
      }
    });
  };
  const placeOf = (element: Element): IPlace => {
    const around: Element[] = [];
    for (
      let part = element.parentElement;
      part && part !== root.parentElement;
      part = part.parentElement
    ) {
      around.push(part);
    }
    return { element, around, order: controls(root) };
  };
  const mend = () => {
    if (!left || isUsable(left.element)) {
      return;
    }
    const place = left;
    left = null;
    const isNowhere = [place.element, document.body, null].includes(
      document.activeElement
    );
    if (isNowhere) {
      (neighbour(place) ?? root).focus();
    }
  };
  const observer = new MutationObserver(mend);
  observer.observe(root, {
    attributeFilter: ['class', 'disabled', 'hidden', 'open'],
    childList: true,
    subtree: true
  });
  document.addEventListener('focusin', onFocus);
  root.addEventListener('focusout', onBlur);
  return new DisposableDelegate(() => {
    observer.disconnect();
    document.removeEventListener('focusin', onFocus);
    root.removeEventListener('focusout', onBlur);
  });
}

/** Where the focus was. */
interface IPlace {
  element: Element;
  /** What is around the element, the smallest first. */
  around: Element[];
  /** All controls at that time. */
  order: HTMLElement[];
}

function neighbour({ element, around, order }: IPlace): HTMLElement | null {
  const at = order.indexOf(element as HTMLElement);
  const ordered = [...order.slice(at + 1), ...order.slice(0, at).reverse()];
  for (const part of around) {
    if (!part.isConnected) {
      continue;
    }
    const inside = controls(part).filter(canBeReached);
    const home = inside.find(control => control.matches(HOME));
    const next = part.matches(BAR)
      ? undefined
      : (ordered.find(control => inside.includes(control)) ?? inside[0]);
    const found = home ?? next ?? titleOf(part);
    if (found) {
      return found;
    }
  }
  return null;
}

/** Of a section of an accordion. */
function titleOf(part: Element): HTMLElement | null {
  const title = part.previousElementSibling;
  return title?.matches('.lm-AccordionPanel-title')
    ? (title as HTMLElement)
    : null;
}

function controls(part: Element): HTMLElement[] {
  return [...part.querySelectorAll<HTMLElement>(CONTROLS)];
}

/** By the Tab key. */
function canBeReached(control: HTMLElement): boolean {
  return control.tabIndex >= 0 && isUsable(control);
}

function isUsable(element: Element): boolean {
  const closed = element.closest('details:not([open])');
  const isFolded =
    closed !== null && element.closest('summary')?.parentElement !== closed;
  return (
    element.isConnected &&
    !isFolded &&
    !element.matches(':disabled') &&
    !element.closest('[hidden], .lm-mod-hidden')
  );
}

const BAR = '.jp-llmtune-buttons';
const HOME = '[data-llmtune-home]';
const CONTROLS =
  'a[href], button, input, select, summary, textarea, [tabindex]';
