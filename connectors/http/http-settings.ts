import type { ConnectionGuard } from '../../src/sdk.ts';

/** How one server is spoken to. */
export interface HttpSettings {
  /** Sent with every request to the server itself, never to another one that it redirects to. */
  readonly headers: Readonly<Record<string, string>>;
  /** Sent as a bearer token, as the headers are; null sends none. */
  readonly token: string | null;
  /** Hosts (`host` or `host:port`) that the server may redirect to, beside itself. */
  readonly allowedHosts: readonly string[];
  /** Certificates (PEM) to trust in place of the machine's own; null trusts those. */
  readonly ca: string | null;
  /** How long a server that has answered may fail, without any progress, before the job does; in milliseconds. */
  readonly retryMs: number;
  /** The same for one that has never answered. */
  readonly connectMs: number;
  /** How long a connection may be silent while something is waited for, in milliseconds. */
  readonly silenceMs: number;
  /** How long the answer to an upload may take once all of it was sent, in milliseconds. */
  readonly answerMs: number;
  /** Asked before every connection, those of redirects too; null: it may go anywhere. */
  readonly guard: ConnectionGuard | null;
}

export const defaultHttpSettings: HttpSettings = {
  headers: {},
  token: null,
  allowedHosts: [],
  ca: null,
  retryMs: 120_000,
  connectMs: 15_000,
  silenceMs: 30_000,
  answerMs: 300_000,
  guard: null,
};
