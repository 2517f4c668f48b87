import type { UnreadableMessage } from '../../core/message-format.ts';

/** The faults of messages as the contract has them, in the order of the messages. */
export function unreadableMessages(faults: ReadonlyMap<number, string>): readonly UnreadableMessage[] {
  if (faults.size === 0) return [];
  return [...faults].toSorted(([a], [b]) => a - b).map(([message, reason]) => ({ message, reason }));
}
