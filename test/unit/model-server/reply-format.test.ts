import { expect, test } from 'vitest';
import { replyFormat } from '../../../src/model-server/reply-format.ts';

test('the reply has the format that the Accept header weighs most, JSON in doubt', () => {
  for (const accept of [
    undefined,
    '',
    '*/*',
    'application/json',
    'text/csv;q=0.5, application/json',
    '*/*, text/csv',
    'application/*',
  ]) {
    expect(replyFormat(accept), accept).toBe('json');
  }
  for (const accept of [
    'text/csv',
    'TEXT/CSV; charset=utf-8',
    'application/json;q=0.1,text/csv;q=0.9',
    'text/*',
    'image/png, text/csv',
  ]) {
    expect(replyFormat(accept), accept).toBe('csv');
  }
  for (const accept of ['text/html', 'text/csv;q=0']) {
    expect(() => replyFormat(accept)).toThrow(expect.objectContaining({ status: 406 }));
  }
});
