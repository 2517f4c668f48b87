type Child = Node | string | number | null | false;
type Attribute = string | number | boolean | null;

/**
 * Makes an element. All children that are no elements are text, whatever they hold: nothing that comes from data ever is HTML.
 * @param attributes `true` is an attribute without a value; `false` and null leave it out.
 */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, Attribute>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) setAttribute(made, name, value);
  append(made, children);
  return made;
}

const SVG = 'http://www.w3.org/2000/svg';

/** The same for drawings. */
export function drawing<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, Attribute>> = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[K] {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) setAttribute(made, name, value);
  append(made, children);
  return made;
}

/** A button that does something; never one that sends a form. */
export function button(text: string, kind: '' | 'primary' | 'danger', press: () => void): HTMLButtonElement {
  const made = element('button', { type: 'button', class: kind === '' ? null : kind }, text);
  made.addEventListener('click', press);
  return made;
}

/** Changes the text of an element only where it is another one: readers of the screen are told of changes. */
export function setText(target: Element, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

export function setAttribute(target: Element, name: string, value: Attribute): void {
  if (value === null || value === false) target.removeAttribute(name);
  else if (target.getAttribute(name) !== String(value)) target.setAttribute(name, value === true ? '' : String(value));
}

function append(parent: Element, children: readonly Child[]): void {
  for (const child of children)
    if (child !== null && child !== false) parent.append(child instanceof Node ? child : String(child));
}
