import type { JobDescription } from '../description/parse-job.ts';

/** How the letters of a job are told from others in their topic, and how far they were replayed. */
export interface LetterMark {
  /** The header `sluice-job` of its letters. */
  readonly job: string;
  /** The consumer group whose committed offsets say what was replayed. */
  readonly group: string;
}

/**
 * A live job's letters are those of its consumer group; a bounded job's those of its deployment and output topic, whichever run wrote
 * them: its intake may be another one every day.
 * @param deployment that the job had when it wrote them, where it has another one now.
 */
export function letterMarkOf(
  { intakeSettings: intake, outputSettings: output, deployment }: JobDescription,
  written: string = deployment.id,
): LetterMark {
  if (intake.type === 'kafka' && intake.until === null)
    return { job: `group ${intake.group}`, group: `${intake.group}-dlq` };
  const topic = output.type === 'kafka' ? output.topic : '';
  return { job: `deployment ${written} to ${topic}`, group: `sluice-dlq-${written}-${topic}` };
}
