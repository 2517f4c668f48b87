import { basename, dirname, join, relative, resolve } from 'node:path';

/** The files of one output, all of them absolute. Everything but the dead letters stands beside the rows. */
export interface OutputPaths {
  /** The output as the user named it, for messages. */
  readonly name: string;
  readonly folder: string;
  readonly rows: string;
  readonly deadLetters: string;
  /** Whether the dead letters have a place of their own choice, where something else may stand already. */
  readonly deadLettersElsewhere: boolean;
  /** Where dead letters go unless told otherwise. */
  readonly usualDeadLetters: string;
  readonly partial: Readonly<Record<'rows' | 'deadLetters', string>>;
  readonly ledger: string;
  readonly manifest: string;
}

/** The ends of the names of our own files; a folder or pattern that is read leaves them out. */
const OWN_ENDINGS = /\.(partial|ledger\.json(\.tmp)?|manifest\.json(\.tmp)?|dead\.jsonl|lock|lock\.[0-9a-f-]{36})$/;

export function outputPaths(output: string, deadLetterPath: string | null): OutputPaths {
  const rows = resolve(output);
  const usualDeadLetters = `${rows}.dead.jsonl`;
  const deadLetters = deadLetterPath === null ? usualDeadLetters : resolve(deadLetterPath);
  return {
    name: output,
    folder: dirname(rows),
    rows,
    deadLetters,
    deadLettersElsewhere: deadLetters !== usualDeadLetters,
    usualDeadLetters,
    partial: { rows: `${rows}.partial`, deadLetters: `${deadLetters}.partial` },
    ledger: `${rows}.ledger.json`,
    manifest: `${rows}.manifest.json`,
  };
}

/** Names as a manifest has them: relative to the folder of the output. */
export function manifestNames(paths: OutputPaths): { readonly rows: string; readonly deadLetters: string } {
  return { rows: basename(paths.rows), deadLetters: relative(paths.folder, paths.deadLetters) };
}

/** Where a name of a manifest or ledger points to. */
export function besideOutput(paths: Pick<OutputPaths, 'folder'>, name: string): string {
  return join(paths.folder, name);
}

/** Whether a file is one of those that Sluice keeps beside its outputs, or the mark of a folder of partitions. */
export function isOwnFile(path: string): boolean {
  return OWN_ENDINGS.test(path) || basename(path) === '_SUCCESS';
}
