import { SluiceError } from '../../core/error.ts';

/** The names and numbers that lead to a value of a JSON document, from `data.rows`, `$.data.rows` or `/data/rows`; none for null. */
export function jsonPathOf(text: string | null): readonly string[] {
  if (text === null || text === '$' || text === '/') return [];
  const isPointer = text.startsWith('/');
  const steps = isPointer
    ? text
        .slice(1)
        .split('/')
        .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
    : text.replace(/^\$\./, '').split('.');
  if (!isPointer && steps.includes(''))
    throw new SluiceError(
      'CONFIG_INVALID',
      `jsonPath is ${JSON.stringify(text)}; it must be names with points between, as data.rows, or a JSON pointer, as /data/rows.`,
    );
  return steps;
}

/** The same as text. */
export function pathText(steps: readonly string[]): string {
  if (steps.length === 0) return 'the document itself';
  const isPlain = steps.every((step) => step !== '' && !/[./]/.test(step));
  return isPlain
    ? steps.join('.')
    : `/${steps.map((step) => step.replaceAll('~', '~0').replaceAll('/', '~1')).join('/')}`;
}
