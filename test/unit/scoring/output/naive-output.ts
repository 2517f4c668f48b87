import type { ModelIdentity } from '../../../../src/core/model.ts';
import type { ScoreColumn } from '../../../../src/core/scorer.ts';
import type { OutputSettings } from '../../../../src/scoring/output/output-settings.ts';

/** Cells as canonical text (quotes included), the way a slow program without any plan would treat them. */
export interface NaiveInput {
  readonly intake: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly columns: readonly ScoreColumn[];
  readonly scores: readonly (readonly string[])[];
  /** Reason by failed row. */
  readonly failures: ReadonlyMap<number, string>;
  readonly model: ModelIdentity | null;
}

interface NaiveColumn {
  readonly name: string;
  readonly passthrough: boolean;
  /** Whether it stands behind the predictions though it is none of the intake's. */
  readonly tail?: boolean;
  readonly cell: (row: number) => string;
}

const SUFFIXES = {
  name: 'FEATURE_NAME',
  strength: 'STRENGTH',
  value: 'ACTUAL_VALUE',
  qualitative: 'QUALITATIVE_STRENGTH',
};

interface NaiveOutput {
  readonly header: readonly string[];
  readonly lines: readonly string[];
  /** The names that a remapping may use. */
  readonly offered: ReadonlySet<string>;
}

/** The output as lines of text, header first: one function per column, one string per cell. */
export function naiveOutput(settings: OutputSettings, input: NaiveInput): NaiveOutput {
  const { columns, scores, failures } = input;
  const probabilities = columns.flatMap((column, i) =>
    column.role.kind === 'probability' ? [{ label: column.role.label, i }] : [],
  );
  const binary = probabilities.length === 2;
  const positiveAt = columns.findIndex((column) => column.role.kind === 'positiveClass');
  const positiveOf = (row: number): number =>
    positiveAt < 0 ? 0 : probabilities.findIndex(({ label }) => label === unquote(scores[row]![positiveAt]!));
  const compared = (row: number): number => {
    if (binary) return Number(scores[row]![probabilities[positiveOf(row)]!.i]);
    if (probabilities.length > 0) return Math.max(...probabilities.map(({ i }) => Number(scores[row]![i])));
    return Number(scores[row]![columns.findIndex((column) => column.role.kind === 'prediction')]);
  };
  const explained = (row: number): boolean => {
    const { thresholdHigh: high, thresholdLow: low } = settings;
    if (high === null && low === null) return true;
    return (high !== null && compared(row) >= high) || (low !== null && compared(row) <= low);
  };
  const reply = (i: number): NaiveColumn => ({
    name: columns[i]!.name,
    passthrough: false,
    cell: (row) => {
      const kind = columns[i]!.role.kind;
      if (binary && settings.predictionThreshold !== null && kind === 'threshold')
        return `${settings.predictionThreshold}`;
      if (binary && settings.predictionThreshold !== null && kind === 'prediction') {
        const positive = positiveOf(row);
        return quote(probabilities[compared(row) > settings.predictionThreshold ? positive : 1 - positive]!.label);
      }
      if ((kind === 'shap' || kind === 'explanation') && !explained(row)) return '';
      return scores[row]![i]!;
    },
  });
  const ofKinds = (...kinds: readonly string[]): NaiveColumn[] =>
    columns.flatMap((column, i) => (kinds.includes(column.role.kind) ? [reply(i)] : []));

  const made = ofKinds('prediction', 'probability', 'threshold', 'positiveClass').filter(({ name }) => {
    const { role } = columns.find((column) => column.name === name)!;
    if (role.kind === 'prediction') return true;
    if (!settings.includeProbabilities) return false;
    if (role.kind !== 'probability' || settings.includeProbabilitiesClasses.length === 0) return true;
    return settings.includeProbabilitiesClasses.includes(role.label);
  });
  for (let rank = 1; rank <= settings.maxExplanations; rank += 1) {
    for (const part of ['name', 'strength', 'value', 'qualitative'] as const) {
      const at = columns.findIndex(
        ({ role }) => role.kind === 'explanation' && role.rank === rank && role.part === part,
      );
      made.push(
        at < 0 ? { name: `EXPLANATION_${rank}_${SUFFIXES[part]}`, passthrough: false, cell: () => '' } : reply(at),
      );
    }
  }
  made.push(...ofKinds('shap'));
  if (settings.predictionWarningEnabled) made.push(...ofKinds('outlier'));
  made.push(...ofKinds('approval'));
  const all: NaiveColumn[] = made.map((column) => ({
    ...column,
    cell: (row) => (failures.has(row) ? '' : column.cell(row)),
  }));
  if (settings.includePredictionStatus) {
    all.push({
      name: 'prediction_status',
      passthrough: false,
      tail: true,
      cell: (row) => (failures.has(row) ? quote(failures.get(row)!.split('\n')[0]!.slice(0, 300)) : 'OK'),
    });
  }
  if (settings.includeModelVersion) {
    const { model } = input;
    const text = model === null ? '' : quote(model.version === undefined ? model.id : `${model.id}@${model.version}`);
    all.push({ name: 'model_version', passthrough: false, tail: true, cell: (row) => (failures.has(row) ? '' : text) });
  }
  const names = settings.passthroughColumnsSet === 'all' ? [...input.intake] : [...settings.passthroughColumns];
  if (settings.associationId !== null && !names.includes(settings.associationId)) names.push(settings.associationId);
  for (const name of names) {
    const at = input.intake.indexOf(name);
    all.push({ name, passthrough: true, cell: (row) => input.rows[row]![at]! });
  }
  const shared = new Set(names);
  const kept = all.flatMap((column) => {
    const isRenamed = column.passthrough || !shared.has(column.name);
    const to = isRenamed ? settings.columnNamesRemapping.get(column.name) : undefined;
    return to === null ? [] : [{ ...column, name: to ?? column.name }];
  });
  const tail = kept.filter((column) => column.passthrough || column.tail);
  const lines = input.rows.map((_, row) => {
    const cells = kept.map((column) => column.cell(row));
    const isLone = tail.length === 1 && kept.length > 1 && failures.has(row) && cells.at(-1) === '""';
    if (isLone) cells[cells.length - 1] = '';
    return cells.join(',') || '""';
  });
  const offered = new Set([...columns, ...all].map((column) => column.name));
  return { header: kept.map((column) => column.name), lines, offered };
}

/** The canonical text of a string. */
export function quote(text: string): string {
  return text === '' || /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function unquote(field: string): string {
  return field.startsWith('"') ? field.slice(1, -1).replaceAll('""', '"') : field;
}
