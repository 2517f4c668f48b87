import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');

interface Edge {
  readonly from: string;
  /** A file of the project, or the name of a package. */
  readonly to: string;
}

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}

const files = [...sources('src'), ...sources('connectors')];
const edges: readonly Edge[] = files.flatMap((from) => {
  const text = readFileSync(join(root, from), 'utf8');
  const imports = [
    ...text.matchAll(
      /^\s*(?:import|export)\b[^'"]*?from\s+['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)|^import\s+['"]([^'"]+)['"]/gms,
    ),
  ];
  return imports.map((match) => {
    const target = match[1] ?? match[2] ?? match[3] ?? '';
    return { from, to: target.startsWith('.') ? relative(root, join(root, dirname(from), target)) : target };
  });
});

const internal = edges.filter((edge) => edge.to.startsWith('src/') || edge.to.startsWith('connectors/'));
const builtins = new Set(builtinModules);
const packages = edges
  .filter((edge) => !internal.includes(edge) && !edge.to.startsWith('node:') && !builtins.has(edge.to))
  .map((edge) => ({
    from: edge.from,
    to: edge.to
      .split('/')
      .slice(0, edge.to.startsWith('@') ? 2 : 1)
      .join('/'),
  }));

/** The room of a file: `src/core`, `connectors/file`, or the file itself for `src/sdk.ts` and its like. */
function room(file: string): string {
  return file.split('/').slice(0, 2).join('/');
}

/** For each room, the rooms it may import from besides itself. Rooms that are not listed compose, and may import all. */
const arrows: Readonly<Record<string, readonly string[]>> = {
  'src/core': [],
  'src/codecs': ['src/core'],
  'src/links': ['src/core'],
  'src/scoring': ['src/core', 'src/observe'],
  'src/monitoring': ['src/core'],
  'src/observe': ['src/core'],
  'src/stages': ['src/core'],
  'src/model-server': ['src/core', 'src/codecs'],
  'src/sdk.ts': ['src/core', 'src/codecs'],
  'src/testing.ts': ['src/core', 'src/sdk.ts', 'src/testing'],
  'src/testing': ['src/core', 'src/sdk.ts'],
};

describe('the layout', () => {
  test('imports follow the arrows between the rooms', () => {
    const wrong = internal.filter(({ from, to }) => {
      const [a, b] = [room(from), room(to)];
      if (a === b) return false;
      const allowed = a.startsWith('connectors/') ? ['src/sdk.ts'] : arrows[a];
      return allowed !== undefined && !allowed.includes(b);
    });
    expect(wrong.map(({ from, to }) => `${from} -> ${to}`)).toEqual([]);
  });

  test('there is no cycle between files', () => {
    const next = Map.groupBy(internal, (edge) => edge.from);
    const done = new Set<string>();
    const cycles: string[] = [];
    const visit = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) {
        cycles.push([...path.slice(path.indexOf(file)), file].join(' -> '));
        return;
      }
      if (done.has(file)) return;
      for (const edge of next.get(file) ?? []) visit(edge.to, [...path, file]);
      done.add(file);
    };
    for (const file of files) visit(file, []);
    expect(cycles).toEqual([]);
  });

  test('core uses no package and does no input or output', () => {
    const outside = edges.filter((edge) => edge.from.startsWith('src/core/') && !edge.to.startsWith('src/core/'));
    expect(outside).toEqual([]);
  });

  test('the live page runs in a browser: it imports its own files, what draws its charts, and types', () => {
    const folder = 'src/server/page/';
    const own = edges.filter(({ from }) => from.startsWith(folder));
    const isType = ({ from, to }: Edge): boolean => {
      const name = to.split('/').at(-1)!;
      return new RegExp(`^import type [^;]*/${name}'`, 'm').test(readFileSync(join(root, from), 'utf8'));
    };
    const wrong = own.filter((edge) => !edge.to.startsWith(folder) && edge.to !== 'uplot' && !isType(edge));
    expect(own.length).toBeGreaterThan(20);
    expect(wrong).toEqual([]);
  });

  test('the stages speak to interfaces only: no package', () => {
    expect(packages.filter(({ from }) => from.startsWith('src/stages/'))).toEqual([]);
  });

  test('a package is imported in one room only', () => {
    // Fastify is what both servers are made with, and their routes are handed its requests. The schemas of the API's bodies are made of those
    // of the job description, so zod is in both rooms.
    const shared: Readonly<Record<string, readonly string[]>> = {
      fastify: ['src/model-server', 'src/server'],
      zod: ['src/jobs', 'src/server'],
    };
    const rooms = [...Map.groupBy(packages, (edge) => edge.to)].map(([name, uses]) => ({
      name,
      rooms: [...new Set(uses.map(({ from }) => room(from)))],
    }));
    const wrong = rooms.filter(({ name, rooms: found }) => {
      const allowed = shared[name] ?? found.slice(0, 1);
      return found.some((room) => !allowed.includes(room));
    });
    expect(wrong).toEqual([]);
  });

  test('every import points at a file that is there', () => {
    const known = new Set(files);
    expect(internal.filter(({ to }) => !known.has(to)).map(({ from, to }) => `${from} -> ${to}`)).toEqual([]);
  });
});
