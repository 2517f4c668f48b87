import { Announcements } from './announcements.ts';
import type { ClusterSettings } from './cluster.ts';
import { missingTopics } from './missing-topics.ts';
import { type RemainsOptions, removeRemains } from './remove-remains.ts';

/**
 * Removes what a job that nobody will continue has left on the cluster: its topics, its group, its announcement. Workers that are at it are told to
 * leave, and waited for. Does nothing where nothing is left. Throws KAFKA_FAULT when they do not leave; what is left then is there still.
 */
export async function forgetJob(
  { client, clock, name, settings }: Omit<RemainsOptions, 'sessionMs'> & { readonly settings: ClusterSettings },
  signal: AbortSignal,
): Promise<void> {
  const announcements = await Announcements.open(client, settings);
  const announcement = await announcements.find(name, signal);
  const missing = await missingTopics(client, name);
  if (announcement === null && missing.length === 2) return;
  // The announcement goes last: as long as it is there everybody knows whose the topics are.
  if (announcement?.state === 'running')
    await announcements.announce(name, { ...announcement, state: 'stopped' }, signal);
  await removeRemains({ client, clock, name, sessionMs: 1000 * settings.sessionSeconds }, signal);
  await announcements.announce(name, null, signal);
}
