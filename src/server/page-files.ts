import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire, stripTypeScriptTypes } from 'node:module';
import { dirname, extname, join } from 'node:path';

/** A file of the live page. */
export interface PageFile {
  /** Where it is served. */
  readonly path: string;
  readonly type: string;
  /** Kept from the first time on. */
  content(): PageContent;
}

interface PageContent {
  readonly bytes: Buffer;
  readonly etag: string;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/**
 * All files of the live page: those of the folder `page` beside this one, built or, in a checkout, as sources whose types are taken out,
 * and the library that draws its charts. Each is read when it is asked for first: what takes types out holds 20 MB, for many a server for nothing.
 */
export function pageFiles(): readonly PageFile[] {
  const folder = join(import.meta.dirname, 'page');
  const names = readdirSync(folder).filter((name) => !name.endsWith('.d.ts') && !name.endsWith('.json'));
  const plot = join(dirname(createRequire(import.meta.url).resolve('uplot/package.json')), 'dist');
  return [
    ...names.map((name) => {
      const read = (): string => readFileSync(join(folder, name), 'utf8');
      const path = name === 'index.html' ? '/' : `/page/${name.replace(/\.ts$/, '.js')}`;
      if (extname(name) === '.ts') return pageFile(path, '.js', () => asServed(withoutTypes(read())));
      return pageFile(path, extname(name), extname(name) === '.js' ? () => asServed(read()) : read);
    }),
    pageFile('/page/uplot.js', '.js', () => readFileSync(join(plot, 'uPlot.esm.js'), 'utf8')),
    pageFile('/page/uplot.css', '.css', () => readFileSync(join(plot, 'uPlot.min.css'), 'utf8')),
  ];
}

function pageFile(path: string, extension: string, read: () => string): PageFile {
  let content: PageContent | null = null;
  const made = (): PageContent => {
    const bytes = Buffer.from(read());
    return { bytes, etag: `"${createHash('sha256').update(bytes).digest('hex').slice(0, 32)}"` };
  };
  return { path, type: TYPES[extension] ?? 'application/octet-stream', content: () => (content ??= made()) };
}

/** A browser knows addresses only: no names of packages, and no sources. */
function asServed(script: string): string {
  return script
    .replaceAll(/(\bfrom\s+['"]|^import\s+['"])(\.{1,2}\/[^'"]+)\.ts(['"])/gm, '$1$2.js$3')
    .replaceAll(/(\bfrom\s+['"])uplot(['"])/g, '$1./uplot.js$2');
}

/** The warning that this is experimental is for whoever builds on it; here it is done in a checkout only. */
function withoutTypes(source: string): string {
  const warn = process.emitWarning.bind(process);
  process.emitWarning = () => undefined;
  try {
    return stripTypeScriptTypes(source);
  } finally {
    process.emitWarning = warn;
  }
}
