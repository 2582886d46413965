import type { AccordionPanel, Widget } from '@lumino/widgets';

/**
 * Share the height among the sections that are unfolded, as given, or as the user dragged them. Until then, none takes
 * more than its content needs, as long as another can use the rest.
 *
 * @param heights - of each section against the others.
 * @returns to be called when the whole has another height.
 */
export function shareHeight(
  accordion: AccordionPanel,
  heights: number[]
): () => void {
  let isDragged = false;
  const share = () => {
    const whole = accordion.titles.reduce(
      (rest, title) => rest - title.offsetHeight - accordion.spacing,
      accordion.node.clientHeight
    );
    const weights = accordion.widgets.map(({ isHidden }, index) =>
      isHidden ? 0 : heights[index]
    );
    const needs = accordion.widgets.map((section, index) =>
      isDragged || index === WITHOUT_END ? Infinity : needOf(section)
    );
    accordion.setRelativeSizes(shares(whole, weights, needs));
  };
  const resized = new ResizeObserver(share);
  for (const { node } of accordion.widgets) {
    const observe = () => [...node.children].forEach(c => resized.observe(c));
    new MutationObserver(observe).observe(node, { childList: true });
    observe();
  }
  accordion.expansionToggled.connect(share);
  accordion.handleMoved.connect(() => {
    isDragged = true;
    const dragged = accordion.relativeSizes();
    const unfolded = accordion.widgets.map(({ isHidden }) => !isHidden);
    const whole = heights.reduce(
      (sum, height, index) => (unfolded[index] ? sum + height : sum),
      0
    );
    heights = heights.map((height, index) =>
      unfolded[index] ? dragged[index] * whole : height
    );
  });
  share();
  return share;
}

/**
 * The parts of a height: by weight, but none greater than its need while another needs more.
 *
 * @param whole - in pixels, as the needs are.
 */
export function shares(
  whole: number,
  weights: number[],
  needs: number[]
): number[] {
  const satisfied = new Set<number>();
  for (;;) {
    let [rest, total] = [whole, 0];
    weights.forEach((weight, index) => {
      if (satisfied.has(index)) {
        rest -= needs[index];
      } else {
        total += weight;
      }
    });
    if (total === 0) {
      return weights;
    }
    const sizes = weights.map((weight, index) =>
      satisfied.has(index) ? needs[index] : (rest * weight) / total
    );
    const more = sizes.findIndex(
      (size, index) =>
        !satisfied.has(index) && weights[index] > 0 && size > needs[index]
    );
    if (more === -1) {
      return sizes;
    }
    satisfied.add(more);
  }
}

/** The height of its whole content, in pixels; infinite before there is any. */
function needOf({ node }: Widget): number {
  const last = node.lastElementChild;
  if (!last) {
    return Infinity;
  }
  const above = node.getBoundingClientRect().top - node.scrollTop;
  const padding = parseFloat(getComputedStyle(node).paddingBottom) || 0;
  // More by a hair: else a scroll bar comes, and with it other needs.
  return Math.ceil(last.getBoundingClientRect().bottom - above + padding) + 1;
}

/** The section that can use all room there is: the form. */
const WITHOUT_END = 0;
