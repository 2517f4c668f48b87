import { messageOf, SluiceError } from '../core/error.ts';
import { createHttpConnection } from '../scoring/http-connection.ts';
import type { Deployment } from './description/deployment.ts';

const LONGEST_MS = 60_000;

/**
 * Has the server of a deployment serve another model, which only `sluice model-server` can do. Gives the ID of the model that it serves from now on.
 * Throws REQUEST_INVALID (422) where it cannot be asked, is another server, or does not take the model.
 * @param file the model file in the folder of the server.
 */
export async function replaceModel(deployment: Deployment, file: string, signal: AbortSignal): Promise<string> {
  const { id, server, wire, token, ca, insecure } = deployment;
  if (wire !== 'datarobot') throw notOurs(deployment, `its wire is ${wire}`);
  const connection = createHttpConnection({
    server,
    connections: 1,
    timeoutMs: LONGEST_MS,
    insecure,
    ...(ca === null ? {} : { ca }),
  });
  const headers = [
    'content-type',
    'application/json',
    ...(token === null ? [] : ['authorization', `Bearer ${token.reveal()}`]),
  ];
  try {
    const { pathname } = new URL(server);
    const path = `${pathname.replace(/\/+$/, '')}/predApi/v1.0/deployments/${encodeURIComponent(id)}/model`;
    const body = Buffer.from(JSON.stringify({ file }));
    const request = { method: 'PATCH', path, headers: [], body } as const;
    const reply = await connection.send(request, headers, signal).catch((error: unknown) => {
      throw refused(`The server of the deployment ${id} cannot be asked: ${messageOf(error)}`);
    });
    const answer = parsed(reply.body);
    if (reply.status === 200 && typeof answer.model?.id === 'string') return answer.model.id;
    if (typeof answer.message !== 'string' || reply.status >= 500 || reply.status === 404 || reply.status === 405)
      throw notOurs(deployment, `it answers ${reply.status}`);
    throw refused(`The server of the deployment ${id} does not take the model: ${answer.message.slice(0, 500)}`);
  } finally {
    await connection.close();
  }
}

interface Answer {
  readonly model?: { readonly id?: unknown };
  readonly message?: unknown;
}

function parsed(body: Uint8Array): Answer {
  try {
    const answer: unknown = JSON.parse(Buffer.from(body).toString('utf8'));
    return typeof answer === 'object' && answer !== null ? answer : {};
  } catch {
    return {};
  }
}

function notOurs({ id }: Deployment, why: string): SluiceError {
  return refused(
    `The model of the deployment ${id} cannot be replaced from here: its server is no sluice model-server (${why}). Replace it there`,
  );
}

function refused(message: string): SluiceError {
  return new SluiceError('REQUEST_INVALID', `${message}.`, { status: 422 });
}
