import { pointerSteps } from './json-pointer.ts';

/** What a request is made of: a value, and where the rows and (for lists) the names of their columns go in it. */
export interface TemplateSettings {
  readonly request: Readonly<Record<string, unknown>>;
  /** JSON pointer; the root (empty) makes the rows the whole body. */
  readonly rows: string;
  readonly columns: string | null;
}

/** The text of a request in pieces: between two of them comes what `slots` says. */
export interface JsonTemplate {
  readonly pieces: readonly string[];
  readonly slots: readonly ('rows' | 'columns')[];
}

/** What is wrong with a template, and with which field; else the template. */
export type TemplateOutcome =
  | { readonly field: 'request' | 'rows' | 'columns'; readonly problem: string }
  | { readonly template: JsonTemplate };

type Draft = Record<string, unknown>;

/** Puts together what all requests have in common. Objects that lead to a place are made where the template has none. */
export function jsonTemplate({ request, rows, columns }: TemplateSettings): TemplateOutcome {
  if (rows === '') {
    if (Object.keys(request).length > 0)
      return {
        field: 'rows',
        problem: 'is the root, which leaves no place for what `request` has; point to a place in it',
      };
    if (columns !== null) return { field: 'columns', problem: 'has no place, as `rows` is the root' };
    return { template: { pieces: ['', ''], slots: ['rows'] } };
  }
  const draft = structuredClone(request) as Draft;
  // No text of a template has it: it is made of characters that nobody writes.
  const marks = { rows: '\u0000rows\u0000', columns: '\u0000columns\u0000' };
  for (const [field, pointer] of [['rows', rows] as const, ['columns', columns] as const]) {
    if (pointer === null) continue;
    const problem = put(draft, pointer, marks[field]);
    if (problem !== null) return { field, problem };
  }
  const text = JSON.stringify(draft);
  const slots: ('rows' | 'columns')[] = [];
  const pieces = text.split(/"\\u0000(rows|columns)\\u0000"/);
  const kept = pieces.filter((piece, i) => {
    if (i % 2 === 0) return true;
    slots.push(piece === 'rows' ? 'rows' : 'columns');
    return false;
  });
  return { template: { pieces: kept, slots } };
}

function put(draft: Draft, pointer: string, mark: string): string | null {
  const steps = pointerSteps(pointer);
  const last = steps?.at(-1);
  if (steps === null || last === undefined) return 'is no JSON pointer: write it like /data/rows';
  let at = draft;
  for (const [depth, step] of steps.slice(0, -1).entries()) {
    const inner = Object.getOwnPropertyDescriptor(at, step)?.value ?? {};
    if (typeof inner !== 'object' || Array.isArray(inner))
      return `leads through /${steps.slice(0, depth + 1).join('/')}, which is no mapping in \`request\``;
    define(at, step, inner);
    at = inner as Draft;
  }
  const there: unknown = Object.getOwnPropertyDescriptor(at, last)?.value;
  const isFree = there === undefined || there === null || (Array.isArray(there) && there.length === 0);
  if (!isFree) return `is ${pointer}, where \`request\` has something already`;
  define(at, last, mark);
  return null;
}

/** Also for names such as `__proto__`. */
function define(at: Draft, step: string, value: unknown): void {
  Object.defineProperty(at, step, { value, enumerable: true, configurable: true, writable: true });
}
