const ROOT = '/api/v2';
const KEY = 'sluice token';

/** A reply that is no success, in the words of the server. */
export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The token of this tab, kept until it is closed; empty where none was given. */
export function token(): string {
  return sessionStorage.getItem(KEY) ?? '';
}

export function setToken(text: string): void {
  if (text === '') sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, text);
}

export function address(path: string): string {
  return `${ROOT}${path}`;
}

export function accessHeaders(): Record<string, string> {
  return token() === '' ? {} : { authorization: `Bearer ${token()}` };
}

/** Sends a request. Throws ApiError for a refusal, and with status 0 where there is no reply. */
export async function send(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = { ...accessHeaders(), ...(init.body == null ? {} : { 'content-type': 'application/json' }) };
  let reply: Response;
  try {
    reply = await fetch(address(path), { ...init, headers });
  } catch (error) {
    if (init.signal?.aborted === true) throw error;
    throw new ApiError(0, 'The server cannot be reached.');
  }
  if (reply.ok) return reply;
  throw new ApiError(reply.status, messageOf(await reply.text().catch(() => ''), reply.status));
}

export async function ask<T>(path: string, init: RequestInit = {}): Promise<T> {
  return (await (await send(path, init)).json()) as T;
}

/** What a refusal says. */
export function messageOf(text: string, status: number): string {
  try {
    const { message } = JSON.parse(text) as { readonly message?: unknown };
    if (typeof message === 'string') return message;
  } catch {
    // No reply of this server.
  }
  return `The server answered ${status}.`;
}
