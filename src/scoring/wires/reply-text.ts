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

/** What a server says about an error, as one short line: the usual message fields of a JSON body, else the text itself. */
export function faultText(reply: WireReply): string {
  const json = jsonOf(reply);
  for (const field of ['message', 'error', 'detail']) {
    const value = json?.[field];
    if (typeof value === 'string' && value !== '') return cutText(value);
  }
  const type = headerOf(reply, 'content-type') ?? '';
  if (type.includes('html')) return 'a page of HTML';
  const text = cutText(decoder.decode(reply.body.subarray(0, DECODED_BYTES)));
  return text === '' ? 'no message' : text;
}
