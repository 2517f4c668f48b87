import type * as z from 'zod';
import { nearestNames } from '../../scoring/output/nearest-name.ts';
import { expectation, type FieldSchema, forms, schemaAt } from './field-schema.ts';
import { laterFields, laterValues, serverOnlyFields } from './later.ts';
import { pathKey } from './variables.ts';
import type { Path } from './written-text.ts';

type Issue = z.core.$ZodIssue;

/** One thing wrong with what was written. */
export interface Problem {
  readonly path: Path;
  /** The unknown field itself; `path` is then the object that holds it. */
  readonly key?: string;
  readonly message: string;
}

/** What messages are made from. */
interface Written {
  readonly schema: FieldSchema;
  readonly value: unknown;
  /** Paths of texts that held variables: never quoted. */
  readonly replaced: ReadonlySet<string>;
}

/** Fields whose content is never quoted. */
const SECRET_FIELDS = new Set([
  'token',
  'dataRobotKey',
  'datarobotKey',
  'apiKey',
  'server',
  'store',
  'password',
  'awsAccessKeyId',
  'awsSecretAccessKey',
  'awsSessionToken',
  'customerKey',
  'kmsEncryptionContext',
  'jdbcUrl',
  'url',
  'headers',
  'body',
]);

/** More problems than anybody reads: a text made of nothing else must not cost more than a text of sense. */
const MOST_PROBLEMS = 50;

/** What a validation found, in words, every problem once; the first ones of very many. */
export function problemsOf(found: readonly Issue[], written: Written): readonly Problem[] {
  const issues = found.slice(0, MOST_PROBLEMS).flatMap(insideUnion);
  // With a type of a later version the fields beside it are of that version too.
  const foreign = new Set(
    issues
      .filter((issue) => issue.path.at(-1) === 'type' && laterValue(issue, written) !== null)
      .map((issue) => pathKey(issue.path.slice(0, -1))),
  );
  return issues.flatMap((issue): readonly Problem[] => {
    const { path } = issue;
    if (issue.code === 'unrecognized_keys') {
      if (foreign.has(pathKey(path))) return [];
      return issue.keys
        .slice(0, MOST_PROBLEMS)
        .map((key) => ({ path, key, message: unknownField(key, path, written) }));
    }
    const parent = valueAt(written.value, path.slice(0, -1));
    if (foreign.has(pathKey(path.slice(0, -1))) && laterValue(issue, written) === null) return [];
    const isMissing =
      issue.code === 'invalid_type' && typeof parent === 'object' && valueAt(parent, path.slice(-1)) === undefined;
    if (isMissing)
      return [{ path: path.slice(0, -1), message: `${pathText(path)} is missing${described(path, written)}` }];
    return [{ path, message: `${pathText(path)} ${fault(issue, written)}` }];
  });
}

/** Of a union, the issues of the one form that the value has the type of; the union itself if there is no such form. */
function insideUnion(issue: Issue): readonly Issue[] {
  if (issue.code !== 'invalid_union') return [issue];
  const [form, ...others] = issue.errors.filter((errors) => errors.every(({ path }) => path.length > 0));
  if (form === undefined || others.length > 0) return [issue];
  return form.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })).flatMap(insideUnion);
}

/** `a.b[2]`; the root has a name of its own. */
function pathText(path: Path): string {
  const text = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`)).join('');
  return text === '' ? 'the job' : text.replace(/^\./, '');
}

function fault(issue: Issue, written: Written): string {
  const later = laterValue(issue, written);
  const schema = schemaAt(written.schema, issue.path);
  if (later !== null)
    return `"${later}" is not in this version, which has ${schema === undefined ? 'others' : expectation(schema)}`;
  // Messages of ours: zod's own begin with a capital letter.
  if (issue.code === 'custom' || (issue.code === 'invalid_format' && /^[a-z]/.test(issue.message)))
    return issue.message;
  const value = valueAt(written.value, issue.path);
  if (value === '' && issue.code === 'too_small') return 'must not be empty';
  if (Array.isArray(value) && issue.code === 'too_small') return 'must name at least one';
  if (schema === undefined) return 'is not valid';
  return `must be ${expectation(schema)}, not ${received(value, issue.path, written)}`;
}

function unknownField(key: string, path: Path, written: Written): string {
  const where = path.length === 0 ? '' : ` in ${pathText(path)}`;
  // What is no name may be half a broken line, with a token in it.
  if (!/^[A-Za-z][\w-]{0,40}$/.test(key))
    return `there is an unknown field${where}; look for a quote or comma that is missing`;
  if (laterFields.get(path.join('.'))?.has(key)) return `"${key}"${where} is not in this version; take it out`;
  if (path.length === 0 && serverOnlyFields.has(key))
    return `"${key}" is of jobs over the REST API alone, as batches of monitoring are kept by sluice serve; take it out`;
  const known = fieldNames(schemaAt(written.schema, path), valueAt(written.value, path));
  const [near] = nearestNames(key, known);
  if (near !== undefined) return `unknown field "${key}"${where}; did you mean "${near}"?`;
  return `unknown field "${key}"${where}; ${known.length > 12 ? '`sluice schema` prints those there are' : `there are ${known.join(', ')}`}`;
}

/** The fields that a mapping may have; of several forms those of the one that its `type` names. */
function fieldNames(schema: FieldSchema | undefined, value: unknown): readonly string[] {
  if (schema === undefined) return [];
  const all = forms(schema).filter(({ properties }) => properties !== undefined);
  const type = valueAt(value, ['type']);
  const [named] = all.filter(
    ({ properties }) => properties?.['type']?.const === (type ?? properties?.['type']?.default),
  );
  return Object.keys(named?.properties ?? Object.assign({}, ...all.map(({ properties }) => properties)));
}

/** The value, where an issue is about one that a later version has. */
function laterValue(issue: Issue, written: Written): string | null {
  if (issue.code !== 'invalid_value' && issue.code !== 'invalid_union') return null;
  const value = valueAt(written.value, issue.path);
  const name = issue.path.join('.');
  const field = String(issue.path.at(-1));
  const known = laterValues.get(name) ?? laterValues.get(field);
  return typeof value === 'string' && known?.has(value) === true ? value : null;
}

function received(value: unknown, path: Path, written: Written): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  const isHidden = written.replaced.has(pathKey(path)) || path.some((step) => SECRET_FIELDS.has(String(step)));
  if (typeof value === 'number' || typeof value === 'boolean') return isHidden ? `a ${typeof value}` : String(value);
  if (typeof value !== 'string') return 'this';
  if (isHidden || value.length > 40) return 'this text';
  return `the text ${JSON.stringify(value)}`;
}

function described(path: Path, written: Written): string {
  const schema = schemaAt(written.schema, path);
  const [sentence] = schema?.description?.split(/\.(?: |$)/) ?? [];
  return sentence === undefined ? '' : ` (${sentence})`;
}

function valueAt(value: unknown, path: Path): unknown {
  let at = value;
  for (const step of path) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = Object.getOwnPropertyDescriptor(at, step)?.value;
  }
  return at;
}
