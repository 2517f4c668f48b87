import type { WireReply } from './wire.ts';

/** Servers may echo whole requests in their errors (DRUM does), so that what is quoted of a reply is cut. */
const QUOTED_CHARACTERS = 300;
const DECODED_BYTES = 65_536;

const decoder = new TextDecoder();

/** One header of a reply, the first if it came several times. */
export function headerOf(reply: WireReply, name: string): string | undefined {
  const value = reply.headers[name];
  return typeof value === 'string' ? value : value?.[0];
}

/** One line of at most 300 characters, without control characters. */
export function cutText(text: string): string {
  // Cut before cleaning: the rest of an echoed request may be megabytes.
  const line = text
    .slice(0, 4 * QUOTED_CHARACTERS)
    .replaceAll(/[\p{Cc}\s]+/gu, ' ')
    .trim();
  return line.length > QUOTED_CHARACTERS ? `${line.slice(0, QUOTED_CHARACTERS - 3)}...` : line;
}

/** The JSON object in a reply, if it is one. */
export function jsonOf(reply: WireReply): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(decoder.decode(reply.body));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null;
  } catch {
    return null;
  }
}

/**
 * What a server says about an error, as one short line: the message in a JSON body as the usual servers write it, else the text
 * itself; of a Python traceback the exception.
 */
export function faultText(reply: WireReply): string {
  const json = jsonOf(reply);
  if (json !== null) {
    const said = messageIn(json);
    const { stack_trace: trace } = json;
    const cause = typeof trace === 'string' ? exceptionIn(trace) : null;
    // MLflow says in its message what went wrong, or only that something did.
    const isSaid = cause === null || said?.includes(cause.slice(cause.indexOf(':') + 1).trim());
    if (said !== null) return cutText(isSaid ? said : `${cause} (${said})`);
  }
  const type = headerOf(reply, 'content-type') ?? '';
  if (type.includes('html')) return 'a page of HTML';
  const whole = decoder.decode(reply.body.subarray(0, DECODED_BYTES));
  const text = cutText(exceptionIn(whole) ?? whole);
  return text === '' ? 'no message' : text;
}

/** `{"message"}`, `{"error"}`, `{"error": {"message"}}`, `{"detail"}`, and the list of FastAPI, of which `input` is left out. */
function messageIn(json: Readonly<Record<string, unknown>>): string | null {
  for (const field of ['message', 'error', 'detail']) {
    const value = json[field];
    if (typeof value === 'string' && value !== '') return value;
    if (Array.isArray(value)) {
      const parts = value.map(problemText).filter((part) => part !== '');
      if (parts.length > 0) return parts.join('; ');
    } else if (typeof value === 'object' && value !== null) {
      const inner = messageIn({ ...value });
      if (inner !== null) return inner;
    }
  }
  return null;
}

/** One entry of a FastAPI reply with status 422: where, and what. It holds the whole request under `input`. */
function problemText(problem: unknown): string {
  if (typeof problem !== 'object' || problem === null) return '';
  const { loc, msg } = problem as { readonly loc?: unknown; readonly msg?: unknown };
  const place = Array.isArray(loc) ? `${loc.join('.')}: ` : '';
  return typeof msg === 'string' ? `${place}${msg}` : '';
}

/** The line of a Python traceback that says what happened; null where there is no traceback. */
function exceptionIn(text: string): string | null {
  if (!text.startsWith('Traceback (most recent call last)')) return null;
  const lines = text.split('\n').filter((line) => /^[\w.]*(Error|Exception|Warning|Interrupt)\b/.test(line));
  return lines.at(-1) ?? null;
}
