import type { JobInput, Manifest } from '../../../src/index.ts';
import type { ServiceName } from '../services/left-out.ts';
import type { FlightRow } from './flight-rows.ts';

/** What all intakes and outputs of a matrix share. */
export interface MatrixPlace {
  /** A folder of the matrix's own. */
  readonly folder: string;
  readonly rows: readonly FlightRow[];
}

/** An intake that holds the rows. */
export interface PlacedIntake {
  readonly settings: JobInput['intakeSettings'];
  /** Goes to the standard input of the process. */
  readonly stdin?: string;
  /** Variables of the environment that the job needs. */
  readonly env?: Readonly<Record<string, string>>;
  /** The flight IDs in the order in which the job reads them. */
  readonly order: readonly string[];
  /** Called when no job reads it any more. */
  close?(): Promise<void>;
}

/** An intake of the matrix: a line of `matrixIntakes`. */
export interface MatrixIntake {
  readonly name: string;
  readonly needs: readonly ServiceName[];
  /** Whether a run that was killed is continued; else it begins anew. */
  readonly continues: boolean;
  /** Fills it. Called once, and read by many jobs. */
  place(at: MatrixPlace): Promise<PlacedIntake>;
}

/** What is in an output when its job is done. */
export interface FoundOutput {
  /** `[flight_id, prediction]` in the order of the output; a list per partition, and where there is no order one for each row. */
  readonly parts: readonly (readonly (readonly [string, string])[])[];
  /** Flight IDs of the dead letters; null where they are counted only. */
  readonly deadIds: readonly string[] | null;
  /** What `verify` found wrong; empty when the output is as its manifest says. */
  readonly problems: readonly string[];
}

/** A place for the output of one job. */
export interface PlacedOutput {
  readonly settings: JobInput['outputSettings'];
  /** Called before a run that begins anew, where what the former run wrote stays. */
  beginsAnew?(): Promise<void>;
  /** @param stdout what the last process wrote to its standard output. */
  read(manifest: Manifest, stdout: string): Promise<FoundOutput>;
  /** Called when its job is done. */
  close?(): Promise<void>;
}

/** An output of the matrix: a line of `matrixOutputs`. */
export interface MatrixOutput {
  readonly name: string;
  readonly needs: readonly ServiceName[];
  readonly continues: boolean;
  /** It can commit at the end of large blocks only, and there are too few rows for one. */
  readonly commitsLate?: true;
  /** @param name unique for each job. */
  place(at: MatrixPlace, name: string): Promise<PlacedOutput>;
}
