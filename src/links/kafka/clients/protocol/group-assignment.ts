import type { TopicPartition } from '../../client.ts';
import type { Subscriber } from './consumer-wire.ts';

/**
 * Deals partitions out in turn, by name, so that every leader gives the same answer to the same members.
 * @param partitions how many each topic has.
 */
export function dealPartitions(
  subscribers: readonly Subscriber[],
  partitions: ReadonlyMap<string, number>,
): ReadonlyMap<string, readonly TopicPartition[]> {
  const members = subscribers.toSorted((a, b) => (a.memberId < b.memberId ? -1 : 1));
  const dealt = new Map<string, TopicPartition[]>(members.map((member) => [member.memberId, []]));
  let turn = 0;
  for (const topic of [...partitions.keys()].toSorted()) {
    const wanting = members.filter((member) => member.topics.includes(topic));
    if (wanting.length === 0) continue;
    for (let partition = 0; partition < (partitions.get(topic) ?? 0); partition += 1) {
      const member = wanting[turn % wanting.length];
      turn += 1;
      if (member !== undefined) dealt.get(member.memberId)?.push({ topic, partition });
    }
  }
  return dealt;
}
