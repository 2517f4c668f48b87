import type { Clock } from '../core/clock.ts';
import type { DeploymentDescription } from '../core/scorer.ts';
import { createScorer } from '../scoring/scorer-stack.ts';
import type { Deployment } from './description/deployment.ts';
import { type JobDescription, resolveJob } from './description/parse-job.ts';
import { unexplained } from './explanations/occlusion-of.ts';
import { scorerSettingsOf } from './scoring-settings.ts';

/** What the prediction server of a job says of its deployment now: one request, without the patience that a job has. */
export async function describeDeployment(
  job: JobDescription,
  clock: Clock,
  signal: AbortSignal,
): Promise<DeploymentDescription> {
  const [address, settings] = scorerSettingsOf(unexplained(job), null);
  const retry = { budgetMs: 0, connectBudgetMs: 0, pauseOnAccess: false };
  await using scorer = createScorer(address, { ...settings, pinned: null, retry }, { clock }).scorer;
  return await scorer.describe(signal);
}

/** The same of a deployment that no job was asked for. */
export async function describeServer(
  deployment: Deployment,
  clock: Clock,
  signal: AbortSignal,
): Promise<DeploymentDescription> {
  const { id, server } = deployment;
  const plain = { deployment: { id, server }, intakeSettings: { file: '-' }, outputSettings: { path: '-' } };
  return await describeDeployment({ ...resolveJob(plain), deployment }, clock, signal);
}
