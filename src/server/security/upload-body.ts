import { systemClock } from '../../core/clock.ts';
import type { ServerSettings } from '../../jobs/queue/server-settings.ts';
import type { ApiCall } from '../api-route.ts';
import { refused } from '../refused.ts';
import { pacedBody } from './paced-body.ts';

/**
 * The bytes of an upload as they come. A connection that is silent for too long is closed, which breaks the upload off. Throws REQUEST_INVALID
 * (422) for one that is packed, JOB_LIMIT (408) for one that is too slow.
 */
export function uploadBody(
  { request, reply }: ApiCall,
  { uploadIdleSeconds, limits }: ServerSettings,
): AsyncIterable<Uint8Array> {
  const { headers, raw } = request;
  const packing = headers['content-encoding'] ?? 'identity';
  if (packing !== 'identity') throw refused(`Send the rows as they are, not packed by ${packing.slice(0, 40)}`);
  raw.setTimeout(1000 * uploadIdleSeconds, () => raw.destroy());
  raw.once('end', () => {
    // Behind a reply the connection waits for its next request, and not for ever.
    if (!reply.raw.writableEnded) raw.setTimeout(0);
  });
  // Whoever stops reading must still be able to answer.
  const body: AsyncIterable<Uint8Array> = raw.iterator({ destroyOnReturn: false });
  const bytes = limits.uploadBytesPerMinute;
  return bytes === 0 ? body : pacedBody(body, { bytes, windowMs: 60_000 }, systemClock);
}
