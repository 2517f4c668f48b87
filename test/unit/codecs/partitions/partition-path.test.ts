import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NULL_PARTITION, partitionFolder } from '../../../../src/codecs/partitions/partition-path.ts';

test.each([
  ['plain', 'carrier=plain'],
  ['', `carrier=${NULL_PARTITION}`],
  [null, `carrier=${NULL_PARTITION}`],
  [NULL_PARTITION, 'carrier=%5F_HIVE_DEFAULT_PARTITION__'],
  ['..', 'carrier=..'],
  ['../../etc/passwd', 'carrier=..%2F..%2Fetc%2Fpasswd'],
  ['a=b', 'carrier=a%3Db'],
  ['100%', 'carrier=100%25'],
  ['say "no"\n', 'carrier=say %22no%22%0A'],
  ['\0\u007f\u0085', 'carrier=%00%7F%C2%85'],
  ['*?[]{}\\', 'carrier=%2A%3F%5B%5D%7B%7D%5C'],
  ['naïve ☂ 漢字 😀', 'carrier=naïve ☂ 漢字 😀'],
])('the folder of %j is %s', (value, folder) => {
  expect(partitionFolder('carrier', value)).toBe(folder);
});

test('any text is one name of a folder that no path can leave, and is read back from it as it was', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary', minLength: 1 }), (column, value) => {
      const folder = partitionFolder(column, value);
      expect(Array.from(folder).every((one) => one >= ' ' && one !== '\u007f' && one !== '/' && one !== '\\')).toBe(
        true,
      );
      expect(['.', '..']).not.toContain(folder);
      const [name = '', ...rest] = folder.split('=');
      expect(rest).toHaveLength(1);
      expect([decodeURIComponent(name), decodeURIComponent(rest[0]!)]).toEqual([column, value]);
    }),
  );
});
