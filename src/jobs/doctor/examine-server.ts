import { findSluiceError } from '../../core/error.ts';
import type { DeploymentDescription } from '../../core/scorer.ts';
import { describeDeployment } from '../describe-deployment.ts';
import type { JobDescription } from '../description/parse-job.ts';
import type { ExamineOptions } from './examine-options.ts';
import { type Finding, fails, ok, skipped } from './finding.ts';
import { inTime } from './looking.ts';

/** Whether the prediction server answers, takes the token, and has the deployment and the model; and what that is. */
export async function examineServer(job: JobDescription, options: ExamineOptions): Promise<readonly Finding[]> {
  const { server, id, token } = job.deployment;
  const named = token === null ? 'none is given' : 'accepted';
  try {
    const found = await inTime((signal) => describeDeployment(job, options.clock, signal), options);
    return [
      ok('prediction server', `${server} answers${found.software === undefined ? '' : `: ${found.software}`}`),
      ok('token', named),
      known(found) ? ok('deployment', `${id}: ${wordsOf(found)}`) : skipped('deployment', unknown(id)),
      ...pinned(job, found),
    ];
  } catch (error) {
    options.signal.throwIfAborted();
    const fault = findSluiceError(error);
    // What the last request met says more than that nobody waits for another one.
    const told = fault?.code === 'RETRY_BUDGET_SPENT' ? (fault.cause ?? error) : error;
    const status = fault?.status;
    if (status === 401 || status === 403)
      return [
        ok('prediction server', `${server} answers`),
        fails('token', error),
        skipped('deployment', 'the token is not accepted'),
      ];
    if (status === 404)
      return [ok('prediction server', `${server} answers`), ok('token', named), fails('deployment', error)];
    const why = 'the prediction server does not work';
    return [fails('prediction server', told), skipped('token', why), skipped('deployment', why)];
  }
}

function known({ model, target, kind }: DeploymentDescription): boolean {
  return model !== undefined || target !== undefined || kind !== undefined;
}

function wordsOf({ model, target, kind, classes }: DeploymentDescription): string {
  const parts = [
    model === undefined ? null : `model ${model.id}${model.version === undefined ? '' : ` version ${model.version}`}`,
    kind ?? null,
    target === undefined ? null : `target ${target}`,
    classes === undefined ? null : `${classes.length} classes`,
  ];
  return parts.filter((part) => part !== null).join(', ');
}

function unknown(id: string): string {
  return `this server does not say what ${id} is; the first request will show whether it is there`;
}

function pinned({ pinnedModelId }: JobDescription, { model }: DeploymentDescription): readonly Finding[] {
  if (pinnedModelId === null) return [];
  if (model === undefined)
    return [skipped('model', `the server does not name its model; the job wants ${pinnedModelId}`)];
  if (model.id === pinnedModelId) return [ok('model', `${model.id}, as pinnedModelId wants it`)];
  const says = `pinnedModelId is ${pinnedModelId}, but the deployment has ${model.id}. Correct it, or restore the model.`;
  return [{ what: 'model', status: 'fails', says, code: 'MODEL_CHANGED' }];
}
