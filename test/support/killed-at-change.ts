import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { endOfRun } from './end-of-run.ts';
import { S3FaultProxy } from './s3-fault-proxy.ts';

/**
 * Requests that change nothing are not counted. The run is killed when the server has done that many of the others, and before it hears of the
 * reply to the last one: whether it has heard, and dies before the next one is done, makes no difference to what is there.
 * @param start the run, told where its server is.
 */
export async function killedAtChange(
  server: string,
  start: (endpointUrl: string) => ChildProcess,
  operation: number,
): Promise<'killed' | 'finished'> {
  await using proxy = await S3FaultProxy.start(server);
  const child = start(proxy.endpointUrl);
  const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  let changes = 0;
  proxy.fault = async ({ method }) => {
    if (method === 'GET' || method === 'HEAD') return null;
    const kill = async (): Promise<void> => {
      child.kill('SIGKILL');
      await ended;
    };
    changes += 1;
    if (changes === operation) return { lostReply: kill };
    if (operation > 0 || changes > 1) return null;
    await kill();
    return { answer: 503, code: 'ServiceUnavailable' };
  };
  return await endOfRun(child);
}
