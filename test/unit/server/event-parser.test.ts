import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EventParser } from '../../../src/server/page/event-parser.ts';

test('events are found wherever the stream is cut', () => {
  const event = fc.record({ name: fc.constantFrom('jobs', 'snapshot'), data: fc.json() });
  fc.assert(
    fc.property(fc.array(event), fc.array(fc.nat(200)), (events, cuts) => {
      const text = events.map(({ name, data }) => `event: ${name}\ndata: ${data}\n\n: alive\n\n`).join('');
      const parser = new EventParser();
      const found = [];
      let at = 0;
      for (const cut of cuts) {
        found.push(...parser.feed(text.slice(at, at + cut)));
        at += cut;
      }
      found.push(...parser.feed(text.slice(at)));
      expect(found).toEqual(events);
    }),
  );
});

test('an event that is not whole is none', () => {
  const parser = new EventParser();
  expect(parser.feed('event: jobs\ndata: []\n')).toEqual([]);
  expect(parser.feed('\n')).toEqual([{ name: 'jobs', data: '[]' }]);
});

test('an event is found with separators of lines and paragraphs in its texts, which JSON leaves as they are', () => {
  const data = JSON.stringify({ definition: 'a\u2028b\u2029c' });
  expect(new EventParser().feed(`event: jobs\ndata: ${data}\n\n`)).toEqual([{ name: 'jobs', data }]);
});
