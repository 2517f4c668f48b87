import { encodeField } from '../../core/canonical-csv.ts';
import { SluiceError } from '../../core/error.ts';
import type { DeploymentDescription, ScoreColumn } from '../../core/scorer.ts';
import { nameList } from '../output/nearest-name.ts';
import { replyMismatch } from './reply-mismatch.ts';

export interface PredictionTableOptions {
  /** For messages: which deployment of which server. */
  readonly target: string;
  /** The target's name in the output; null: as the server says it. */
  readonly targetName: string | null;
  /** The name where nobody says one. */
  readonly fallbackName: string;
  /** Class labels in the order of the server's probabilities, for servers that do not name them. */
  readonly classes: readonly string[] | null;
  readonly positiveClass: string | null;
}

/** Above it the positive class of two is predicted, where the server says no other; the output may put its own in place of it. */
const THRESHOLD = 0.5;
const encoder = new TextEncoder();

/** What the columns of a job are, settled by the first reply. */
export interface PredictionPlan {
  readonly columns: readonly ScoreColumn[];
  /** For each column of probabilities, which number of a row it is; -1 is what is missing to 1. Empty for no classes. */
  readonly order: readonly number[];
  /** The label of each of them, as a canonical field. */
  readonly labels: readonly Uint8Array[];
  /** What stands behind the label of every row. */
  readonly tail: Uint8Array;
  readonly binary: boolean;
  readonly threshold: number;
}

/**
 * The plan for replies with `width` numbers a row; 0 is a label.
 * @param names what the numbers are called, where the server says so.
 * @throws REPLY_MISMATCH for a class that is there twice, CONFIG_INVALID where classes have no names, or others than the settings say.
 */
export function planPredictions(
  options: PredictionTableOptions,
  width: number,
  names: readonly string[] | null,
  description: DeploymentDescription,
): PredictionPlan {
  const { targetName, fallbackName, target } = options;
  const name = targetName ?? description.target ?? fallbackName;
  const label = `${name}_PREDICTION`;
  const threshold = description.threshold ?? THRESHOLD;
  const none = { order: [], labels: [], tail: new Uint8Array(0), binary: false, threshold };
  if (width === 0) return { ...none, columns: [{ name: label, role: { kind: 'label' } }] };
  const given = options.classes ?? description.classes ?? null;
  const isShare = width === 1 && given?.length === 2;
  if (width === 1 && !isShare) {
    const anomaly = description.kind === 'anomaly';
    return { ...none, columns: [{ name: anomaly ? 'ANOMALY_SCORE' : label, role: { kind: 'prediction' } }] };
  }
  const classes = classNames(options, width, isShare ? null : names, given);
  const positive = positiveOf(options, classes, description);
  const order = isShare
    ? [0, -1]
    : classes.length === 2
      ? [positive, 1 - positive]
      : [...classes.keys()].toSorted((a, b) => (classes[a]! < classes[b]! ? -1 : 1));
  const ordered = isShare ? [classes[positive]!, classes[1 - positive]!] : order.map((at) => classes[at]!);
  const binary = ordered.length === 2;
  if (new Set(ordered).size !== ordered.length)
    throw replyMismatch(target, `names a class twice: ${nameList(ordered)}`);
  return {
    columns: [
      ...ordered.map(
        (one): ScoreColumn => ({ name: `${name}_${one}_PREDICTION`, role: { kind: 'probability', label: one } }),
      ),
      { name: label, role: { kind: 'prediction' } },
      ...(binary ? ([{ name: 'THRESHOLD', role: { kind: 'threshold' } }] as const) : []),
      ...(binary ? ([{ name: 'POSITIVE_CLASS', role: { kind: 'positiveClass' } }] as const) : []),
    ],
    order,
    labels: ordered.map((one) => encoder.encode(encodeField(one))),
    tail: encoder.encode(binary ? `,${threshold},${encodeField(ordered[0]!)}\n` : '\n'),
    binary,
    threshold,
  };
}

/** The classes in the order of the numbers of a row. */
function classNames(
  options: PredictionTableOptions,
  width: number,
  names: readonly string[] | null,
  given: readonly string[] | null,
): readonly string[] {
  const { target } = options;
  const own = options.classes;
  if (names !== null) {
    if (own !== null && own.toSorted().join('\n') !== names.toSorted().join('\n'))
      throw new SluiceError(
        'CONFIG_INVALID',
        `The replies of ${target} have the classes ${nameList(names)}, but deployment.classes names ${nameList(own)}.`,
      );
    return names;
  }
  if (given === null)
    throw new SluiceError(
      'CONFIG_INVALID',
      `The replies of ${target} have ${width} numbers for each row and do not say of which classes they are the ` +
        'probabilities. Name the classes in this order in deployment.classes.',
    );
  if (width !== 1 && given.length !== width)
    throw new SluiceError(
      'CONFIG_INVALID',
      `The replies of ${target} have ${width} numbers for each row, but there are ${given.length} classes: ` +
        `${nameList(given)}. Correct deployment.classes.`,
    );
  return given;
}

/** Which of two classes is the positive one. Of two that nobody says more of, the second, as scikit-learn sorts them. */
function positiveOf(
  options: PredictionTableOptions,
  classes: readonly string[],
  description: DeploymentDescription,
): number {
  if (classes.length !== 2) return -1;
  const said = options.positiveClass ?? (description.kind === 'binary' ? description.classes?.[0] : undefined);
  if (said === undefined) return 1;
  const at = classes.indexOf(said);
  if (at !== -1) return at;
  throw new SluiceError(
    'CONFIG_INVALID',
    `The positive class of ${options.target} is said to be "${said}", but the classes are ${nameList(classes)}. ` +
      'Correct deployment.positiveClass.',
  );
}
