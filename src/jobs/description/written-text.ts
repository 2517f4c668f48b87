import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { SluiceError } from '../../core/error.ts';

/** Keys and indexes from the root to a value. */
export type Path = readonly PropertyKey[];

/** YAML or JSON that was parsed, and where its parts stand. */
export interface WrittenText {
  readonly value: unknown;
  /** `file:line:column` of a value; of its key where `key` is set; of the nearest part around it if it is not there. */
  place(path: Path, key?: string): string;
}

/** Parses YAML, of which JSON is a part. Throws CONFIG_UNREADABLE with the place. */
export function readWritten(text: string, file: string, format: 'yaml' | 'json'): WrittenText {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'error' });
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  const [first] = document.errors;
  if (first !== undefined) {
    // Behind the colon some messages quote the text, which may hold a token.
    const [message] = first.message.split(': ', 1);
    throw new SluiceError('CONFIG_UNREADABLE', `${at(first.pos[0])}: this is not ${format.toUpperCase()}: ${message}.`);
  }
  const value = format === 'json' ? parseJson(text, file) : plainValue(document, file);
  if (value === null || value === undefined) throw new SluiceError('CONFIG_UNREADABLE', `${file} is empty.`);
  const root = document.contents;
  return {
    value,
    place(path, key) {
      let node: Node | null = root;
      let offset = root?.range?.[0] ?? 0;
      for (const step of path) {
        const child = childOf(node, step);
        if (child === undefined) break;
        node = isAlias(child.value) ? (child.value.resolve(document) ?? child.value) : child.value;
        offset = child.value.range?.[0] ?? child.offset;
      }
      const named = key === undefined ? undefined : childOf(node, key);
      return at(named === undefined ? offset : named.offset);
    },
  };
}

interface Child {
  readonly value: Node;
  /** Where its key, or the item itself, begins. */
  readonly offset: number;
}

function childOf(node: Node | null, step: PropertyKey): Child | undefined {
  if (isSeq(node)) {
    const value = node.items[Number(step)];
    return isNode(value) ? { value, offset: value.range?.[0] ?? 0 } : undefined;
  }
  if (!isMap(node)) return undefined;
  const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === step);
  if (!isNode(pair?.key)) return undefined;
  return { value: isNode(pair.value) ? pair.value : pair.key, offset: pair.key.range?.[0] ?? 0 };
}

function plainValue(document: ReturnType<typeof parseDocument>, file: string): unknown {
  try {
    return document.toJS();
  } catch (error) {
    // An alias without its anchor, or aliases that multiply beyond all measure.
    throw new SluiceError('CONFIG_UNREADABLE', `${file}: its aliases cannot be resolved; write the values out.`, {
      cause: error,
    });
  }
}

/** YAML takes more than JSON has (comments, bare words): what is named JSON must be JSON. */
function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // The engine's own message may quote the text around the fault, and with it a token: only the place is taken from it.
    const [, line, column] = /line (\d+) column (\d+)/.exec(String(error)) ?? [];
    const where = line === undefined ? file : `${file}:${line}:${column}`;
    throw new SluiceError(
      'CONFIG_UNREADABLE',
      `${where}: this is YAML but not JSON; correct it, or name the file .yaml.`,
    );
  }
}
