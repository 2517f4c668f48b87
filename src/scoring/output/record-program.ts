import { COMMA } from '../../core/canonical-csv.ts';

/** Where one cell of an output record comes from. `rowText` is the new label of a scored row, the status of a failed one. */
export type CellSource =
  | { readonly from: 'score' | 'row'; readonly cell: number }
  | { readonly from: 'constant'; readonly bytes: Uint8Array }
  | { readonly from: 'rowText' };

/** Kinds of steps, as numbers: the join compares them for every row. */
export const SCORE_CELLS = 0;
export const ROW_CELLS = 1;
export const CONSTANT = 2;
const ROW_TEXT = 3;

/** One step of a program: a run of neighbouring cells that is copied as it stands, commas included, or some bytes. */
interface Step {
  readonly kind: number;
  /** First cell of the run. */
  readonly first: number;
  /** Last cell of the run; `TO_END` when it is the record's last, whose end is known without looking for it. */
  readonly last: number;
  readonly bytes: Uint8Array;
}

export const TO_END = -1;

/** How an output record is put together, worked out once: its steps are joined by commas. */
export interface RecordProgram {
  readonly steps: readonly Step[];
  /** How many cells of the reply's record, and of the row, must be found to run the steps. */
  readonly scoreCells: number;
  readonly rowCells: number;
  /** The same for the kernel; null when a step is text that each row has of its own. */
  readonly words: ProgramWords | null;
  /** Bytes that a record may have besides what it copies: constants, commas, LF, a pair of quotes. */
  readonly overhead: number;
}

/** A program as the kernel takes it. */
interface ProgramWords {
  /** Three per step: kind, first and last cell; or kind, offset and length of a constant. */
  readonly steps: Int32Array;
  readonly constants: Uint8Array;
}

const NOTHING = new Uint8Array(0);

/** @param scoreColumns,rowColumns how many cells the records have that the cells come from. */
export function compileRecord(cells: readonly CellSource[], scoreColumns: number, rowColumns: number): RecordProgram {
  const steps: Step[] = [];
  for (const cell of cells) {
    const before = steps.at(-1);
    if (cell.from === 'rowText') {
      steps.push({ kind: ROW_TEXT, first: 0, last: 0, bytes: NOTHING });
    } else if (cell.from === 'constant') {
      if (before?.kind === CONSTANT) steps[steps.length - 1] = { ...before, bytes: joined(before.bytes, cell.bytes) };
      else steps.push({ kind: CONSTANT, first: 0, last: 0, bytes: cell.bytes });
    } else {
      const kind = cell.from === 'score' ? SCORE_CELLS : ROW_CELLS;
      if (before?.kind === kind && before.last + 1 === cell.cell) {
        steps[steps.length - 1] = { ...before, last: cell.cell };
      } else {
        steps.push({ kind, first: cell.cell, last: cell.cell, bytes: NOTHING });
      }
    }
  }
  const open = steps.map((step) => {
    const columns = step.kind === SCORE_CELLS ? scoreColumns : step.kind === ROW_CELLS ? rowColumns : -1;
    return step.last === columns - 1 ? { ...step, last: TO_END } : step;
  });
  return {
    steps: open,
    scoreCells: cellsToFind(open, SCORE_CELLS),
    rowCells: cellsToFind(open, ROW_CELLS),
    words: wordsOf(open),
    overhead: open.reduce((sum, step) => sum + step.bytes.length + 1, 3),
  };
}

function wordsOf(steps: readonly Step[]): ProgramWords | null {
  if (steps.length === 0 || steps.some(({ kind }) => kind === ROW_TEXT)) return null;
  const constants: number[] = [];
  const words = steps.flatMap(({ kind, first, last, bytes }) => {
    if (kind !== CONSTANT) return [kind, first, last];
    constants.push(...bytes);
    return [kind, constants.length - bytes.length, bytes.length];
  });
  return { steps: Int32Array.from(words), constants: Uint8Array.from(constants) };
}

/** A run that starts at cell n needs the ends of the n cells before it; one that ends at cell n that end too. */
function cellsToFind(steps: readonly Step[], kind: number): number {
  return steps
    .filter((step) => step.kind === kind)
    .reduce((most, step) => Math.max(most, step.last === TO_END ? step.first : step.last + 1), 0);
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(a.length + 1 + b.length);
  bytes.set(a);
  bytes[a.length] = COMMA;
  bytes.set(b, a.length + 1);
  return bytes;
}
