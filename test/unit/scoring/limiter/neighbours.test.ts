import { expect, test } from 'vitest';
import { Neighbours, type ServerUse, SILENT_MS } from '../../../../src/scoring/limiter/neighbours.ts';

/** A process with one user who wants as much as he can have. @param waiting requests that wait in the server. */
function eager(busy: number, waiting = 1, priority: 'live' | 'batch' = 'batch', maxShare = 1): ServerUse {
  return { users: [{ priority, maxShare, wants: 100 }], inFlight: busy + waiting, busy, isLive: priority === 'live' };
}

const idle: ServerUse = { users: [{ priority: 'batch', maxShare: 1, wants: 0 }], inFlight: 0, busy: 0, isLive: false };

test('who has more than his part is held to it, and the queue that goes with it, while somebody has less than his', () => {
  const neighbours = new Neighbours();
  neighbours.heard('b', eager(2), 0);
  expect(neighbours.standing(eager(6), 0).most).toBeCloseTo(4 + 2);
  // He who has less is held by nothing.
  const other = new Neighbours();
  other.heard('a', eager(6), 0);
  expect(other.standing(eager(2), 0).most).toBe(Infinity);
});

test('near enough to equal parts nobody is held', () => {
  const neighbours = new Neighbours();
  neighbours.heard('b', eager(3.7), 0);
  expect(neighbours.standing(eager(4.3), 0).most).toBe(Infinity);
});

test('who wants no more than he has holds nobody back; nor does anybody where nothing waits in the server', () => {
  const neighbours = new Neighbours();
  neighbours.heard('b', idle, 0);
  neighbours.heard('c', { ...eager(1, 0), users: [{ priority: 'live', maxShare: 1, wants: 1 }] }, 0);
  expect(neighbours.standing(eager(7), 0).most).toBe(Infinity);
  neighbours.heard('b', eager(1, 0), 0);
  expect(neighbours.standing(eager(7, 0), 0).most).toBe(Infinity);
});

test('live before batch: a process of batch users keeps one request beside live ones that take all', () => {
  const neighbours = new Neighbours();
  neighbours.heard('b', eager(5, 2, 'live'), 0);
  expect(neighbours.standing(eager(3), 0)).toMatchObject({ most: 1, isLive: true });
});

test('maxShare is of all that the server bears', () => {
  const neighbours = new Neighbours();
  neighbours.heard('b', eager(1, 1, 'batch', 0.25), 0);
  // The other may have 2 of the 8 and wants them; what he may not have is left.
  expect(neighbours.standing(eager(7), 0).most).toBeCloseTo(6 + Math.sqrt(6));
});

test('who left, and who was not heard of for a while, does not count', () => {
  const neighbours = new Neighbours();
  neighbours.heard('b', eager(1, 1, 'live'), 0);
  neighbours.heard('c', eager(1, 1, 'live'), 1_000);
  neighbours.left('c');
  expect(neighbours.standing(eager(7), SILENT_MS)).toMatchObject({ most: expect.any(Number), isLive: true });
  expect(neighbours.standing(eager(7), SILENT_MS + 1)).toEqual({
    most: Infinity,
    inFlight: 0,
    batch: 0,
    isLive: false,
    isSmaller: false,
  });
});

test('of several processes with batch users the largest one leaves the place free for live users', () => {
  const neighbours = new Neighbours();
  neighbours.heard('b', eager(5), 0);
  expect(neighbours.standing(eager(3), 0).isSmaller).toBe(true);
  expect(neighbours.standing(eager(6), 0).isSmaller).toBe(false);
});
