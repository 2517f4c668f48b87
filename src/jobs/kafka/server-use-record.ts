import * as z from 'zod';
import type { ServerUse } from '../../scoring/limiter/neighbours.ts';

const amount = z.number().min(0);

/** What a process writes of its use of a server. Fields of later versions are passed over. */
const serverUse = z.object({
  v: z.literal(1),
  users: z.array(z.object({ priority: z.enum(['live', 'batch']), maxShare: z.number().gt(0).max(1), wants: amount })),
  inFlight: amount,
  busy: amount,
  isLive: z.boolean(),
});

/** A record of the topic; null for one that this version does not understand: its writer then counts as silent. */
export function readServerUse(text: string): ServerUse | null {
  try {
    const { v: _, ...use } = serverUse.parse(JSON.parse(text));
    return use;
  } catch {
    return null;
  }
}
