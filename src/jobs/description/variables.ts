import type { Path } from './written-text.ts';

/** Where variables come from. */
export interface VariableSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The text of a file named by a `*_FILE` variable; throws if it cannot be read. */
  readonly readFile: (path: string) => string;
}

/** A variable that has no value, or a `${` that begins none. */
interface VariableProblem {
  readonly path: Path;
  readonly message: string;
}

/** A value in which the variables have been replaced. */
export interface Substituted {
  readonly value: unknown;
  /** Paths (as `pathKey` has them) of the texts that held variables: they may be secret. */
  readonly replaced: ReadonlySet<string>;
  readonly problems: readonly VariableProblem[];
}

/** A path as one text, for maps and sets. */
export function pathKey(path: Path): string {
  return JSON.stringify(path.map(String));
}

/**
 * Replaces variables in the texts of a value, never in keys, and never twice: `${NAME}`, `${NAME:-default}`,
 * `${NAME:?message}`. A variable that is not set takes the content of the file that `NAME_FILE` names, without the
 * line ends around it. As in a shell, the default and the message also stand for an empty value. `$${` is a plain `${`.
 */
export function substitute(value: unknown, sources: VariableSources): Substituted {
  const replaced = new Set<string>();
  const problems: VariableProblem[] = [];
  const walk = (at: unknown, path: Path): unknown => {
    if (typeof at === 'string') {
      if (!at.includes('${')) return at;
      replaced.add(pathKey(path));
      return expand(at, sources, (message) => problems.push({ path, message }));
    }
    if (Array.isArray(at)) return at.map((item, i) => walk(item, [...path, i]));
    if (typeof at !== 'object' || at === null) return at;
    return Object.fromEntries(Object.entries(at).map(([key, item]) => [key, walk(item, [...path, key])]));
  };
  return { value: walk(value, []), replaced, problems };
}

const REFERENCE = /\$\$\{|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)(?::([-?])([^}]*))?\}|)/g;

function expand(text: string, sources: VariableSources, report: (message: string) => void): string {
  return text.replaceAll(REFERENCE, (match, name?: string, operator?: string, operand = '') => {
    if (match === '$${') return '${';
    if (name === undefined) {
      report(
        '"${" begins no variable: write ${NAME}, ${NAME:-default} or ${NAME:?message}, or $${ for the characters themselves',
      );
      return match;
    }
    const value = lookUp(name, sources, report);
    if (value === null) return '';
    if (value !== undefined && (value !== '' || operator === undefined)) return value;
    if (operator === '-') return operand;
    if (operator === '?') report(`${name} is not set: ${operand || 'it must be given'}`);
    else if (value === undefined) {
      report(`${name} is not set; set it or ${name}_FILE, or write \${${name}:-default}`);
    }
    return '';
  });
}

/** Null when it was found wanting, and reported. */
function lookUp(name: string, sources: VariableSources, report: (message: string) => void): string | null | undefined {
  const { env, readFile } = sources;
  const direct = env[name];
  const file = env[`${name}_FILE`];
  if (direct !== undefined || file === undefined || file === '') return direct;
  try {
    return readFile(file).replace(/^[\r\n]+|[\r\n]+$/g, '');
  } catch {
    report(`${name}_FILE names a file that cannot be read: ${file}`);
    return null;
  }
}
