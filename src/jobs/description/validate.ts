import type * as z from 'zod';
import { SluiceError } from '../../core/error.ts';
import { fieldSchema } from './field-schema.ts';
import { type Problem, problemsOf } from './problems.ts';
import { pathKey, substitute, type VariableSources } from './variables.ts';
import type { Path, WrittenText } from './written-text.ts';

/** Replaces variables and validates. Throws CONFIG_VARIABLE or CONFIG_INVALID with every problem and its place. */
export function validateWritten<S extends z.ZodType>(
  schema: S,
  written: WrittenText,
  sources: VariableSources,
): z.output<S> {
  const { value, replaced, problems } = substitute(written.value, sources);
  if (problems.length > 0) throw refusal('CONFIG_VARIABLE', problems, written);
  return validate(schema, value, replaced, written);
}

/** Validates a value as it is. Throws CONFIG_INVALID with every problem and its place. */
export function validate<S extends z.ZodType>(
  schema: S,
  value: unknown,
  replaced: ReadonlySet<string>,
  places: Pick<WrittenText, 'place'>,
): z.output<S> {
  let result = schema.safeParse(value);
  if (!result.success && replaced.size > 0) {
    // A variable is text; where the schema wants a number, true, false or null, it is read as YAML would read it.
    const typed = retyped(
      value,
      new Set(result.error.issues.map((issue) => pathKey(issue.path)).filter((key) => replaced.has(key))),
    );
    result = schema.safeParse(typed);
  }
  if (result.success) return result.data;
  const problems = problemsOf(result.error.issues, { schema: fieldSchema(schema), value, replaced });
  throw refusal('CONFIG_INVALID', problems, places);
}

/** One error for all problems, each with its place, in the order of the text. */
export function refusal(
  code: 'CONFIG_INVALID' | 'CONFIG_VARIABLE',
  problems: readonly Problem[],
  places: Pick<WrittenText, 'place'>,
): SluiceError {
  const lines = problems.map(({ path, key, message }) => `${places.place(path, key)}: ${message}`);
  const sorted = lines.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  const text = sorted.length === 1 ? `${sorted[0]}.` : `${sorted.length} problems:\n  ${sorted.join('\n  ')}`;
  return new SluiceError(code, text);
}

const WORDS: ReadonlyMap<string, boolean | null> = new Map([
  ['true', true],
  ['false', false],
  ['null', null],
]);

function retyped(value: unknown, keys: ReadonlySet<string>, path: Path = []): unknown {
  if (typeof value === 'string' && keys.has(pathKey(path))) {
    const text = value.trim();
    if (WORDS.has(text)) return WORDS.get(text);
    return /^[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?$/i.test(text) ? Number(text) : value;
  }
  if (Array.isArray(value)) return value.map((item, i) => retyped(item, keys, [...path, i]));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, retyped(item, keys, [...path, key])]));
}
